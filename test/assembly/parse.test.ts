import { describe, expect, it } from 'vitest';
import { modulesOf, parseAndCheck, parseAssembly, parseAssemblyValue, parseTypes } from '../../src/assembly/parse.ts';
import type { Assembly, Instruction } from '../../src/assembly/model.ts';
import { catalogue, parse } from './stage.ts';
import { cpuMs } from '../cpu-time.ts';

/** The assembly of a text that has no error. */
function read(text: string): Assembly {
  const { assembly, diagnostics } = parse(text);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return assembly!;
}
const connectionsOf = (text: string): string[] => read(text).connections.map(({ use, provide }) => `${use.component}.${use.port} -> ${provide.component}.${provide.port}`);
const hostsOf = (text: string): string[] => read(text).components.map(({ name, on }) => `${name} on ${on}`);

/** A program as lines. */
function play(text: string, program = 'p'): string[] {
  return read(text).programs.get(program)!.instructions.map((one: Instruction) => {
    switch (one.kind) {
      case 'pushBehaviour':
        return `push ${one.component} ${one.behaviour}`;
      case 'connect':
      case 'disconnect':
        return `${one.kind} ${one.connection.use.component}.${one.connection.use.port} -> ${one.connection.provide.component}.${one.connection.provide.port}`;
      case 'add':
        return `add ${one.component.name} ${one.component.type} on ${one.component.on}`;
      case 'delete':
      case 'wait':
        return `${one.kind} ${one.component}`;
      case 'call':
        return `call ${one.program}`;
      case 'waitAll':
        return 'waitAll';
      default:
        return one satisfies never;
    }
  });
}

describe('hosts and components', () => {
  it('a role is one host, or with count that many', () => {
    expect(read('hosts: { head: {}, worker: { count: 2 }, one: { count: 1 }, empty: }\ncomponents: { a: { type: server, on: head } }').hosts).toEqual(['head', 'worker[1]', 'worker[2]', 'one[1]', 'empty']);
  });
  it('without hosts, everything is local', () => {
    const { hosts, components } = read('components: { a: server }');
    expect(hosts).toEqual(['local']);
    expect(components).toEqual([{ name: 'a', type: 'server', on: 'local', with: {} }]);
  });
  it('local is a host as soon as a component is on it', () => {
    expect(read('hosts: { head: {} }\ncomponents: { a: { type: server, on: head }, b: server }').hosts).toEqual(['head', 'local']);
  });
  it('count on a role of several spreads one a host, in order, and begins again when there are more components than hosts', () => {
    expect(hostsOf('hosts: { w: { count: 2 } }\ncomponents: { s: { type: server, on: w, count: 3 } }')).toEqual(['s[1] on w[1]', 's[2] on w[2]', 's[3] on w[1]']);
  });
  it('count on one host of a role puts all there; one component on a role is on its first host', () => {
    expect(hostsOf('hosts: { w: { count: 2 } }\ncomponents:\n  s: { type: server, on: w[2], count: 2 }\n  t: { type: server, on: w }')).toEqual(['s[1] on w[2]', 's[2] on w[2]', 't on w[1]']);
  });
  it('the brackets of a reference need no quotes in a flow collection, and may have them', () => {
    const unquoted = read('hosts: { w: { count: 2 } }\ncomponents: { s: { type: server, on: w[2], with: { port: 1 } } } # w[2]');
    expect(unquoted.components).toEqual(read('hosts: { w: { count: 2 } }\ncomponents: { s: { type: server, on: "w[2]", with: { port: 1 } } }').components);
  });
  it('brackets elsewhere stay as they are', () => {
    const { assembly } = parse('types:\n  t:\n    about: "a[1] b[*] c[ 2 ]"\n    places: [x]\ncomponents: { a: t }');
    expect(assembly!.types.get('t')!.about).toBe('a[1] b[*] c[ 2 ]');
  });
  it('off, on, yes and no are texts, as in YAML 1.2', () => {
    expect(read('types: { t: { places: [off, on, yes, no] } }\ncomponents: { a: t }').types.get('t')!.places).toEqual(['off', 'on', 'yes', 'no']);
  });
  it('aliases and merges share what is said once', () => {
    const { components } = read('components:\n  a: &web { type: server, with: { port: 1 } }\n  b: *web\n  c: { <<: *web, with: { port: 3 } }');
    expect(components.map((one) => [one.name, one.type, one.with])).toEqual([['a', 'server', { port: 1 }], ['b', 'server', { port: 1 }], ['c', 'server', { port: 3 }]]);
  });
  it('the name of the assembly is that of its folder unless it says one', () => {
    expect(read('components: {}').name).toBe('test');
    expect(read('assembly: diet\ncomponents: {}').name).toBe('diet');
  });
  it('windows line ends and a byte order mark change nothing', () => {
    const { diagnostics } = parse('\uFEFFcomponents:\r\n  web: sevrer\r\n');
    expect(diagnostics[0]!.where).toMatchObject({ line: 2, column: 8, length: 6, text: '  web: sevrer' });
  });
});

