import { describe, expect, it } from 'vitest';
import { check, checkProgram, checks, checkTypes, expandCalls, instructionsFor, lifeCycle, typeChecks, type Situation } from '../../src/assembly/check.ts';
import type { Assembly, Instruction, Program } from '../../src/assembly/model.ts';
import { parseTypes } from '../../src/assembly/parse.ts';
import { defineComponent } from '../../src/components/define.ts';
import type { ComponentType } from '../../src/components/model.ts';
import { TuttiError } from '../../src/diagnostic.ts';
import { catalogue, parse } from './stage.ts';
import { cpuMs } from '../cpu-time.ts';

const typeOf = (value: object): ComponentType => parseTypes({ t: value }).types.get('t')!;
const codes = (list: readonly { readonly code: string }[]): string[] => list.map(({ code }) => code);

/** An assembly as a TypeScript program would make it: nothing about it was read from a text. */
function made(parts: Partial<Assembly>): Assembly {
  return { name: 'made', folder: '', types: catalogue, hosts: ['local'], components: [], connections: [], programs: new Map(), where: new Map(), ...parts };
}
const component = (name: string, type: string): Assembly['components'][number] => ({ name, type, on: 'local', with: {} });
const connection = (text: string): Assembly['connections'][number] => {
  const [use, provide] = text.split(' -> ').map((end) => ({ component: end.split('.')[0]!, port: end.split('.')[1]! }));
  return { use: use!, provide: provide! };
};

describe('the list of checks', () => {
  it('each has a name of its own and says what it is about', () => {
    const all = [...checks, ...typeChecks];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { about } of all) expect(about.length).toBeGreaterThan(20);
  });
  it('others add theirs', () => {
    const mine = { name: 'mine', about: 'nothing is ever right enough', run: () => [{ code: 'MINE', severity: 'note' as const, summary: 'So it is' }] };
    expect(codes(check(made({}), [mine]))).toEqual(['MINE']);
  });
});

describe('assemblies that were not read from a text are checked as well', () => {
  it('names, types, ports and kinds', () => {
    const assembly = made({
      components: [component('a', 'client'), component('a', 'client'), component('b', 'sevrer'), component('s', 'server')],
      connections: ['a.http -> s.http', 'a.http -> s.http', 'a.http -> s.address', 'a.htp -> s.http', 'x.http -> s.http'].map(connection),
    });
    expect(codes(check(assembly))).toEqual(['ALREADY_THERE', 'UNKNOWN_TYPE', 'ALREADY_CONNECTED', 'PORT_KIND_MISMATCH', 'UNKNOWN_PORT', 'UNKNOWN_COMPONENT']);
  });
  it('a type that is not in use is nobody\'s business', () => {
    const bad = typeOf({ places: ['a', 'b'] });
    expect(check(made({ types: new Map([['t', bad]]) }))).toEqual([]);
    expect(codes(check(made({ types: new Map([['t', bad]]), components: [component('x', 't')] })))).toEqual(['UNREACHABLE_PLACE']);
  });
  it('a port for which a program connects more is not short of providers', () => {
    const components = [component('q', 'quorum'), component('m', 'member'), component('n', 'member')];
    const connections = [connection('q.member -> m.member')];
    const later: Program = { name: 'p', instructions: [{ kind: 'connect', connection: connection('q.member -> n.member') }] };
    expect(codes(check(made({ components, connections })))).toEqual(['TOO_FEW_PROVIDERS']);
    expect(check(made({ components, connections, programs: new Map([['p', later]]) }))).toEqual([]);
  });
  it('a port that a program connects is not left over', () => {
    const components = [component('a', 'client'), component('s', 'server')];
    const later: Program = { name: 'p', instructions: [{ kind: 'connect', connection: connection('a.http -> s.http') }] };
    expect(codes(check(made({ components })))).toEqual(['UNCONNECTED_PORT']);
    expect(check(made({ components, programs: new Map([['p', later]]) }))).toEqual([]);
  });
});

