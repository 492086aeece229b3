/** What a component (or the program) is waiting for at this moment, and of whom. */
export interface Wait {
  /** The component that waits; '' for an instruction of the program. */
  readonly component: string;
  /** What cannot happen: the transition that cannot start, the place that cannot be entered or left, the instruction. */
  readonly what: string;
  readonly rule: 'R1' | 'R2' | 'R3' | 'R5' | 'instruction';
  /** The port it is blocked at; none for an occupied place, an incomplete dock set or a `wait`. */
  readonly port?: string;
  /** Who could release it, and why they do not. */
  readonly for: readonly { readonly component: string; readonly port?: string; readonly why: string }[];
}
