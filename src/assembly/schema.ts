import { z } from 'zod';
import { durationPattern } from './parse/duration.ts';
import { isName, typePattern } from './parse/names.ts';
import type { Value } from '../components/model.ts';

/**
 * The shape of an assembly file: one source for what is accepted, for the TypeScript types of what was read, and for the JSON Schema
 * (docs/schema/assembly.schema.json) with which editors complete and explain.
 *
 * Names are not resolved here; that is the work of `parse.ts`. Each schema says in `error` *what is expected* as a noun phrase: the
 * sentence around it is made in `parse/shape.ts`.
 */

/** A mapping with these keys and no others. The message for unknown keys lists the known ones, for "did you mean". */
function keys<S extends z.ZodRawShape>(what: string, shape: S) {
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : what) });
}

const text = (what: string) => z.string({ error: what });
const list = <T extends z.ZodType>(of: T, what: string) => z.array(of, { error: what });
const oneOrMore = (what: string) => z.union([text(what), list(text(what), what)], { error: `${what}, or a list of them` });
const number = (what: string) => z.number({ error: what });
const whole = (what: string, from: number, to: number) => z.int({ error: what }).min(from, { error: what }).max(to, { error: what });

const nameRule = 'a name of letters, digits, _ and -';
const name = text(nameRule)
  .refine(isName, { error: nameRule })
  .meta({ pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]*$' });
const typeName = text('the name of a component type')
  .regex(typePattern, { error: 'a name of a type: letters, digits, _, - and ., with / for folders' });
const map = <V extends z.ZodType>(what: string, value: V) => z.record(name, value, { error: what });
const duration = text('a time with its unit, such as 200ms, 30s, 5m or 2h').regex(durationPattern, { error: 'a time with its unit, such as 200ms, 30s, 5m or 2h' });

/** What YAML can hold and JSON too. Not checked deeply: the reader of YAML builds nothing else. */
const value = z.custom<Value>((x) => x !== undefined, { error: 'a value' }).meta({ description: 'Any value.' });

const command = z
  .union([text('a command'), list(text('an argument'), 'a list of arguments').min(1, { error: 'a program and its arguments' })], {
    error: 'a command: a text for /bin/sh, or a list of a program and its arguments',
  })
  .meta({ description: 'A text for /bin/sh (of several lines: it stops at the first that fails), or a list: a program and its arguments, without a shell. Templates such as {{host.address}} are replaced when it runs; in a shell text their values stay data.' });

const file = z
  .union(
    [
      keys('a file: {from, to} or {to, text}', { from: text('a path in the folder of the assembly file'), on: text('the name of a host').optional(), to: text('a path on the host'), mode: whole('a file mode, such as 0o644', 0, 0o7777).optional() }),
      keys('a file: {from, to} or {to, text}', { text: text('the content'), to: text('a path on the host'), mode: whole('a file mode, such as 0o644', 0, 0o7777).optional() }),
    ],
    { error: 'a file: {from, to} or {to, text}' },
  )
  .meta({ description: 'A file to place: `from` (relative to this file; a folder with a / at its end; with `on` a file of that host, relative to the folder of the component there) or its `text`; `to` is absolute or relative to the folder of the component.' });

const retryTimes = whole('how many more times, 0 to 1,000', 0, 1000);

const transitionKeys = {
  from: text('the name of a place').meta({ description: 'The place it leaves.' }),
  to: text('the name of a place').meta({ description: 'The place it enters.' }),
  behaviour: name.meta({ description: 'The behaviour it belongs to: what an operator pushes.' }),
  dockSet: name.optional().meta({ description: 'Transitions of one behaviour into one place arrive together unless they name different dock sets: then any complete set is enough.' }),
  seconds: number('a number of seconds').min(0, { error: 'a number of seconds' }).optional().meta({ description: 'How long it takes, for simulate. Default: 1.' }),
  writes: z.record(text('the name of a data-provide port'), value, { error: 'a mapping from data-provide ports to values' }).optional().meta({ description: 'Values for data-provide ports; texts may hold templates, {{output}} (what `run` printed) among them.' }),
};

/** A transition of a type that is written in YAML alone. */
const transition = keys('a transition: {from, to, behaviour, …}', {
  ...transitionKeys,
  files: list(file, 'a list of files').optional().meta({ description: 'Files to place first.' }),
  run: command.optional().meta({ description: 'A command to run to its end; a non-zero exit code is a failure.' }),
  input: text('a text').optional().meta({ description: 'The standard input of `run`: the way for a secret into a command.' }),
  kill: oneOrMore('the name of a transition').optional().meta({ description: 'Ends the daemons that these transitions started with `script`.' }),
  script: command.optional().meta({ description: 'A daemon to start: it goes on after the transition, under its name.' }),
  ready: command.optional().meta({ description: 'A question asked again and again until its exit code is 0.' }),
  on: text('the name of a host').optional().meta({ description: 'The host where `run` and `ready` take place, if not the one of the component.' }),
  timeout: duration.optional().meta({ description: 'After this time it has failed: 200ms, 30s, 5m, 2h. Default: 10m.' }),
  retry: z
    .union([retryTimes, keys('retries: a number, or {times, delay, factor}', { times: retryTimes, delay: duration.optional(), factor: number('a factor of at least 1').min(1, { error: 'a factor of at least 1' }).optional() })], { error: 'retries: a number, or {times, delay, factor}' })
    .optional()
    .meta({ description: 'How many more times it is tried by itself when it fails; with a `delay` (1s) that grows by `factor` (1).' }),
  idempotent: z.boolean({ error: 'true or false' }).optional().meta({ description: 'It may be run again when nobody knows whether it ended. Default: false.' }),
});

/** The same for the conformance cases: pure timing, failures on purpose, delays in seconds. */
const conformanceTransition = keys('a transition: {from, to, behaviour, seconds, …}', {
  ...transitionKeys,
  fails: z.union([z.literal(true), keys('true or {times: n}', { times: retryTimes })], { error: 'true or {times: n}' }).optional(),
  retry: keys('{times, delaySeconds}', { times: retryTimes, delaySeconds: number('a number of seconds').min(0, { error: 'a number of seconds' }).optional() }).optional(),
});

const boundTo = oneOrMore('the name of a place, transition, group or switch').meta({ description: 'What it is bound to. provide: places, groups; use: places, transitions, groups; data-provide: places, groups; data-use: transitions, switches.' });
const atLeast = z.union([whole('a number from 1', 1, 100_000), z.literal('all')], { error: 'a number from 1, or all' }).optional().meta({ description: 'How many connected providers must be active. Default: one, and then all that are connected are held.' });

const port = keys('a port: {use: interface, boundTo}, {provide: interface, boundTo} or {kind, boundTo}', {
  use: name.optional().meta({ description: 'It uses this interface.' }),
  provide: name.optional().meta({ description: 'It provides this interface.' }),
  'data-use': name.optional().meta({ description: 'It reads data of this interface.' }),
  'data-provide': name.optional().meta({ description: 'It gives data of this interface.' }),
  kind: z.enum(['use', 'provide', 'data-use', 'data-provide'], { error: 'use, provide, data-use or data-provide' }).optional().meta({ description: 'The long form: the interface is then the name of the port, or `interface`.' }),
  interface: name.optional(),
  boundTo,
  atLeast,
  optional: z.boolean({ error: 'true or false' }).optional().meta({ description: 'A use or data-use port that is served while it has no connection.' }),
  data: z
    .union([z.record(name, text('a text, with templates'), { error: 'a mapping from names to texts' }), list(name, 'a list of names')], { error: 'data: {name: text} of a provide port, or [name, …] of a use port' })
    .optional()
    .meta({ description: 'Values that go along with a service. provide: {url: "http://{{host.address}}/"}; use: [url], then {{read.PORT.url}}.' }),
});

const switchCase = z.union(
  [
    keys('a case', { below: number('a number'), take: oneOrMore('the name of a transition') }),
    keys('a case', { equals: value, take: oneOrMore('the name of a transition') }),
    keys('a case', { otherwise: oneOrMore('the name of a transition') }),
  ],
  { error: 'a case: {below, take}, {equals, take} or {otherwise}' },
);

const parameter = z
  .union(
    [
      z.string(),
      z.number(),
      z.boolean(),
      keys('a default value, or {type, default, about}', {
        type: z.enum(['string', 'number', 'boolean', 'list', 'map', 'secret'], { error: 'string, number, boolean, list, map or secret' }),
        default: value.optional(),
        about: text('a text').optional(),
      }),
    ],
    { error: 'a default value, or {type, default, about}' },
  )
  .meta({ description: 'What `with:` may give. A bare value is the default; without a default it is compulsory.' });

function componentType<T extends z.ZodType>(ofTransition: T) {
  return keys('a component type: {places, transitions, …}', {
    about: text('a text').optional(),
    places: list(name, 'a list of places').min(1, { error: 'a list of at least one place' }).meta({ description: 'The stable stages of the life cycle.' }),
    initial: text('the name of a place').optional().meta({ description: 'Where it begins. Default: the first place.' }),
    groups: map('groups: {group: [place, …]}', list(text('the name of a place'), 'a list of places')).optional().meta({ description: 'Sets of places; a transition between two of them belongs to the group.' }),
    transitions: map('transitions: {transition: {from, to, behaviour}}', ofTransition).optional(),
    switches: map('switches: {place: {port, cases}}', keys('a switch: {port, cases}', { port: text('the name of a data port'), cases: list(switchCase, 'a list of cases') })).optional().meta({ description: 'Places that choose by data which of their transitions to take.' }),
    ports: map('ports: {port: {…}}', port).optional(),
    probes: map('probes: {place: command}', command).optional().meta({ description: 'A command that fails when the held place is no longer true.' }),
    parameters: map('parameters: {name: default}', parameter).optional(),
  });
}

const host = z
  .union([z.null(), keys('{} or {count: n}', { count: whole('a number from 1 to 100,000', 1, 100_000).optional() })], { error: '{} or {count: n}' })
  .meta({ description: 'A role: {} for one host, {count: n} for role[1] to role[n].' });

const componentBody = keys('a component: {type, on, with, count}', {
  type: typeName.meta({ description: 'A type of the catalogue, of `modules` or of `types`.' }),
  on: text('the name of a host').optional().meta({ description: 'Its host. Several components on a role of several hosts are spread, one a host, in order. Default: local.' }),
  with: z.record(text('the name of a parameter'), value, { error: 'parameters: {name: value}' }).optional().meta({ description: 'Values for the parameters of the type.' }),
  count: whole('a number from 1 to 100,000', 1, 100_000).optional().meta({ description: 'That many: name[1], name[2], …' }),
});
const component = z.union([typeName, componentBody], { error: 'a component: {type, on, with, count}, or just its type' });

const pair = list(text('a port'), 'a pair [a.port, b.port]').length(2, { error: 'a pair [a.port, b.port]' });
const connection = z
  .union([text('a connection'), pair], { error: 'a connection: a -> b, a.port -> b.port or [a.port, b.port]' })
  .meta({ description: 'a -> b (every pair of ports with the same interface), a.port -> b.port, or a pattern: a[*].port -> b[*].port.' });
const connections = z.union([text('a connection'), list(connection, 'a list of connections')], { error: 'a connection a -> b, or a list of them' });

const instructionKeys = {
  push: z
    .union([text('a behaviour'), list(text('a name'), '[component, behaviour]').length(2, { error: '[component, behaviour]' }), z.record(text('a behaviour'), oneOrMore('the name of a component'), { error: '{behaviour: components}' })], {
      error: 'a behaviour (pushed to all that have it), or {behaviour: component, …}',
    })
    .meta({ description: 'push: deploy goes to all components that have it; push: {deploy: [a, b], stop: c} to these.' }),
  wait: oneOrMore('all, or the name of a component').meta({ description: 'Waits until these components (or all) are idle.' }),
  connect: connections,
  disconnect: connections,
  add: z.union([list(text('a name'), '[name, type]').length(2, { error: '[name, type]' }), map('{name: {type, on, with}}', component)], { error: '{name: {type, on, with}}' }),
  delete: oneOrMore('the name of a component'),
  call: text('the name of a program').meta({ description: 'Plays another program of this file.' }),
};
type InstructionKeys = typeof instructionKeys;
const optionalKeys = Object.fromEntries(Object.entries(instructionKeys).map(([key, schema]) => [key, schema.optional()])) as { [K in keyof InstructionKeys]: z.ZodOptional<InstructionKeys[K]> };

const instruction = z.union([z.literal('waitAll'), keys('an instruction: push, wait, connect, disconnect, add, delete, call or waitAll', optionalKeys)], {
  error: 'an instruction: push, wait, connect, disconnect, add, delete, call or waitAll',
});

function fileOf<T extends z.ZodType>(ofTransition: T) {
  return keys('an assembly: {assembly, hosts, components, …}', {
    assembly: text('a name').optional().meta({ description: 'The name of the assembly. Default: the name of its folder.' }),
    about: text('a text').optional(),
    modules: list(text('a path or a package'), 'a list of TypeScript or JavaScript modules').optional().meta({ description: 'TypeScript or JavaScript modules whose exports are component types.' }),
    hosts: map('hosts: {role: {count: n}}', host).nullable().optional().meta({ description: 'Roles; a flavour or a hosts file binds them to machines.' }),
    types: z.record(typeName, componentType(ofTransition), { error: 'types: {type: {places, transitions, …}}' }).nullable().optional().meta({ description: 'Component types written in YAML alone.' }),
    components: map('components: {name: {type, on}}', component).nullable().optional(),
    connections: list(connection, 'a list of connections').nullable().optional(),
    wire: z.literal('unique', { error: 'the word unique' }).optional().meta({ description: 'unique: a use port left over is connected when exactly one provider in the assembly fits.' }),
    programs: map('programs: {name: [instruction, …]}', list(instruction, 'a list of instructions').nullable()).nullable().optional(),
  });
}

export const assemblyFile = fileOf(transition);
/** The same grammar with the transitions of the conformance cases. */
export const conformanceFile = fileOf(conformanceTransition);

export type AssemblyFile = z.infer<typeof assemblyFile>;
export type TypeEntry = NonNullable<AssemblyFile['types']>[string];
export type TransitionEntry = NonNullable<TypeEntry['transitions']>[string];
export type PortEntry = NonNullable<TypeEntry['ports']>[string];
export type ComponentEntry = z.infer<typeof component>;
export type ConnectionEntry = z.infer<typeof connection>;
export type InstructionEntry = z.infer<typeof instruction>;
export type CommandEntry = z.infer<typeof command>;

/** The JSON Schema of assembly files, as kept in docs/schema/assembly.schema.json. */
export function assemblyJsonSchema(): unknown {
  return {
    title: 'tutti assembly',
    ...z.toJSONSchema(assemblyFile, { target: 'draft-7', unrepresentable: 'any', io: 'input' }),
  };
}