describe('connections', () => {
  const three = 'components: { web: server, a: client, b: client }\n';
  it('a -> b is every pair of ports with the same interface, from the user to the provider', () => {
    expect(connectionsOf(`${three}connections: [a -> web]`)).toEqual(['a.http -> web.http', 'a.address -> web.address']);
  });
  it('a.port -> b.port is one pair; either side may come first, and [a.port, b.port] says the same', () => {
    for (const one of ['a.http -> web.http', 'web.http -> a.http', '[a.http, web.http]', '[web.http, a.http]']) expect(connectionsOf(`${three}connections: [${one}]`)).toEqual(['a.http -> web.http']);
  });
  it('a.port -> b takes the ports of b that fit', () => {
    expect(connectionsOf(`${three}connections: [a.address -> web]`)).toEqual(['a.address -> web.address']);
  });
  it('patterns go one to one, n to one and one to n', () => {
    const several = 'components: { web: { type: server, count: 2 }, c: { type: client, count: 2 }, q: quorum, m: { type: member, count: 2 } }\n';
    expect(connectionsOf(`${several}connections: [c[*].http -> web[*].http]`)).toEqual(['c[1].http -> web[1].http', 'c[2].http -> web[2].http']);
    expect(connectionsOf(`${several}connections: [c[*].http -> web[2].http]`)).toEqual(['c[1].http -> web[2].http', 'c[2].http -> web[2].http']);
    expect(connectionsOf(`${several}connections: [q.member -> m[*].member]`)).toEqual(['q.member -> m[1].member', 'q.member -> m[2].member']);
    expect(connectionsOf(`${several}connections: [q -> m]`)).toEqual(['q.member -> m[1].member', 'q.member -> m[2].member']);
  });
  it('a pattern also means la1, la2, …, by number', () => {
    expect(connectionsOf('components: { la10: server, la2: server, s: { type: client, count: 2 } }\nconnections: [s[*].http -> la[*].http]')).toEqual(['s[1].http -> la2.http', 's[2].http -> la10.http']);
  });
  it('wire: unique connects what exactly one provider fits, and leaves optional ports alone', () => {
    expect(connectionsOf(`${three}wire: unique`)).toEqual(['a.http -> web.http', 'b.http -> web.http']);
    expect(connectionsOf('components: { x: server, y: server, a: client }\nwire: unique')).toEqual([]);
  });
  it('wire: unique connects nobody to itself', () => {
    const chain = 'types: { agent: { places: [on], ports: { parent: { use: agent, boundTo: on }, agent: { provide: agent, boundTo: on } } } }\n';
    expect(connectionsOf(`${chain}components: { a: agent }\nwire: unique`)).toEqual([]);
    expect(connectionsOf(`${chain}components: { a: agent, b: agent }\nwire: unique`)).toEqual(['a.parent -> b.agent', 'b.parent -> a.agent']);
  });
  it('wire: unique keeps what is connected by name', () => {
    expect(connectionsOf('components: { x: server, y: server, a: client }\nconnections: [a.http -> y.http]\nwire: unique')).toEqual(['a.http -> y.http']);
  });
  it('where knows the text of each thing, and looks it up when asked', () => {
    const { where } = read(`${three}connections:\n  - a.http -> web.http\nprograms: { deploy: [{ push: deploy }] }`);
    expect(where.get('component:web')).toMatchObject({ line: 1, column: 15, length: 3 });
    expect(where.get('connection:a.http->web.http')).toMatchObject({ line: 3, column: 5, text: '  - a.http -> web.http' });
    expect(where.get('program:deploy')).toMatchObject({ line: 4, column: 13 });
    expect(where.get('component:nobody')).toBeUndefined();
    expect([...where.keys()]).toContain('component:a');
  });
});

