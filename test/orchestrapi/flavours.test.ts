import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deploymentInventory } from '../../src/orchestrapi/flavours/nixos-compose.ts';
import { InventoryError, readInventory, remoteWorkFolder, sshFlavour } from '../../src/orchestrapi/flavours/ssh.ts';
import { reachedRoles, recordBinding } from '../../src/orchestrapi/flavours/binding.ts';
import { recorderOfReached } from '../../src/orchestrapi/flavours/reached.ts';
import { testbedInventory } from '../../src/orchestrapi/flavours/testbed.ts';
import { onTestBed } from '../testbed/testbed.ts';
import { newFolder } from './folders.ts';

const roles = ['head', 'worker[1]', 'worker[2]'];

test.each<[string, string, Record<string, object>]>([
  ['a name each', 'head: n1\nworker: [n2, bob@n3:2222]', { head: { destination: 'n1' }, 'worker[1]': { destination: 'n2' }, 'worker[2]': { destination: 'n3', user: 'bob', port: 2222 } }],
  ['numbers of machines, as in NixOS Compose', 'machines: [n1, n2, n3, n4]\nhead: 1\nworker: 2', { head: { destination: 'n1' }, 'worker[1]': { destination: 'n2' }, 'worker[2]': { destination: 'n3' } }],
  ['instances one by one', 'head: n1\nworker[2]: n3\nworker[1]: n2', { head: { destination: 'n1' }, 'worker[1]': { destination: 'n2' }, 'worker[2]': { destination: 'n3' } }],
  ['numbers that NixOS Compose calls least ones', 'machines: [n1, n2, n3, n4]\nhead: 1\nworker: !DefaultRole 2', { head: { destination: 'n1' }, 'worker[1]': { destination: 'n2' }, 'worker[2]': { destination: 'n3' } }],
  ['lists, as in NixOS Compose', 'head: [n1]\nworker: [n2, n3]', { head: { destination: 'n1' }, 'worker[1]': { destination: 'n2' }, 'worker[2]': { destination: 'n3' } }],
  ['below `hosts:`, with defaults, in full', 'defaults: { user: root, config: ssh/config }\nhosts:\n  head: { address: 10.0.0.1, port: 23, via: gate, key: ~/k, knownHosts: known, workFolder: /srv/t }\n  worker: [n2, alice@n3]',
    {
      head: { destination: '10.0.0.1', port: 23, user: 'root', proxyJump: 'gate', identityFiles: ['~/k'], knownHostsFiles: ['/f/known'], configFile: '/f/ssh/config', workFolder: '/srv/t' },
      'worker[1]': { destination: 'n2', user: 'root', configFile: '/f/ssh/config' }, 'worker[2]': { destination: 'n3', user: 'alice', configFile: '/f/ssh/config' },
    }],
  ['IPv6, in brackets; what nobody asked for does no harm', 'head: "[::1]:23"\nworker: [a, b, c]\nother: d', { head: { destination: '::1', port: 23 }, 'worker[1]': { destination: 'a' }, 'worker[2]': { destination: 'b' } }],
])('a hosts file: %s', (_, text, machines) => {
  expect(Object.fromEntries(readInventory(text, roles, '/f').machines)).toEqual(machines);
});

test.each<[string, string, string[]]>([
  ['roles that are left out', 'head: n1', ['No machine is given for worker[1], worker[2]']],
  ['a role by another name', 'head: n1\nworkers: [a, b]\nother: c', ['No machine is given for worker[1], worker[2]; "workers" is no role of this assembly, did you mean "worker"?; "other" is no role of this assembly']],
  ['too few machines', 'machines: [a, b]\nhead: 1\nworker: 2', ['worker: wants 2 of "machines", which has 1 left']],
  ['a role of one on two', 'head: [a, b]\nworker: [c, d]', ['head: is one host, and 2 machines are given']],
  ['what is no machine', 'head: "-oProxyCommand=x"\nworker: [true, {user: x, adress: y}]', [
    'head: "-oProxyCommand=x" is no machine: write [user@]name[:port]', 'worker[1]: true is no machine: write a name, or { address: … }',
    'worker[2]: "adress" says nothing of a machine; known: address, user, port, config, key, knownHosts, via, workFolder', 'worker[2]: has no address',
  ]],
  ['no map at all', '- a', ['It must say which machine each role is on: "role: machine"']],
  ['a port that is none', 'head: { address: a, port: 70000 }\nworker: [b:99999, c]', ['head: 70000 is no port', 'worker[1]: 99999 is no port']],
  ['a work folder that cannot be one', 'defaults: { workFolder: relative }\nhead: { address: a, workFolder: /. }\nworker: [b, c]', [
    'defaults: workFolder must be an absolute path below "/", and is "relative"', 'head: workFolder must be an absolute path below "/", and is "/."',
  ]],
])('what is wrong with a hosts file is told at once: %s', (_, text, problems) => {
  expect(() => readInventory(text, roles, '/f')).toThrow(expect.objectContaining({ problems }));
});

test('what a hosts file has beyond the roles is told', () => {
  expect(readInventory('machines: [a, b, c, d]\nhead: 1\nworker: [e, f, g, h]\nwroker: x', roles, '/f').unused).toEqual([
    '"wroker" is no role of this assembly, did you mean "worker"?', '2 of the machines of "worker" are left over', '3 of "machines" are left over',
  ]);
  expect(readInventory('head: a\nworker: [b, c]', roles, '/f').unused).toEqual([]);
});

