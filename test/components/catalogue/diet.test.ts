import { describe, expect, test } from 'vitest';
import { catalogue } from '../../../src/components/catalogue/index.ts';
import { client, localAgent, masterAgent, namingService, parentCycles, serverDaemon } from '../../../src/components/catalogue/diet/index.ts';
import type { ComponentType, Value } from '../../../src/components/model.ts';
import type { ScriptStatus } from '../../../src/orchestrapi/host.ts';
import { CommandFailed, scriptedContext, type Answers, type ScriptedContext } from './scripted-context.ts';

const installed: Answers = (command) => {
  if (!command.startsWith('sh -c IFS')) return undefined;
  return { stdout: command.includes('dietAgent') ? '/opt/diet/bin\n' : '/usr/bin\n' };
};
const onlyOmniOrb: Answers = (command) => (command.startsWith('sh -c IFS') && command.includes('dietAgent') ? { exitCode: 1 } : installed(command));
const nothingInstalled: Answers = (command) => (command.startsWith('sh -c IFS') ? { exitCode: 1 } : undefined);

const ns = { type: namingService, component: 'ns', with: { host: 'ns' } };
const ma1 = { type: masterAgent, component: 'ma1', with: { name: 'MA1', host: 'ma1' }, data: { du_NS_hostname: { host: 'ns', port: 2809 } } };
const la1 = { type: localAgent, component: 'la1', with: { name: 'LA1', host: 'la1' }, data: { du_NS_hostname: { host: 'ns', port: 2809 }, du_parent_name: 'MA1' } };
const sed1 = { type: serverDaemon, component: 'sed1', with: { name: 'SeD1', host: 'sed1' }, data: { du_NS_hostname: { host: 'ns', port: 2809 }, du_parent_name: 'LA1' } };
const environment = 'OMNIORB_CONFIG=/w/omniORB4.cfg OMNIORB_BIN=/w/naming ';
const ready = 'kill -0 "$(head -n 1 "$1")" && grep -qF "$2" "$1" && "$3" resolve "$4"';

interface Play {
  readonly type: ComponentType;
  readonly component: string;
  readonly with?: Readonly<Record<string, Value>>;
  readonly data?: Readonly<Record<string, Value>>;
  readonly answers?: Answers;
  readonly script?: ScriptStatus;
}

/** Plays the action of one transition. */
async function play(transition: string, options: Play): Promise<ScriptedContext> {
  const context = scriptedContext({ answers: installed, ...options });
  await options.type.transitions[transition]!.action!(context);
  return context;
}

describe('the nets are those of the report', () => {
  test.each([
    { type: namingService, places: 3, transitions: 3, ports: { 'data-provide': 1, provide: 1 } },
    { type: masterAgent, places: 3, transitions: 3, ports: { 'data-provide': 1, provide: 1, 'data-use': 1, use: 1 } },
    { type: localAgent, places: 4, transitions: 5, ports: { 'data-provide': 1, provide: 1, 'data-use': 2, use: 2 } },
    { type: serverDaemon, places: 4, transitions: 5, ports: { 'data-use': 2, use: 2 } },
  ] as { type: ComponentType; places: number; transitions: number; ports: Record<string, number> }[])('$type.name', ({ type, places, transitions, ports }) => {
    expect(type.places).toHaveLength(places);
    expect(type.initialPlace).toBe('undeployed');
    expect(Object.keys(type.transitions)).toHaveLength(transitions);
    expect(Object.fromEntries(Object.entries(Object.groupBy(Object.values(type.ports), ({ kind }) => kind)).map(([kind, all]) => [kind, all.length]))).toEqual(ports);
    for (const transition of Object.values(type.transitions)) expect(transition.idempotent).toBe(true);
  });

  test('every port of a child fits exactly one of its parent or of the naming service', () => {
    const fitting = (user: ComponentType, provider: ComponentType) =>
      Object.entries(user.ports)
        .filter(([, { kind }]) => kind === 'use' || kind === 'data-use')
        .flatMap(([use, port]) => Object.entries(provider.ports).filter(([, other]) => other.interface === port.interface && other.kind === port.kind.replace('use', 'provide')).map(([provide]) => `${use} -> ${provide}`));
    expect(fitting(localAgent, masterAgent)).toEqual(['du_parent_name -> dp_MA_name', 'u_parent_service -> p_MA_service']);
    expect(fitting(serverDaemon, localAgent)).toEqual(['du_parent_name -> dp_LA_name', 'u_parent_service -> p_LA_service']);
    expect(fitting(masterAgent, namingService)).toEqual(['du_NS_hostname -> dp_NS_hostname', 'u_NS_service -> p_NS_service']);
    expect(fitting(client, masterAgent)).toEqual(['du_MA_name -> dp_MA_name', 'u_MA_service -> p_MA_service']);
  });

  test('disconnect is not bound to u_parent_service, stop is bound to u_NS_service', () => {
    for (const type of [localAgent, serverDaemon]) {
      expect(type.ports['u_parent_service']!.boundTo).toEqual(['connect', 'connected']);
      expect(type.ports['u_NS_service']!.boundTo).toEqual(['alive', 'start', 'stop']);
    }
    expect(localAgent.ports['du_parent_name']!.boundTo).toEqual(['configure', 'connect']);
    expect(serverDaemon.ports['du_parent_name']!.boundTo).toEqual(['connect']);
  });

  test('all of them are in the catalogue', () => {
    expect(catalogue).toEqual(expect.arrayContaining([namingService, masterAgent, localAgent, serverDaemon, client]));
  });
});

