/** One end of a connection, and a connection, as an assembly has them. */
interface End {
  readonly component: string;
  readonly port: string;
}

export interface Wiring {
  readonly components: readonly { readonly name: string; readonly type: string }[];
  readonly connections: readonly { readonly use: End; readonly provide: End }[];
}

/** What a system knows to be wrong with the wiring of its components beyond what ports can say; each problem is an error at its component. */
export interface WiringRule {
  readonly name: string;
  readonly about: string;
  /** Of the diagnostic: a row of docs/errors.md. */
  readonly code: string;
  readonly summary: string;
  readonly find: (wiring: Wiring) => readonly { readonly component: string; readonly detail: string }[];
}