describe('programs', () => {
  const base = 'components: { web: server, c: client, s: { type: store, with: { path: /x }, count: 2 } }\nconnections: [c.http -> web.http]\n';
  it('push to all goes to all that have the behaviour, in the order of declaration', () => {
    expect(play(`${base}programs: { p: [{ push: deploy }, { wait: all }, waitAll] }`)).toEqual(['push web deploy', 'push c deploy', 'push s[1] deploy', 'push s[2] deploy', 'waitAll', 'waitAll']);
  });
  it('push to some, with patterns, for several behaviours', () => {
    expect(play(`${base}programs: { p: [{ push: { deploy: [web, c], stop: s[*] } }, { push: { stop: s } }, { push: { stop: all } }] }`)).toEqual([
      'push web deploy', 'push c deploy', 'push s[1] stop', 'push s[2] stop',
      'push s[1] stop', 'push s[2] stop',
      'push web stop', 'push c stop', 'push s[1] stop', 'push s[2] stop',
    ]);
  });
  it('the forms of the conformance cases mean the same', () => {
    expect(play(`${base}programs: { p: [{ push: [web, deploy] }, { disconnect: [c.http, web.http] }, { connect: [web.http, c.http] }, { add: [d, client] }, { wait: d }, { delete: d }] }`)).toEqual([
      'push web deploy', 'disconnect c.http -> web.http', 'connect c.http -> web.http', 'add d client on local', 'wait d', 'delete d',
    ]);
  });
  it('connect takes one connection, a list, pairs and bundles', () => {
    expect(play(`${base}programs: { p: [{ connect: c.address -> web.address }, { disconnect: [c.http -> web.http, [c.address, web.address]] }, { connect: [c -> web] }] }`)).toEqual([
      'connect c.address -> web.address', 'disconnect c.http -> web.http', 'disconnect c.address -> web.address', 'connect c.http -> web.http', 'connect c.address -> web.address',
    ]);
  });
  it('add takes components as they are declared; what is added belongs to all, what is deleted does not', () => {
    const text = `hosts: { w: { count: 2 } }\ncomponents: { web: { type: server, on: w } }\nprograms:\n  p:\n    - add: { x: { type: server, on: w, count: 2 }, y: client }\n    - push: deploy\n    - delete: [web, x[1]]\n    - push: stop\n    - call: q\n    - push: deploy\n  q:\n    - delete: y\n`;
    expect(play(text)).toEqual([
      'add x[1] server on w[1]', 'add x[2] server on w[2]', 'add y client on local',
      'push web deploy', 'push x[1] deploy', 'push x[2] deploy', 'push y deploy',
      'delete web', 'delete x[1]',
      'push x[2] stop', 'push y stop',
      'call q', 'push x[2] deploy',
    ]);
  });
  it('with `present`, all means what is deployed now', () => {
    const { assembly } = parseAssembly('components: { web: server, c: client }\nprograms: { p: [{ push: deploy }] }', 'a.yaml', { types: catalogue, folder: '', present: new Map([['web', 'server'], ['extra', 'server']]) });
    expect(assembly!.programs.get('p')!.instructions).toMatchObject([{ component: 'web' }, { component: 'extra' }]);
  });
  it('each instruction knows its line', () => {
    const { programs } = read(`${base}programs:\n  p:\n    - push: deploy  # a comment\n    - wait: all\n`);
    expect(programs.get('p')!.instructions.at(0)!.where).toMatchObject({ line: 5, column: 7, length: 'push: deploy'.length });
    expect(programs.get('p')!.instructions.at(-1)!.where).toMatchObject({ line: 6 });
  });
});

