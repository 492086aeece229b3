// What the demo draws: text, eighty columns wide.

/** An action that ran: milliseconds of any clock. */
export interface Bar {
  readonly component: string;
  readonly transition: string;
  readonly startMs: number;
  readonly endMs: number;
}

const barColumns = 68;

/**
 * A row a component, a bar an action, on one scale of time; below it how long it took, and how long one after the other would have taken.
 * @example gantt([{ component: 'ns', transition: 'start', startMs: 0, endMs: 80 }], 80)
 */
export function gantt(bars: readonly Bar[], makespanMs: number): string[] {
  const firstMs = Math.min(...bars.map(({ startMs }) => startMs));
  const lengthMs = Math.max(...bars.map(({ endMs }) => endMs)) - firstMs;
  const column = (ms: number) => Math.round(((ms - firstMs) / lengthMs) * barColumns);
  const rows = [...Map.groupBy(bars, ({ component }) => component)].map(([component, ofComponent]) => {
    let row = '';
    for (const { transition, startMs, endMs } of ofComponent.toSorted((a, b) => a.startMs - b.startMs)) {
      const from = Math.max(row.length, column(startMs));
      row = row.padEnd(from) + bar(transition, Math.max(2, column(endMs) - from));
    }
    return `  ${component.padEnd(7)} ${row}`.trimEnd();
  });
  const sumMs = bars.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  const compared = sumMs > makespanMs * 1.2 ? `; one after the other: ${seconds(sumMs)}` : '';
  return [...rows, `  ${bars.length} actions in ${seconds(makespanMs)}${compared}`];
}

/** `[connect]`, as wide as it lasted; a name that does not fit is shortened. */
function bar(name: string, width: number): string {
  const room = width - 2;
  return `[${name.length <= room ? name + '='.repeat(room - name.length) : name.slice(0, Math.max(0, room))}]`;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** A component: where it stands, whose child it is, and its process. */
export interface Element {
  readonly name: string;
  readonly place: string;
  readonly parent?: string;
  readonly pid?: number;
}

/** Elements below their parents, each with its place and its process; those that are not attached come last, in a line of their own. */
export function tree(elements: readonly Element[]): string[] {
  const attached = (element: Element) => element.parent !== undefined && element.place === 'connected';
  const lines: string[] = [];
  const draw = (element: Element, indent: string, branch: string): void => {
    lines.push(`  ${(indent + branch + element.name).padEnd(16)} ${element.place.padEnd(13)} ${element.pid === undefined ? 'no process' : `process ${element.pid}`}`);
    const below = elements.filter((one) => attached(one) && one.parent === element.name);
    const next = branch === '' ? '' : indent + (branch.startsWith('└') ? '   ' : '│  ');
    below.forEach((one, i) => draw(one, next, i === below.length - 1 ? '└─ ' : '├─ '));
  };
  for (const element of elements) if (!attached(element)) draw(element, '', '');
  return lines;
}