describe('life cycles', () => {
  it('what is never entered, where it rests, what never moves', () => {
    const { entered, rests, moves, stuck, complete } = lifeCycle(typeOf({ places: ['off', 'mid', 'on', 'lost'], transitions: { a: { from: 'off', to: 'mid', behaviour: 'go' }, b: { from: 'mid', to: 'on', behaviour: 'go' }, c: { from: 'lost', to: 'on', behaviour: 'find' } } }));
    expect({ entered: [...entered], rests: [...rests], moves: [...moves], stuck, complete }).toEqual({ entered: ['off', 'mid', 'on'], rests: ['off', 'on'], moves: ['go'], stuck: [], complete: true });
  });
  it('R6: a place is left once per behaviour, so a circle ends', () => {
    expect([...lifeCycle(typeOf({ places: ['a', 'b'], transitions: { x: { from: 'a', to: 'b', behaviour: 'go' }, y: { from: 'b', to: 'a', behaviour: 'go' } } })).rests]).toEqual(['a']);
  });
  it('each way out of a switch is played, and none when no case covers the rest', () => {
    const chooser = (cases: unknown): ComponentType => typeOf({ places: ['ask', 'l', 'r'], transitions: { tl: { from: 'ask', to: 'l', behaviour: 'go' }, tr: { from: 'ask', to: 'r', behaviour: 'go' } }, switches: { ask: { port: 'x', cases } }, ports: { x: { kind: 'data-use', boundTo: 'ask' } } });
    expect([...lifeCycle(chooser([{ below: 5, take: 'tl' }, { otherwise: 'tr' }])).rests].sort()).toEqual(['ask', 'l', 'r']);
    expect([...lifeCycle(chooser([{ below: 5, take: ['tl', 'tr'] }])).entered].sort()).toEqual(['ask', 'l', 'r']);
  });
  it('nothing follows a behaviour that hangs', () => {
    const { rests, stuck } = lifeCycle(typeOf({ places: ['off', 'a', 'b', 'c'], transitions: { x: { from: 'off', to: 'a', behaviour: 'go' }, y: { from: 'off', to: 'b', behaviour: 'go' }, z: { from: 'c', to: 'b', behaviour: 'go' } } }));
    expect([...rests]).toEqual(['off']);
    expect(stuck).toEqual([{ behaviour: 'go', from: ['off'], place: 'b', arrived: ['y'], missing: ['z'] }]);
  });
  it('a join is complete when it is, and dock sets are alternatives', () => {
    const join = (dockSet?: string): ComponentType => typeOf({ places: ['off', 'side', 'on'], transitions: { a: { from: 'off', to: 'on', behaviour: 'go' }, b: { from: 'off', to: 'on', behaviour: 'go' }, rest: { from: 'on', to: 'side', behaviour: 'rest' }, back: { from: 'side', to: 'on', behaviour: 'go', ...(dockSet ? { dockSet } : {}) } } });
    expect(checkTypes([join('again')])).toEqual([]);
    expect(codes(checkTypes([join()]))).toContain('INCOMPLETE_JOIN');
  });
  it('a type of which there is too much to play is left alone', () => {
    const places = Array.from({ length: 14 }, (_, i) => [`a${i}`, `b${i}`]).flat();
    const toggles = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [[`up${i}`, { from: `a${i}`, to: `b${i}`, behaviour: `up${i}` }], [`fork${i}`, { from: 'start', to: `a${i}`, behaviour: 'fork' }]]).flat());
    const type = typeOf({ places: ['start', 'never', ...places], transitions: toggles });
    expect(cpuMs(() => {
      expect(lifeCycle(type).complete).toBe(false);
      expect(codes(checkTypes([type]))).toEqual([]);
    })).toBeLessThan(5000);
  });
  it('a type written in TypeScript is checked like one in YAML', () => {
    const lamp = defineComponent({ name: 'lamp', places: ['off', 'on'], initialPlace: 'off', behaviours: ['deploy', 'rest'], transitions: { off: { from: 'off', to: 'on', behaviour: 'deploy' }, light: { from: 'off', to: 'on', behaviour: 'deploy' } }, ports: { light: { kind: 'provide', boundTo: ['light'] } } });
    expect(codes(checkTypes([lamp as ComponentType]))).toEqual(['SAME_NAME', 'PORT_BINDING']);
  });
});

