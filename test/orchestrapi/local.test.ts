import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { localHost } from '../../src/orchestrapi/local.ts';
import { hostSuite } from './host-suite.ts';
import { newFolder } from './folders.ts';

hostSuite('a local host', async () => {
  const workFolder = join(await newFolder(), 'work', 'host');
  return { reach: () => localHost({ name: 'head', workFolder }) };
});

test.each(['/', '/home', '/tmp/..', 'relative/folder'])('%j is no work folder, since it could not be destroyed', (workFolder) => {
  expect(() => localHost({ name: 'h', workFolder })).toThrow(RangeError);
});

test('its address is the loopback unless given, and its variables are in every command and script', async () => {
  const host = localHost({ name: 'h', workFolder: join(await newFolder(), 'host'), env: { WHO: 'me' } });
  expect(host.address).toBe('127.0.0.1');
  expect((await host.run('echo $WHO')).stdout).toBe('me\n');
  await host.start({ id: 's', command: 'echo $WHO' });
  expect(await host.wait('s')).toMatchObject({ stdout: 'me\n' });
});

test('a work folder that cannot be made is told in words', async () => {
  const folder = await newFolder();
  const host = localHost({ name: 'h', workFolder: join(folder, 'host') });
  await host.put([{ to: 'file', text: '' }]);
  await expect(localHost({ name: 'h', workFolder: join(host.workFolder, 'file/below') }).run(['true'])).rejects.toThrow('a part of the path is a file');
});

test('a wait costs no processor time', async () => {
  const host = localHost({ name: 'h', workFolder: join(await newFolder(), 'host') });
  const other = localHost({ name: 'h', workFolder: host.workFolder });
  await Promise.all(Array.from({ length: 10 }, (_, i) => host.start({ id: `s/${i}`, command: ['sleep', '1'] })));
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: 10 }, (_, i) => other.wait(`s/${i}`)));
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(200);
});

test('whoever reads what a controller inherited is not kept waiting by the daemons that it leaves', async () => {
  const workFolder = join(await newFolder(), 'host');
  const host = localHost({ name: 'h', workFolder });
  const controller = `
    import { localHost } from ${JSON.stringify(new URL('../../src/orchestrapi/local.ts', import.meta.url).href)};
    await localHost({ name: 'h', workFolder: process.argv[1] }).start({ id: 'daemon', command: ['sleep', '1000'] });
  `;
  // As a CI job may do: pipes on low and high descriptors, which nobody told the controller about.
  const stdio = Array.from({ length: 61 }, (_, fd) => (fd === 1 || fd === 5 || fd === 60 ? 'pipe' : 'ignore') as 'pipe' | 'ignore');
  const child = spawn(process.execPath, ['--input-type=module', '-e', controller, workFolder], { stdio });
  await Promise.all([1, 5, 60].map((fd) => once((child.stdio[fd as 1] as Readable).resume(), 'end')));
  expect(await host.poll('daemon')).toMatchObject({ kind: 'alive' });
  await host.destroy();
});
