import { describe, expect, test } from 'vitest';
import { traceOf, type Trace } from '../../src/assembly/trace.ts';
import { traceToChrome, traceToCsv, traceToJson } from '../../src/view/trace-export.ts';
import { happenings, hostOf } from './diet.ts';

const trace = traceOf(happenings);

interface ChromeEvent { ph: string; name: string; pid: number; tid: number; ts: number; dur: number; args: { name: string } }
const chrome = (of: Trace): ChromeEvent[] => JSON.parse(traceToChrome(of, { hostOf })).traceEvents;

describe('traceToChrome', () => {
  test('a process a host, a thread a component', () => {
    const events = chrome(trace);
    const names = (kind: string) => new Map(events.filter((e) => e.name === kind).map((e) => [kind === 'process_name' ? e.pid : e.tid, e.args.name]));
    const [processes, threads] = [names('process_name'), names('thread_name')];
    const where = (transition: string, ts: number) => events.filter((e) => e.name === transition && e.ts === ts).map((e) => `${processes.get(e.pid)}/${threads.get(e.tid)}`);
    expect(where('connect', 8_900_000)).toEqual(['worker[2]/sed[2]']);
    expect(where('configure', 0)).toEqual(['head/ns']);
  });

  test('slices of one thread nest or follow each other', () => {
    const slices = chrome(trace).filter((e) => e.ph === 'X');
    for (const a of slices) {
      for (const b of slices) {
        if (a === b || a.tid !== b.tid || a.ts > b.ts) continue;
        const nested = b.ts + b.dur <= a.ts + a.dur || (a.ts === b.ts && a.dur <= b.dur);
        expect(b.ts >= a.ts + a.dur || nested, `${a.name} and ${b.name}`).toBe(true);
      }
    }
  });

  test('what overlaps without nesting gets a thread of its own, named after the component', () => {
    const row = (transition: string, startMs: number, endMs: number) => ({ component: 'a', transition, execution: 1, attempts: 1, startMs, endMs, outcome: 'done' as const });
    const events = chrome({ rows: [row('x', 0, 10), row('y', 5, 15), row('z', 10, 20)], behaviours: [], programs: [], startMs: 0, endMs: 20, makespanMs: 20 });
    const thread = (name: string) => events.find((e) => e.name === 'thread_name' && e.tid === events.find((each) => each.name === name)!.tid)!.args.name;
    expect(['x', 'y', 'z'].map(thread)).toEqual(['a', 'a (2)', 'a']);
  });

  test('what still runs lasts until the end of the trace', () => {
    expect(chrome(trace).find((e) => e.name === 'connect' && e.ts === 8_200_000)!.dur).toBe(3_800_000);
  });
});

describe('traceToCsv', () => {
  test('a line a row, times from the start of the trace', () => {
    expect(traceToCsv(trace, { hostOf }).split('\r\n').filter((line) => /^component|^ns|sed.*connect|la2.*start/.test(line))).toEqual([
      'component,host,behaviour,transition,execution,attempts,outcome,startMs,endMs,durationMs,failure',
      'ns,head,deploy,configure,1,1,done,0,1200,1200,',
      'ns,head,deploy,start,2,1,done,1200,4100,2900,',
      'la2,worker[2],deploy,start,4,2,done,4300,7400,3100,no answer from ns',
      'sed[1],worker[1],deploy,connect,5,1,running,8200,,,',
      'sed[2],worker[2],deploy,connect,5,1,failed,8900,11000,2100,connect SED sed2 la2: exit code 3',
    ]);
  });

  test.each([['a,b', '"a,b"'], ['say "hi"', '"say ""hi"""'], ['two\nlines', '"two\nlines"'], ['plain', 'plain']])('RFC 4180: %j is written %j', (name, cell) => {
    const row = { component: name, transition: 't', execution: 1, attempts: 1, startMs: 0, endMs: 1, outcome: 'done' } as const;
    expect(traceToCsv({ rows: [row], behaviours: [], programs: [], startMs: 0, endMs: 1, makespanMs: 1 })).toContain(`\r\n${cell},,,t,1,1,done,0,1,1,\r\n`);
  });
});

test('traceToJson gives the trace and the hosts', () => {
  const { rows, ...rest } = JSON.parse(traceToJson(trace, { hostOf }));
  expect(rest).toEqual(JSON.parse(JSON.stringify({ behaviours: trace.behaviours, programs: trace.programs, startMs: trace.startMs, endMs: trace.endMs, makespanMs: 12_000 })));
  expect(rows[0]).toMatchObject({ component: 'ns', host: 'head', transition: 'configure' });
});
