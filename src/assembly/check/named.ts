import type { ComponentType } from '../../components/model.ts';
import type { Diagnostic, Where } from '../../diagnostic.ts';
import type { Assembly } from '../model.ts';

/** One thing that is looked at: a name, what it looks for, and the problems that it finds. */
export interface NamedCheck {
  readonly name: string;
  readonly about: string;
  readonly run: (assembly: Assembly) => readonly Diagnostic[];
}

/** As NamedCheck, for one component type. `where` knows `place:web.running`, `port:web.db`, … when the type was read from a text. */
export interface TypeCheck {
  readonly name: string;
  readonly about: string;
  readonly run: (type: ComponentType, where: ReadonlyMap<string, Where>) => readonly Diagnostic[];
}

/** As `error`, but it is worth knowing and no more. */
export function note(code: string, summary: string, detail: string, where?: Where): Diagnostic {
  return { code, severity: 'note', summary, detail, ...(where ? { where } : {}) };
}