describe('I7: a program against the situation in which it begins', () => {
  const { assembly } = parse('hosts: { h: {} }\ncomponents: { s: { type: server, on: h }, c: client }\nconnections: [c.http -> s.http]\nprograms: { inner: [{ push: deploy }], outer: [{ call: inner }, { wait: all }, { call: inner }] }');
  const situation: Situation = { components: new Map([['s', 'server'], ['c', 'client']]), connections: assembly!.connections };
  const problems = (...instructions: Instruction[]): string[] => codes(checkProgram(assembly!, situation, { name: 'p', instructions }));

  const wrong: [string, Instruction[], string[]][] = [
    ['an unknown component', [{ kind: 'pushBehaviour', component: 'x', behaviour: 'deploy' }, { kind: 'wait', component: 'x' }, { kind: 'delete', component: 'x' }], ['UNKNOWN_COMPONENT', 'UNKNOWN_COMPONENT', 'UNKNOWN_COMPONENT']],
    ['an unknown behaviour', [{ kind: 'pushBehaviour', component: 's', behaviour: 'x' }], ['UNKNOWN_BEHAVIOUR']],
    ['an unknown port', [{ kind: 'connect', connection: connection('c.x -> s.http') }], ['UNKNOWN_PORT']],
    ['kinds that do not fit', [{ kind: 'connect', connection: connection('c.http -> s.address') }, { kind: 'connect', connection: connection('s.http -> c.http') }], ['PORT_KIND_MISMATCH', 'PORT_KIND_MISMATCH']],
    ['connecting twice', [{ kind: 'connect', connection: connection('c.http -> s.http') }], ['ALREADY_CONNECTED']],
    ['disconnecting twice', [{ kind: 'disconnect', connection: connection('c.http -> s.http') }, { kind: 'disconnect', connection: connection('c.http -> s.http') }], ['NOT_CONNECTED']],
    ['deleting what is connected, on either side', [{ kind: 'delete', component: 's' }, { kind: 'delete', component: 'c' }], ['STILL_CONNECTED', 'STILL_CONNECTED']],
    ['deleting what was connected since', [{ kind: 'disconnect', connection: connection('c.http -> s.http') }, { kind: 'connect', connection: connection('c.address -> s.address') }, { kind: 'delete', component: 's' }], ['STILL_CONNECTED']],
    ['adding twice', [{ kind: 'add', component: component('s', 'server') }], ['ALREADY_THERE']],
    ['adding what nobody knows, nowhere', [{ kind: 'add', component: { ...component('n', 'x'), on: 'nowhere' } }], ['UNKNOWN_TYPE', 'UNKNOWN_HOST']],
    ['an unknown program', [{ kind: 'call', program: 'x' }], ['UNKNOWN_PROGRAM']],
  ];
  it.each(wrong)('%s is refused', (_, instructions, expected) => {
    expect(problems(...instructions)).toEqual(expected);
  });
  it('what an instruction changes is true for the next', () => {
    expect(
      problems(
        { kind: 'disconnect', connection: connection('c.http -> s.http') },
        { kind: 'delete', component: 's' },
        { kind: 'add', component: { ...component('s', 'server'), on: 'h' } },
        { kind: 'connect', connection: connection('c.http -> s.http') },
        { kind: 'call', program: 'outer' },
        { kind: 'waitAll' },
      ),
    ).toEqual([]);
  });
  it('what was connected or disconnected after a first delete counts for the next', () => {
    const first: Instruction[] = [{ kind: 'add', component: component('n', 'server') }, { kind: 'delete', component: 'n' }];
    expect(problems(...first, { kind: 'disconnect', connection: connection('c.http -> s.http') }, { kind: 'delete', component: 's' })).toEqual([]);
    expect(problems(...first, { kind: 'disconnect', connection: connection('c.http -> s.http') }, { kind: 'connect', connection: connection('c.address -> s.address') }, { kind: 'delete', component: 'c' })).toEqual(['STILL_CONNECTED']);
  });
  it('neither the situation nor the assembly is changed', () => {
    problems({ kind: 'disconnect', connection: connection('c.http -> s.http') }, { kind: 'delete', component: 's' });
    expect([...situation.components.keys()]).toEqual(['s', 'c']);
    expect([...situation.connections]).toHaveLength(1);
  });
  it('of a program that is right elsewhere, the first thing that does not fit is told, with the number of those that follow from it', () => {
    const program: Program = { name: 'more', instructions: [{ kind: 'add', component: component('s', 'server') }, { kind: 'connect', connection: connection('c.http -> s.http') }, { kind: 'call', program: 'inner' }] };
    expect(() => instructionsFor(assembly!, situation, program)).toThrow(expect.objectContaining({
      diagnostics: [expect.objectContaining({ code: 'ALREADY_THERE', detail: expect.stringMatching(/^"s" is there already.* There is 1 more thing in "more" that does not fit what is there: it was run before, or needs another program first\.$/) })],
    }));
    expect(instructionsFor(assembly!, { components: new Map([['c', 'client']]), connections: [] }, program).map(({ kind }) => kind)).toEqual(['add', 'connect', 'pushBehaviour', 'pushBehaviour']);
  });
  it('expandCalls plays the called programs in their place', () => {
    const expanded = expandCalls(assembly!, assembly!.programs.get('outer')!);
    expect(expanded.instructions.map(({ kind }) => kind)).toEqual(['pushBehaviour', 'pushBehaviour', 'waitAll', 'pushBehaviour', 'pushBehaviour']);
  });
  it('expandCalls refuses programs that call themselves', () => {
    const programs = new Map<string, Program>([['a', { name: 'a', instructions: [{ kind: 'call', program: 'a' }] }]]);
    expect(() => expandCalls({ programs }, programs.get('a')!)).toThrow(TuttiError);
  });
});
