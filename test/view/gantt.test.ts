import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { traceOf, type Trace, type TraceRow } from '../../src/assembly/trace.ts';
import { ganttSvg } from '../../src/view/gantt.ts';
import { happenings, hostOf } from './diet.ts';
import { all, parseXml, texts } from './xml.ts';

const row = (component: string, transition: string, startMs: number, endMs: number, more: Partial<TraceRow> = {}): TraceRow => ({ component, transition, execution: 1, attempts: 1, startMs, endMs, outcome: 'done', ...more });
function trace(rows: readonly TraceRow[]): Trace {
  const startMs = Math.min(...rows.map((r) => r.startMs)), endMs = Math.max(...rows.map((r) => r.endMs ?? r.startMs));
  return { rows, behaviours: [], programs: [], startMs, endMs, makespanMs: endMs - startMs };
}
/** Tooltip -> box of each bar. */
function bars(svg: string) {
  return new Map(all(parseXml(svg), 'g').flatMap((g) => {
    const [title, box] = [all(g, 'title')[0], all(g, 'rect')[0]];
    const number = (key: string) => Number(box!.attributes.get(key));
    return box ? [[String(title!.children[0]).split(/\s/)[0]!, { x: number('x'), y: number('y'), width: number('width'), height: number('height'), texts: texts(g), fills: all(g, 'rect').map((r) => r.attributes.get('fill')) }]] : [];
  }));
}

describe('ganttSvg', () => {
  const diet = ganttSvg(traceOf(happenings), { hostOf });

  test('the picture of a deployment is as it was looked at', async () => {
    await expect(diet).toMatchFileSnapshot('snapshots/gantt-diet.svg');
  });

  test('a bar a transition, at its place on the time axis', () => {
    const found = bars(ganttSvg(trace([row('a', 'x', 1000, 2000), row('a', 'y', 3000, 5000), row('b', 'z', 1000, 5000)])));
    const [x, y, z] = ['a.x', 'a.y', 'b.z'].map((key) => found.get(key)!);
    expect(z!.width / x!.width).toBeCloseTo(4, 1);
    expect(y!.width / x!.width).toBeCloseTo(2, 1);
    expect(y!.x).toBeCloseTo(x!.x + 2 * x!.width, 0);
    expect(y!.y).toBe(x!.y);
    expect(z!.y).toBeGreaterThan(x!.y);
  });

  test('transitions of one component at the same time lie one below the other, never over each other', () => {
    const found = bars(diet);
    expect(found.get('ma1.fetch')!.y).toBeGreaterThanOrEqual(found.get('ma1.configure')!.y + found.get('ma1.configure')!.height);
  });

  test('a name is written where it fits and told by the tooltip anyway', () => {
    const found = bars(ganttSvg(trace([row('a', 'long-name-of-a-step', 0, 1), row('a', 'go', 1, 1000)])));
    expect(found.get('a.long-name-of-a-step')!.texts).toEqual([]);
    expect(found.get('a.go')!.texts).toEqual(['go']);
  });

  test('a transition without duration is seen', () => {
    expect(bars(ganttSvg(trace([row('a', 'x', 5, 5), row('a', 'y', 0, 9)]))).get('a.x')!.width).toBe(2);
    expect(bars(ganttSvg(trace([row('a', 'x', 5, 5)]))).get('a.x')!.width).toBe(2);
  });

  test('failed has a pattern, not a colour alone, and its reason in the tooltip', () => {
    expect(bars(diet).get('sed[2].connect')!.fills).toEqual(['#ffc9c5', 'url(#failed)']);
    expect(diet).toContain('connect SED sed2 la2: exit code 3');
  });

  test('byHost: a heading a host', () => {
    const headings = texts(parseXml(ganttSvg(traceOf(happenings), { hostOf, byHost: true })));
    expect(headings).toEqual(expect.arrayContaining(['head', 'worker[1]', 'worker[2]']));
  });

  test('500 components: a row each, no letter below 11 px, the time axis again on the way down', () => {
    const rows = Array.from({ length: 500 }, (_, i) => row(`worker[${i}]`, 'install', 0, 1000 + i));
    const svg = parseXml(ganttSvg(trace(rows)));
    expect(new Set(texts(svg).filter((t) => t.startsWith('worker'))).size).toBe(500);
    expect(Math.min(...all(svg, 'text').map((t) => Number(t.attributes.get('font-size'))))).toBeGreaterThanOrEqual(11);
    expect(texts(svg).filter((t) => t === '0').length).toBeGreaterThan(5);
    expect(Number(svg.attributes.get('height'))).toBeLessThan(10_000);
  });

  test('nothing happened: a picture that says so', () => {
    expect(texts(parseXml(ganttSvg(traceOf([]))))).toContain('0s, 0 components, 0 transitions');
  });

  test('hostile names stay text: well-formed, no script, no element of theirs', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 4, maxLength: 4 }), ([a = '', b = '', c = '', d = '']) => {
      const svg = parseXml(ganttSvg(trace([row(a, b, 0, 10, { behaviour: c })]), { title: d, hostOf: () => a, byHost: true }));
      expect(all(svg, 'script')).toEqual([]);
    }));
    const svg = parseXml(ganttSvg(trace([row('</text><script>alert(1)</script>', '"&<', 0, 10)]), { widthPx: 2000 }));
    expect(all(svg, 'script')).toEqual([]);
    expect(texts(svg)).toContain('"&<');
  });
});