describe('naming service', () => {
  test('configure makes its data folder, links its programs and writes its address', async () => {
    const context = await play('configure', ns);
    expect(context.did.slice(1)).toEqual(['run mkdir -p /w/omninames', 'run ln -sfn /usr/bin /w/naming', 'flush']);
    expect([...context.files.keys()]).toEqual(['omniORB4.cfg']);
    expect(context.files.get('omniORB4.cfg')).toBe('InitRef = NameService=corbaname::ns:2809\ngiopMaxMsgSize = 33554432\nmaxGIOPConnectionPerServer = 1000\nmaxServerThreadPoolSize = 1000\n');
    expect(context.written.get('dp_NS_hostname')).toEqual({ host: 'ns', port: 2809 });
    expect(context.warnings).toEqual([]);
  });

  test("its host is the host's address unless told otherwise", async () => {
    expect((await play('configure', { ...ns, with: {} })).written.get('dp_NS_hostname')).toEqual({ host: '10.0.0.1', port: 2809 });
  });

  test('start runs omniNames and waits until it answers', async () => {
    const list = '/w/naming/nameclt -ORBInitRef NameService=corbaname::ns:2809 list';
    let asked = 0;
    const answers: Answers = (command) => (command === list && asked++ === 0 ? { exitCode: 1 } : undefined);
    const context = scriptedContext({ ...ns, answers });
    let started = false;
    const start = namingService.transitions.start.action!;
    await start({ ...context, pollScript: async () => (started ? { kind: 'alive', pid: 1 } : { kind: 'absent' }), startScript: async (...args) => { started = true; await context.startScript(...args); } });
    expect(context.did).toEqual([
      `ask ${list}`,
      'start omniNames: OMNIORB_CONFIG=/dev/null /w/naming/omniNames -start 2809 -always -datadir /w/omninames -errlog /w/omninames/err.log -ORBendPointPublish giop:tcp:ns:',
      `ask ${list}`,
    ]);
  });

  test('start refuses when another naming service answers on its port', async () => {
    await expect(play('start', { ...ns, script: { kind: 'absent' } })).rejects.toThrow('Another naming service answers on port 2809');
  });

  test('start played again while its process lives takes no offence at its own answers', async () => {
    expect((await play('start', ns)).did.filter((line) => line.startsWith('start'))).toHaveLength(1);
  });

  test('stop sends TERM, since INT is ignored in the background', async () => {
    expect((await play('stop', ns)).did).toEqual(['kill omniNames TERM']);
  });
});