describe('types', () => {
  const web = `types:
  web:
    about: a site
    places: [absent, installed, running]
    groups: { up: [installed, running] }
    transitions:
      install: { from: absent, to: installed, behaviour: deploy, run: "true", timeout: 5m, retry: 2, idempotent: true, seconds: 12.5 }
      start: { from: installed, to: running, behaviour: deploy, dockSet: x, retry: { times: 3, delay: 200ms, factor: 2 } }
      stop: { from: running, to: installed, behaviour: stop }
    switches: { installed: { port: choice, cases: [{ below: 5, take: start }, { equals: [1], take: [start] }, { otherwise: start }] } }
    ports:
      choice: { data-use: choice, boundTo: installed }
      db: { use: sql, boundTo: [start, running], atLeast: 2, optional: true }
      http: { kind: provide, boundTo: up }
      ip: { data-provide: address, boundTo: [running] }
    probes: { running: "true" }
    parameters: { port: 80, root: { type: string, about: where }, on: true }
components: { a: { type: web, with: { root: /x } } }
`;
  it('reads all that a type may say', () => {
    const { action, ...install } = read(web).types.get('web')!.transitions['install']!;
    expect(action).toBeTypeOf('function');
    expect(install).toEqual({ from: 'absent', to: 'installed', behaviour: 'deploy', timeoutMs: 300_000, retry: { times: 2 }, idempotent: true, durationMs: 12_500 });
    const { transitions, probes, ...rest } = read(web).types.get('web')!;
    expect(transitions['start']).toEqual({ from: 'installed', to: 'running', behaviour: 'deploy', dockSet: 'x', retry: { times: 3, delayMs: 200, factor: 2 } });
    expect(Object.keys(probes)).toEqual(['running']);
    expect(rest).toEqual({
      name: 'web',
      about: 'a site',
      places: ['absent', 'installed', 'running'],
      initialPlace: 'absent',
      groups: { up: ['installed', 'running'] },
      behaviours: ['deploy', 'stop'],
      switches: { installed: { port: 'choice', cases: [{ below: 5, take: ['start'] }, { equals: [1], take: ['start'] }, { otherwise: ['start'] }] } },
      ports: {
        choice: { kind: 'data-use', boundTo: ['installed'], interface: 'choice' },
        db: { kind: 'use', boundTo: ['start', 'running'], interface: 'sql', atLeast: 2, optional: true },
        http: { kind: 'provide', boundTo: ['up'] },
        ip: { kind: 'data-provide', boundTo: ['running'], interface: 'address' },
      },
      parameters: { port: { type: 'number', default: 80 }, root: { type: 'string', about: 'where' }, on: { type: 'boolean', default: true } },
    });
  });
  it('data of a service become companion ports, and go along when the service is connected', () => {
    const text = `types:
  web:
    places: [off, on]
    transitions: { up: { from: off, to: on, behaviour: deploy } }
    ports: { http: { provide: site, boundTo: on, data: { url: "http://{{host.address}}/" } } }
  browser:
    places: [off, on]
    transitions: { open: { from: off, to: on, behaviour: deploy, run: "open {{read.page.url}}" } }
    ports: { page: { use: site, boundTo: [open, on], data: [url] } }
components: { w: web, b: browser }
`;
    const types = read(text).types;
    expect(types.get('web')!.ports['http.url']).toEqual({ kind: 'data-provide', boundTo: ['on'], interface: 'site.url' });
    expect(types.get('browser')!.ports['page.url']).toEqual({ kind: 'data-use', boundTo: ['open'], interface: 'site.url' });
    for (const one of ['b -> w', 'b.page -> w.http', 'b.page -> w', '[w.http, b.page]']) expect(connectionsOf(`${text}connections: [${one}]`)).toEqual(['b.page -> w.http', 'b.page.url -> w.http.url']);
    expect(connectionsOf(`${text}wire: unique`)).toEqual(['b.page -> w.http', 'b.page.url -> w.http.url']);
    expect(connectionsOf(`${text}connections: [b.page.url -> w.http.url]`)).toEqual(['b.page.url -> w.http.url']);
  });
  it('parseTypes reads the types of a conformance case, with what its transitions do on purpose beside', () => {
    const { types, fails, writes, diagnostics } = parseTypes({
      t: { places: ['off', 'run'], initial: 'off', transitions: { up: { from: 'off', to: 'run', behaviour: 'deploy', seconds: 0.8, fails: { times: 2 }, retry: { times: 3, delaySeconds: 0.5 }, writes: { ip: '10.0.0.1' } }, down: { from: 'run', to: 'off', behaviour: 'stop', fails: true } }, ports: { ip: { kind: 'data-provide', boundTo: ['run'] } } },
    });
    expect(diagnostics).toEqual([]);
    expect(types.get('t')!.transitions['up']).toMatchObject({ durationMs: 800, retry: { times: 3, delayMs: 500 } });
    expect(Object.fromEntries(fails)).toEqual({ 't.up': { times: 2 }, 't.down': true });
    expect(Object.fromEntries(writes)).toEqual({ 't.up': { ip: '10.0.0.1' } });
  });
  it('parseTypes says what is wrong, and keeps the other types', () => {
    const { types, diagnostics } = parseTypes({ good: { places: ['a'] }, bad: { places: [], transitions: { x: { form: 'a' } } } });
    expect([...types.keys()]).toEqual(['good']);
    expect(diagnostics.map(({ code }) => code)).toEqual(['WRONG_SHAPE', 'MISSING_KEY', 'MISSING_KEY', 'UNKNOWN_KEY']);
    expect(parseTypes('types').diagnostics).toHaveLength(1);
    expect(parseTypes(null).types.size).toBe(0);
  });
});

