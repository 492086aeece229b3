import { oneLine } from './text.ts';

/** Who conducts an assembly, or did. */
interface Controller {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
  readonly alive: boolean;
}

/** An action whose end the journal does not know. `begun`: its command may be at work on its host. */
export interface UnderWay {
  readonly component: string;
  readonly transition: string;
  readonly host: string;
  readonly begun: boolean;
}

/** What was due when nothing more was to be started. */
export function dueLines(due: readonly UnderWay[]): string[] {
  return due.length > 0 ? [`Due, and not begun: ${named(due)}`] : [];
}

function named(some: readonly UnderWay[]): string {
  const names = some.slice(0, 10).map(({ component, transition, host }) => oneLine(`${component}.${transition} on ${host}`));
  return [...names, ...(some.length > names.length ? [`${some.length - names.length} more`] : [])].join(', ');
}

/**
 * Who conducts an assembly; when nobody does and its program is not over: what became of the controller, what was under way, and how to go on.
 * @param isOver whether the program is
 */
export function controllerLines({ controller, underWay, isOver, file }: { readonly controller: Controller | undefined; readonly underWay: readonly UnderWay[]; readonly isOver: boolean; readonly file: string }): string[] {
  const who = controller && `process ${controller.pid} on ${oneLine(controller.host)}`;
  if (controller?.alive) return [`Conducted by ${who}, since ${controller.since}.`];
  if (isOver) return [];
  const begun = underWay.filter((one) => one.begun), due = underWay.filter((one) => !one.begun);
  return [
    who ? `No controller is running: ${who} ended without a word.` : 'No controller is running: the program was interrupted.',
    ...(begun.length > 0 ? [`Under way then, and perhaps still on its host: ${named(begun)}`] : []),
    ...dueLines(due),
    // What has begun must have ended before it can be dropped.
    oneLine(`Continue with: tutti resume ${file}${begun.length > 0 ? '' : `   (or drop the program: tutti abort ${file})`}`),
  ];
}