describe('configure of the elements', () => {
  test.each([
    { of: ma1, file: 'MA1.cfg', content: ['traceLevel = 5', 'agentType = DIET_MASTER_AGENT', 'name = MA1', 'dietHostname = ma1', 'dietPort = 5001', 'storageDirectory = /w/dagda'], runs: './bin/dietAgent ./MA1.cfg >> MA1.out' },
    { of: la1, file: 'LA1.cfg', content: ['traceLevel = 5', 'agentType = DIET_LOCAL_AGENT', 'name = LA1', 'parentName = MA1', 'dietHostname = la1', 'dietPort = 5001', 'storageDirectory = /w/dagda'], runs: './bin/dietAgent ./LA1.cfg -p none >> LA1.out' },
    { of: sed1, file: 'SeD1.cfg', content: ['traceLevel = 5', 'name = SeD1', 'parentName = none', 'dietHostname = sed1', 'dietPort = 5001', 'storageDirectory = /w/dagda'], runs: './bin/scalars_server ./SeD1.cfg >> SeD1.out' },
  ] as { of: Play; file: string; content: string[]; runs: string }[])('$file, omniORB4.cfg and a start script go in one batch', async ({ of, file, content, runs }) => {
    const context = await play('configure', of);
    expect([...context.files.keys()]).toEqual(['omniORB4.cfg', file, 'start.sh']);
    expect(context.files.get(file)!.trim().split('\n')).toEqual(content);
    expect(context.files.get('omniORB4.cfg')).toContain('InitRef = NameService=corbaname::ns:2809\n');
    expect(context.files.get('start.sh')).toContain(`exec stdbuf -oL ${runs}\n`);
    expect(context.did.slice(2)).toEqual(['run mkdir -p /w/dagda', 'run ln -sfn /opt/diet/bin /w/bin', 'run ln -sfn /usr/bin /w/naming', 'flush']);
  });

  test('the Master Agent gives its name when configured, the Local Agent when alive', async () => {
    expect((await play('configure', ma1)).written).toEqual(new Map([['dp_MA_name', 'MA1']]));
    expect((await play('configure', la1)).written).toEqual(new Map());
    expect((await play('start', la1)).written).toEqual(new Map([['dp_LA_name', 'LA1']]));
  });

  test("a name is the component's without brackets, and nothing that naming service, file or shell reads in its own way", async () => {
    expect((await play('configure', { ...sed1, component: 'sed[2]', with: {} })).files.has('sed2.cfg')).toBe(true);
    await expect(play('configure', { ...sed1, with: { name: 'a/b' } })).rejects.toThrow('cannot be a name in DIET');
    await expect(play('configure', { ...sed1, with: { program: '/opt/my server' } })).rejects.toThrow('cannot be the program');
  });
});

describe('which programs play', () => {
  const double = { double: '/controller/double' };

  test('real ones on PATH play, and nothing is sent or said', async () => {
    const context = await play('configure', { ...la1, with: { ...la1.with, ...double } });
    expect(context.transferred.size).toBe(0);
    expect(context.warnings).toEqual([]);
  });

  test('a folder that is named needs no search', async () => {
    const context = await play('configure', { ...la1, with: { ...la1.with, bin: '/home/me/diet', naming: '/home/me/omni' }, answers: nothingInstalled });
    expect(context.did).toEqual(['run mkdir -p /w/dagda', 'run ln -sfn /home/me/diet /w/bin', 'run ln -sfn /home/me/omni /w/naming', 'flush']);
  });

  test("DIET's double is sent where DIET is not installed, and the operator is told", async () => {
    const context = await play('configure', { ...la1, with: { ...la1.with, ...double }, answers: onlyOmniOrb });
    expect(context.transferred).toEqual(new Map([['double', '/controller/double']]));
    expect(context.did).toContain('run ln -sfn /w/double /w/bin');
    expect(context.did).toContain('run ln -sfn /usr/bin /w/naming');
    expect(context.warnings).toEqual(['DIET is not installed on worker[1]: its double plays. The life cycle is true, the computing is not.']);
  });

  test('the naming service decides for all: where its double plays, so does its nameclt, and real DIET programs are refused', async () => {
    const naming = await play('configure', { ...ns, with: { host: 'ns', ...double }, answers: nothingInstalled });
    expect(naming.did).toContain('run ln -sfn /w/double/naming /w/naming');
    expect(naming.written.get('dp_NS_hostname')).toEqual({ host: 'ns', port: 2809, double: true });
    expect(naming.warnings).toHaveLength(1);
    const of = { ...la1, with: { ...la1.with, ...double }, data: { ...la1.data, du_NS_hostname: naming.written.get('dp_NS_hostname')! } };
    expect((await play('configure', { ...of, answers: onlyOmniOrb })).did).toContain('run ln -sfn /w/double/naming /w/naming');
    await expect(play('configure', of)).rejects.toThrow("need omniORB's naming service, but its double runs");
  });

  test('neither real ones nor a double is an error that says what to do', async () => {
    await expect(play('configure', { ...la1, answers: nothingInstalled })).rejects.toThrow('dietAgent is not on the PATH of worker[1]. Install it there, or say where it is with "bin:", or give "double:"');
    await expect(play('configure', { ...la1, with: { ...double }, answers: nothingInstalled })).rejects.toThrow('nameclt is not on the PATH of worker[1]');
  });
});