it('parseAssemblyValue reads a value as a text of it', () => {
  const { assembly, diagnostics } = parseAssemblyValue({ components: { web: 'server', c: 'client' }, connections: [['c.http', 'web.http']], programs: { p: [{ push: ['web', 'deploy'] }, 'waitAll'] } }, { types: catalogue, folder: '' });
  expect(diagnostics).toEqual([]);
  expect(assembly!.connections).toHaveLength(1);
  expect(parseAssemblyValue({ components: { web: 'sevrer' } }, { types: catalogue, folder: '' }).diagnostics).toMatchObject([{ code: 'UNKNOWN_TYPE' }]);
});

it('modulesOf tells the modules without reading the rest', () => {
  expect(modulesOf('assembly: x\nmodules: [./a.ts, "b"]\ncomponents: { a: {{{')).toEqual(['./a.ts', 'b']);
  expect(modulesOf('modules:\n  - ./a.ts\n  # and\n\n  - ./b.ts\ncomponents:\n  modules: 3\n')).toEqual(['./a.ts', './b.ts']);
  expect(modulesOf('about: x\nmodules:\n- ./a.ts\n# and\n- ./b.ts\n')).toEqual(['./a.ts', './b.ts']);
  expect(modulesOf('components:\n  a: { with: {\n  modules: [x] } }\n')).toEqual([]);
  expect(modulesOf('{ assembly: x, modules: [a] }')).toEqual(['a']);
  expect(modulesOf('assembly: x')).toEqual([]);
  expect(modulesOf('modules: 3')).toEqual([]);
  expect(modulesOf('modules: [')).toEqual([]);
});

it('10,000 components and as many connections are read and checked within the budget of `check`', () => {
  const count = 10_000;
  const text = `hosts:\n  w: { count: 100 }\ncomponents:\n  web: { type: server, on: w[1] }\n${Array.from({ length: count }, (_, i) => `  c${i}: { type: client, on: w[${(i % 100) + 1}] }\n`).join('')}connections:\n${Array.from({ length: count }, (_, i) => `  - c${i}.http -> web.http\n`).join('')}programs:\n  deploy:\n    - push: deploy\n    - wait: all\n`;
  let parsed: ReturnType<typeof parseAndCheck>;
  const ms = cpuMs(() => { parsed = parseAndCheck(text, 'big.yaml', { types: catalogue, folder: '' }); });
  const { assembly, diagnostics } = parsed!;
  expect(diagnostics).toEqual([]);
  expect(assembly!.components).toHaveLength(count + 1);
  expect(assembly!.programs.get('deploy')!.instructions).toHaveLength(count + 2);
  // The budget is 1.5 s on a quiet machine; this one only keeps anything quadratic out.
  expect(ms).toBeLessThan(10_000);
});

it('as many mistakes as components do not take for ever', () => {
  const text = `components:\n  web: server\n${Array.from({ length: 5000 }, (_, i) => `  c${i}: { type: clint${i}, on: nowhere }\n`).join('')}connections:\n${Array.from({ length: 5000 }, (_, i) => `  - x${i}.http -> web.http\n`).join('')}`;
  expect(cpuMs(() => expect(parse(text).diagnostics.length).toBeGreaterThanOrEqual(15_000))).toBeLessThan(15_000);
});
