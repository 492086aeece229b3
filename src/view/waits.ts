import type { Wait } from '../assembly/waits.ts';
import { listSome, oneLine } from './text.ts';

/**
 * One sentence a wait: who cannot do what, at which of its ports, and who could release it and does not. Sentences of one chain follow each
 * other, from who waits to whom it waits for; a chain that comes back to itself is said to. Above `limit` (20) the rest is counted.
 *
 * @example
 * explain(waits)
 * // ['la1 waits to start connect, port parent: ma1.agent is not active: in running, behaviour deploy',
 * //  'ma1 waits to start connect, port naming: ns.naming is not active: start failed, behaviour deploy']
 */
export function explain(waits: readonly Wait[], limit = 20): string[] {
  const { ordered, circles } = inChains(waits);
  const rest = ordered.length - limit;
  return [
    ...(rest > 1 ? [...ordered.slice(0, limit).map(sentence), `... and ${rest} more waits`] : ordered.map(sentence)),
    ...circles.slice(0, limit).map((names) => circle(names)),
  ];
}

/** `These wait for each other: a -> b -> a`; of a long circle the beginning. */
function circle(names: readonly string[]): string {
  const shown = names.length > 8 ? [...names.slice(0, 7), `${names.length - 7} more`] : names;
  return oneLine(`These wait for each other: ${[...shown, names[0]!].map((name) => name || 'the program').join(' -> ')}`);
}

/** A wait as a sentence, with two at most of those it waits for. */
export function sentence(wait: Wait): string {
  return sentenceOf([wait], Infinity);
}

/** Waits for the same thing, in groups: of a thousand users of one provider nobody wants a thousand lines. In the order of their first ones. */
export function alike(waits: readonly Wait[]): (readonly Wait[])[] {
  return [...Map.groupBy(waits, (wait) => (wait.rule === 'instruction' ? wait : whatItSays(wait))).values()];
}

/** As much as the sentence shows beside the waiter: a screen asks this of thousands of waits, ten times a second. */
function whatItSays({ what, rule, port = '', for: others }: Wait): string {
  let text = `${rule}\0${what}\0${port}\0${others.length}`;
  for (let i = 0; i < others.length && i < 3; i++) text += `\0${others[i]!.component}\0${others[i]!.port ?? ''}\0${others[i]!.why}`;
  return text;
}

/** What cannot be done: `start connect`, `enter ready`, `leave up`. */
function deed({ what, rule }: Wait): string {
  switch (rule) {
    case 'R1': return `enter ${what}`;
    case 'R2': return `leave ${what}`;
    case 'R3': return `start ${what}`;
    case 'R5': return `choose at ${what}`;
    case 'instruction': return what;
    default: return rule satisfies never;
  }
}

/** Below so many columns the sentence says first what matters most. */
const narrow = 60;

/** Waits that are alike as one sentence; when there are few columns a short one: who, and whom they wait for. */
export function sentenceOf(waits: readonly Wait[], columns: number): string {
  const { component, rule, port, for: others } = waits[0]!;
  const what = deed(waits[0]!);
  const names = waits.length === 1 ? component : listSome(waits.map((wait) => wait.component), columns < narrow ? 1 : 3);
  const whys = others.map((other) => {
    const itself = waits.length === 1 && other.component === component && other.port === undefined;
    return itself ? other.why : `${other.component}${other.port === undefined ? '' : `.${other.port}`} ${other.why}`;
  });
  const shown = whys.length > 3 ? [...whys.slice(0, 2), `and ${whys.length - 2} more`] : whys;
  const why = shown.join('; ') || 'nobody is there to release it';
  if (columns < narrow) return oneLine(`${rule === 'instruction' ? what : `${names}: ${what}`}: ${why}`);
  const waiter = rule === 'instruction' ? `the program waits at "${what}"` : `${names} ${waits.length === 1 ? 'waits' : 'wait'} to ${what}`;
  return oneLine(`${waiter}${port === undefined ? '' : `, port ${port}`}: ${why}`);
}

/**
 * Waits in the order of their chains: first those nobody waits for (the program's among them), each one followed by the waits of whom it waits
 * for. Linear in the number of waits and of those waited for.
 */
function inChains(waits: readonly Wait[]): { readonly ordered: Wait[]; readonly circles: string[][] } {
  const waitsOf = Map.groupBy(waits, (wait) => wait.component);
  const awaited = new Set(waits.flatMap((wait) => wait.for.map(({ component }) => component).filter((name) => name !== wait.component)));
  const ordered: Wait[] = [];
  const circles: string[][] = [];
  const done = new Set<string>();

  /** Depth first without recursion: a chain may be as long as the assembly. */
  const follow = (start: string): void => {
    const path: { readonly name: string; readonly next: Iterator<string> }[] = [];
    const onPath = new Map<string, number>();
    const enter = (name: string): void => {
      const own = waitsOf.get(name);
      if (!own) return;
      done.add(name);
      ordered.push(...own);
      onPath.set(name, path.length);
      path.push({ name, next: own.flatMap((wait) => wait.for.map(({ component }) => component)).values() });
    };
    enter(start);
    for (let last = path.at(-1); last; last = path.at(-1)) {
      const { value: name, done: noMore } = last.next.next();
      if (noMore) {
        onPath.delete(last.name);
        path.pop();
      } else if (onPath.has(name) && name !== last.name) circles.push(path.slice(onPath.get(name)).map((step) => step.name));
      else if (!done.has(name)) enter(name);
    }
  };

  for (const { component } of waits) if (!awaited.has(component) && !done.has(component)) follow(component);
  for (const { component } of waits) if (!done.has(component)) follow(component);
  return { ordered, circles };
}