describe('start of the elements', () => {
  test.each([
    { of: ma1, script: 'dietAgent', line: 'Master Agent MA1 started.', name: 'dietAgent/MA1', file: 'MA1.out' },
    { of: la1, script: 'dietAgent', line: 'Local Agent LA1 started.', name: 'dietAgent/LA1', file: 'LA1.out' },
    { of: sed1, script: 'scalars_server', line: '## Launch Dagda data manager DAGDA-SeD-', name: 'dietSeD/SeD1', file: 'SeD1.out' },
  ] as { of: Play; script: string; line: string; name: string; file: string }[])('$name is ready when its process lives, has said so and is bound', async ({ of, script, line, name, file }) => {
    expect((await play('start', of)).did).toEqual([`start ${script}: sh /w/start.sh`, `ask ${environment}sh -c ${ready} sh /w/${file} ${line} /w/naming/nameclt ${name}`]);
  });

  test('a process that ends meanwhile, or does not get ready, is a failure, and nothing of it stays', async () => {
    const ended = scriptedContext({ ...la1, script: { kind: 'ended', exitCode: 9, stdout: '', stderr: '', timedOut: false } });
    await expect(localAgent.transitions.start.action!(ended)).rejects.toThrow('LA1 serves: ended');
    const slow = scriptedContext({ ...la1, answers: () => ({ exitCode: 1 }) });
    await expect(localAgent.transitions.start.action!(slow)).rejects.toThrow('LA1 serves: time is over');
    expect(slow.did.at(-1)).toBe('kill dietAgent TERM');
    expect(slow.written.size).toBe(0);
  });
});

describe('stop of the elements', () => {
  const gone: Answers = (command) => (command.includes('resolve') ? { exitCode: 1, stderr: 'resolve: NotFound exception: missing node' } : undefined);

  test.each([
    { of: ma1, script: 'dietAgent', name: 'dietAgent/MA1' },
    { of: la1, script: 'dietAgent', name: 'dietAgent/LA1' },
    { of: sed1, script: 'scalars_server', name: 'dietSeD/SeD1' },
  ] as { of: Play; script: string; name: string }[])('$name gets INT, and its name is found unbound', async ({ of, script, name }) => {
    const context = await play('stop', { ...of, answers: gone });
    expect(context.did).toEqual([`kill ${script} INT`, `ask ${environment}/w/naming/nameclt resolve ${name}`]);
    expect(context.warnings).toEqual([]);
  });

  test('a name that is left is reported and removed', async () => {
    const context = await play('stop', la1);
    expect(context.warnings).toEqual(['LA1 died without unbinding dietAgent/LA1: its names are removed now.']);
    expect(context.did.slice(2)).toEqual([`run ${environment}/w/naming/nameclt unbind Dagda/LA1_DAGDA`, `run ${environment}/w/naming/nameclt unbind dietAgent/LA1`]);
  });

  test('without an answer of the naming service nothing is certain: that is a failure', async () => {
    const down: Answers = () => ({ exitCode: 1, stderr: 'Caught a TRANSIENT exception' });
    await expect(play('stop', { ...la1, answers: down })).rejects.toThrow('the naming service does not answer');
  });
});