describe('a deployment of NixOS Compose', () => {
  /** As "nxc start" writes it. */
  const deployment = (machines: object, more: object = {}) => JSON.stringify({ 'ssh_key.pub': 'ssh-ed25519 …', deployment: machines, composition: 'composition', user: 'alice', ...more });
  const machine = (role: string, more: object = {}) => ({ role, host: role, init: '/nix/store/0-nixos-system/init', ...more });

  test('gives each role its machines, in the order of the file, as root: its "user" has started them', () => {
    const text = deployment({ '10.0.0.3': machine('worker'), '10.0.0.1': machine('head'), '10.0.0.2': machine('worker') });
    expect(deploymentInventory(text, roles)).toEqual({
      machines: new Map([['head', { destination: '10.0.0.1', user: 'root' }], ['worker[1]', { destination: '10.0.0.3', user: 'root' }], ['worker[2]', { destination: '10.0.0.2', user: 'root' }]]), unused: [],
    });
  });

  test('reaches virtual machines by the forwarded port, and tells the others the address on their own network', async () => {
    const { machines } = deploymentInventory(deployment({ '192.168.1.1': machine('head', { vm_id: 1 }) }), ['head']);
    expect(machines.get('head')).toEqual({ destination: '127.0.0.1', port: 22_022, user: 'root', address: '192.168.1.1' });
    expect((await sshFlavour(['head'], { inventory: machines, workFolder: '/var/tmp/vm' })).get('head')!.address).toBe('192.168.1.1');
  });

  test('may have more machines than are asked for: that is told', () => {
    const text = deployment({ '10.0.0.1': machine('head'), '10.0.0.2': machine('head'), '10.0.0.3': machine('client') });
    expect(deploymentInventory(text, ['head']).unused).toEqual(['"client" is no role of this assembly', '1 of the machines of "head" is left over']);
  });

  test.each<[string, string, string[]]>([
    ['too few machines', deployment({ '10.0.0.1': machine('head'), '10.0.0.2': machine('worker') }), ['No machine is given for worker[2]; the deployment has 1 of "head", 1 of "worker"']],
    ['a role by another name', deployment({ '10.0.0.1': machine('head'), '10.0.0.2': machine('wroker') }), ['No machine is given for worker[1], worker[2]; the deployment has 1 of "head", 1 of "wroker"; "wroker" is no role of this assembly, did you mean "worker"?']],
    ['no machines', deployment({}), ['No machine is given for head, worker[1], worker[2]; the deployment has none at all']],
    ['what says nothing of a machine', deployment({ '10.0.0.1': 'head', '10.0.0.2': machine('worker', { vm_id: 'x' }) }), ['10.0.0.1: has no "role"', '10.0.0.2: "x" is no "vm_id", a number']],
    ['containers', deployment({ head: { role: 'head' } }, { nodes: ['head'], 'docker-compose-file': '/f/docker-compose.json' }), [expect.stringMatching(/^Its containers are entered by docker compose: they have neither an address nor an SSH server/) as string]],
    ['what was only built', '{ "compositions_info": {} }', [expect.stringMatching(/^It has no "deployment": name the file of deploy\/ that "nxc start" has written/) as string]],
    ['no JSON', 'head: n1', [expect.stringMatching(/^It is not JSON: /) as string]],
  ])('is refused: %s', (_, text, problems) => {
    expect(() => deploymentInventory(text, roles)).toThrow(expect.objectContaining({ problems }));
  });
});

test('the work folder on hosts of others goes with the state folder', async () => {
  const folder = await newFolder();
  const first = await remoteWorkFolder(folder);
  expect(first).toMatch(/^\/var\/tmp\/tutti-[0-9a-f]{12}$/);
  expect(await remoteWorkFolder(folder)).toBe(first);
  expect(await remoteWorkFolder(await newFolder())).not.toBe(first);
  await writeFile(join(folder, 'id'), '../../etc\n');
  await expect(remoteWorkFolder(folder)).rejects.toThrow(RangeError);
});

test('a role is reached from its first connection on; without the record of it, any may have been', async () => {
  const folder = await newFolder();
  const binding = { flavour: 'ssh', machines: { head: { destination: 'n1' }, 'worker[1]': { destination: 'n2' } } } as const;
  expect(reachedRoles(binding, folder)).toEqual(['head', 'worker[1]']);
  await recordBinding(binding, folder);
  expect(reachedRoles(binding, folder)).toEqual([]);
  const reached = recorderOfReached(folder);
  reached('worker[1]');
  reached('worker[1]');
  expect(await readFile(join(folder, 'reached'), 'utf8')).toBe('worker[1]\n');
  await recordBinding(binding, folder);
  expect(reachedRoles(binding, folder)).toEqual(['worker[1]']);
  await rm(join(folder, 'reached'));
  recorderOfReached(folder)('head');
  expect(reachedRoles(binding, folder)).toEqual(['head', 'worker[1]']);
});

onTestBed('flavours', 3, (bed) => {
  test('roles play on the hosts of a test bed, in order, each with its address and its own folder', async () => {
    const hosts = await sshFlavour(roles, { inventory: (await testbedInventory(roles, bed().folder)).machines, workFolder: '/var/tmp/flavours' });
    expect([...hosts.keys()]).toEqual(roles);
    for (const [i, host] of [...hosts.values()].entries()) {
      expect(host.address).toBe(bed().address(`h${i + 1}`));
      expect((await host.run('hostname; pwd')).stdout).toBe(`h${i + 1}\n/var/tmp/flavours.${roles[i]!.replace(/\[(\d)\]/, '.$1')}\n`);
    }
    await Promise.all([...hosts.values()].map((host) => host.close()));
    await expect(testbedInventory([...roles, 'more'], bed().folder)).rejects.toThrow('has 3 hosts, and 4 are wanted');
    await expect(testbedInventory(roles, '/run/testbed/none')).rejects.toBeInstanceOf(InventoryError);
  });
});