describe('connect and disconnect', () => {
  test.each([
    { of: la1, transition: 'connect', runs: '/w/bin/connect LA LA1 MA1' },
    { of: sed1, transition: 'connect', runs: '/w/bin/connect SED SeD1 LA1' },
    { of: la1, transition: 'disconnect', runs: '/w/bin/disconnect LA LA1' },
    { of: sed1, transition: 'disconnect', runs: '/w/bin/disconnect SED SeD1' },
  ] as { of: Play; transition: string; runs: string }[])('$runs', async ({ of, transition, runs }) => {
    expect((await play(transition, of)).did).toEqual([`run ${environment}${runs}`]);
  });

  test('connect fails with any exit code but 0', async () => {
    await expect(play('connect', { ...la1, answers: () => ({ exitCode: 3 }) })).rejects.toThrow(CommandFailed);
  });

  test('disconnect from a dead parent (3) is a warning, anything else a failure', async () => {
    expect((await play('disconnect', { ...la1, answers: () => ({ exitCode: 3 }) })).warnings).toHaveLength(1);
    await expect(play('disconnect', { ...la1, answers: () => ({ exitCode: 1, stderr: 'LA1 is dead' }) })).rejects.toThrow('disconnect LA LA1 ended with exit code 1. LA1 is dead');
  });
});

test.each([
  { type: namingService, place: 'running', of: ns },
  { type: masterAgent, place: 'running', of: ma1 },
  { type: localAgent, place: 'disconnected', of: la1 },
  { type: localAgent, place: 'connected', of: la1 },
  { type: serverDaemon, place: 'disconnected', of: sed1 },
  { type: serverDaemon, place: 'connected', of: sed1 },
] as { type: ComponentType; place: string; of: Play }[])('the probe of $place of $type.name looks at the process, never at the name', async ({ type, place, of }) => {
  const alive = scriptedContext(of);
  await type.probes[place]!(alive);
  expect(alive.did).toEqual([]);
  await expect(async () => type.probes[place]!(scriptedContext({ ...of, script: { kind: 'vanished', stdout: '', stderr: '' } }))).rejects.toThrow('is not running (vanished)');
});

describe('client', () => {
  const of = { type: client, component: 'client', data: { du_NS_hostname: { host: 'ns', port: 2809 }, du_MA_name: 'MA1' } };
  const found: Answers = () => ({ stdout: 'The Master Agent found the following server(s):\n    vm:5001\n    vm:5002\nAfter the call: l1 = 0x1111, l2 = 0x3333\n' });

  test('configure writes whom it asks', async () => {
    expect((await play('configure', of)).files.get('client.cfg')).toBe('traceLevel = 5\nMAName = MA1\n');
  });

  test('call fails when it finds fewer servers than expected', async () => {
    expect((await play('call', { ...of, with: { servers: 2 }, answers: found })).did).toEqual([`run ${environment}/w/bin/scalars_client /w/client.cfg IADD`]);
    await expect(play('call', { ...of, with: { servers: 3 }, answers: found })).rejects.toThrow('The call found 2 of 3 servers: vm:5001, vm:5002.');
  });
});

describe('cycles of parents', () => {
  const components = ['la1', 'la2', 'la3'].map((name) => ({ name, type: 'diet/local-agent' })).concat({ name: 'ma1', type: 'diet/master-agent' });
  const below = (child: string, parent: string) => ({ use: { component: child, port: 'du_parent_name' }, provide: { component: parent, port: 'dp_LA_name' } });

  test.each([
    ['a tree has none', [below('la1', 'ma1'), below('la2', 'la1'), below('la3', 'la1')], []],
    ['an agent below itself', [below('la2', 'la2')], [['la2']]],
    ['two below each other, told once', [below('la1', 'la2'), below('la2', 'la1'), below('la3', 'la1')], [['la1', 'la2']]],
    ['three in a ring', [below('la2', 'la1'), below('la3', 'la2'), below('la1', 'la3')], [['la1', 'la3', 'la2']]],
  ])('%s', (_, connections, cycles) => {
    expect(parentCycles({ components, connections })).toEqual(cycles);
  });
});
