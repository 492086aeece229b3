import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { failureOf } from '../../src/orchestrapi/failure.ts';
import { CommandError, HostError, NotReadyError, UnknownFateError, type Host, type Orchestrapi } from '../../src/orchestrapi/host.ts';
import { localHost } from '../../src/orchestrapi/local.ts';
import { createOrchestrapi, StepCleaner, type OrchestrapiOptions } from '../../src/orchestrapi/orchestrapi.ts';
import { recordingHost } from '../../src/orchestrapi/recording.ts';
import { transfers } from '../../src/orchestrapi/transfers.ts';
import { newFolder, until } from './folders.ts';

/** A machine, and actions on it; each call of `act` is another life of the controller. */
async function newMachine(): Promise<{ readonly host: Host; act(action?: string, options?: Partial<OrchestrapiOptions>): Orchestrapi & { readonly output: () => string } }> {
  const workFolder = join(await newFolder(), 'host');
  const reach = (): Host => localHost({ name: 'head', workFolder });
  const host = reach();
  onTestFinished(() => host.destroy());
  return {
    host,
    act(action = 'la1/start.1.1', options = {}) {
      let output = '';
      const api = createOrchestrapi({ ...defaults(reach()), action, onOutput: (text) => { output += text; }, ...options });
      return Object.assign(api, { output: () => output });
    },
  };
}

function defaults(host: Host): OrchestrapiOptions {
  return {
    host, hosts: new Map([[host.name, host]]), component: 'la1', action: 'la1/start.1.1', transfers: transfers({ windowMs: 1 }), signal: new AbortController().signal,
    timeoutMs: 60_000, idempotent: false, onOutput: () => {}, folder: '/',
  };
}

test('a component has its own folder on its host, and its commands run there', async () => {
  const { host, act } = await newMachine();
  const { path, run, ask, hostname, address } = act();
  expect({ path, hostname, address }).toEqual({ path: join(host.workFolder, 'la1'), hostname: 'head', address: '127.0.0.1' });
  expect((await run(['pwd'])).stdout).toBe(`${path}\n`);
  expect((await run(['pwd'], { cwd: 'sub' })).stdout).toBe(`${path}/sub\n`);
  expect((await ask(['pwd'])).stdout).toBe(`${path}\n`);
});

test('a command that fails says host, command, exit code and its last lines', async () => {
  const { act } = await newMachine();
  const api = act();
  const failure = await api.run('seq 30; echo bad >&2; exit 4').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CommandError);
  expect(failure).toMatchObject({ host: 'head', exitCode: 4, command: expect.stringContaining('seq 30'), output: expect.stringMatching(/^(1|2)\d\n[^]*bad$/) });
  expect(api.output()).toContain('bad');
  expect((await api.run('exit 4', { allowFailure: true })).exitCode).toBe(4);
  expect((await api.ask('exit 4')).exitCode).toBe(4);
});

test('past its time limit a step is ended by its host and is a TIMEOUT', async () => {
  const { act } = await newMachine();
  await expect(act().run(['sleep', '1000'], { timeoutMs: 200 })).rejects.toMatchObject({ name: 'HostError', code: 'TIMEOUT' });
});

test('D2: an action that is played again runs no finished step twice, and gets its old result', async () => {
  const { act } = await newMachine();
  const play = async ({ run }: Orchestrapi): Promise<string[]> => [(await run('echo a >>log; echo one')).stdout, (await run('echo b >>log; echo two; exit 1', { allowFailure: true })).stdout];
  expect(await play(act())).toEqual(['one\n', 'two\n']);
  expect(await play(act())).toEqual(['one\n', 'two\n']);
  expect(await act().readFile('log')).toBe('a\nb\n');
});

test('D2: a step that went on while the controller was dead is waited for', async () => {
  const { act } = await newMachine();
  const before = act();
  await before.run('mkfifo gate');
  const command = 'echo x >>count; read -r line <gate; echo $line';
  const lost = before.run(command);
  await until('it runs', () => before.readFile('count').then((text) => text !== '', () => false));
  const again = act();
  await again.run('mkfifo gate');
  const found = again.run(command);
  await act('la1/other.2.1').run('echo opened >gate');
  expect([(await lost).stdout, (await found).stdout]).toEqual(['opened\n', 'opened\n']);
  expect(await again.readFile('count')).toBe('x\n');
});

test('D2: a step that vanished has an unknown fate, unless it is idempotent: then it is run again', async () => {
  const { host, act } = await newMachine();
  const command = 'echo x >>count; [ $(wc -l <count) -gt 1 ] || { echo $PPID $$ >pids; sleep 1000; }';
  const lost = act().run(command).catch((error: unknown) => error);
  await until('it runs', () => act().readFile('pids').then((text) => text !== '', () => false));
  await host.run('read keeper leader <la1/pids; kill -9 $keeper -$leader');
  expect(await lost).toBeInstanceOf(UnknownFateError);
  await expect(act().run(command)).rejects.toBeInstanceOf(UnknownFateError);
  expect((await act('la1/start.1.1', { idempotent: true }).run(command)).exitCode).toBe(0);
  expect(await act().readFile('count')).toBe('x\nx\n');
});

test('D2: another command at the place of a finished step is an unknown fate', async () => {
  const { act } = await newMachine();
  await act().run(['echo', 'old']);
  await expect(act().run(['echo', 'new'])).rejects.toBeInstanceOf(UnknownFateError);
  expect((await act('la1/start.1.2').run(['echo', 'new'])).stdout).toBe('new\n');
});

test('aborting the action kills its step', async () => {
  const { host, act } = await newMachine();
  const controller = new AbortController();
  const api = act('la1/start.1.1', { signal: controller.signal });
  const run = api.run('echo >ready; sleep 1000').catch((error: unknown) => error);
  await until('it runs', () => host.poll('steps/la1/start.1.1/0').then((s) => s.kind === 'alive'));
  controller.abort(new Error('enough'));
  expect(await run).toMatchObject({ code: 'INTERRUPTED' });
  expect(await host.poll('steps/la1/start.1.1/0')).toMatchObject({ kind: 'ended', exitCode: 143 });
  await expect(api.run(['true'])).rejects.toMatchObject({ code: 'INTERRUPTED', message: expect.stringContaining('enough') });
});

test('`on` runs a command on another host of the assembly; an unknown one is refused', async () => {
  const [own, other] = [recordingHost({ name: 'own' }), recordingHost({ name: 'other' })];
  const { run, ask } = createOrchestrapi({ ...defaults(own), hosts: new Map([['own', own], ['other', other]]) });
  await run(['register'], { on: 'other' });
  await ask(['look'], { on: 'other' });
  expect(own.log).toEqual([]);
  expect(other.log).toMatchObject([{ kind: 'start', id: 'steps/la1/start.1.1/0', command: ['register'], cwd: '/work/other/la1' }, { kind: 'run', command: ['look'] }]);
  await expect(run(['x'], { on: 'nowhere' })).rejects.toThrow('"nowhere"');
});

test('the records of an action and of its earlier tries are removed on every host, once its outcome is durable', async () => {
  const [own, other] = [recordingHost({ name: 'own' }), recordingHost({ name: 'other' })];
  const act = (action: string) => createOrchestrapi({ ...defaults(own), action, hosts: new Map([['other', other]]) });
  await act('la1/start.1.1').run(['a']);
  await act('la1/start.1.2').run(['a'], { on: 'other' });
  await act('la1/stop.2.1').run(['a']);
  const cleaner = new StepCleaner();
  cleaner.clean(own, 'la1/start.1.2');
  await cleaner.flush();
  const forgotten = (host: typeof own) => host.log.flatMap((entry) => (entry.kind === 'forget' ? [entry.id] : []));
  expect([forgotten(own), forgotten(other)]).toEqual([['steps/la1/start.1.1'], ['steps/la1/start.1.2']]);
  cleaner.clean(own, 'never/was.1.1');
  await cleaner.flush();
});

test('a file of another host goes by way of the controller, and leaves nothing there', async () => {
  const { act } = await newMachine();
  const other = localHost({ name: 'other', workFolder: join(await newFolder(), 'other') });
  await other.put([{ to: 'la1/made', text: 'on the other one\n', mode: 0o600 }]);
  const { queueTransfer, writeFile, flushTransfers, transfer, readFile } = act('la1/start.1.1', { hosts: new Map([['other', other]]) });
  queueTransfer({ on: 'other', path: 'made' }, 'etc/got');
  writeFile('own', 'here\n');
  await flushTransfers();
  expect([await readFile('etc/got'), await readFile('own')]).toEqual(['on the other one\n', 'here\n']);
  await expect(transfer({ on: 'other', path: 'nowhere' }, 'x')).rejects.toMatchObject({ code: 'NOT_FOUND', host: 'other' });
  expect(() => queueTransfer({ on: 'nobody', path: 'x' }, 'x')).toThrow('there is no host "nobody"');
  expect((await readdir(tmpdir())).filter((name) => name.startsWith('tutti-relayed-'))).toEqual([]);
});

test('a daemon goes on when its action has ended, and is ended by name', async () => {
  const { act } = await newMachine();
  await act().startScript('serve', ['sleep', '1000']);
  expect(await act('la1/stop.2.1').pollScript('serve')).toMatchObject({ kind: 'alive' });
  expect(await act('la1/stop.2.1').killScript('serve')).toMatchObject({ kind: 'ended' });
  expect(await act('la1/stop.3.1').killScript('serve')).toMatchObject({ kind: 'ended' });
  expect(await act('la1/stop.3.1').killScript('never')).toEqual({ kind: 'absent' });
});

test('a daemon that lives is not started a second time by another action', async () => {
  const { act } = await newMachine();
  await act().startScript('serve', ['sleep', '1000']);
  await expect(act('la1/start.2.1').startScript('serve', ['sleep', '1000'])).rejects.toThrow('"serve" of la1 lives already');
});

test('D2: an action that is played again finds the daemon that it started', async () => {
  const { act } = await newMachine();
  const command = 'echo x >>starts; exec sleep 1000';
  await act().startScript('serve', command);
  const before = await act().pollScript('serve');
  await act().startScript('serve', command);
  expect(await act().pollScript('serve')).toEqual(before);
});

test('D2: an action that restarts a daemon does so once, however often it is played again', async () => {
  const { act } = await newMachine();
  await act('la1/start.1.1').startScript('serve', ['sleep', '1000']);
  const restart = async ({ killScript, startScript }: Orchestrapi): Promise<void> => {
    await killScript('serve');
    await startScript('serve', ['sleep', '1001']);
    await killScript('serve');
    await startScript('serve', ['sleep', '1002']);
  };
  await restart(act('la1/restart.2.1'));
  const after = await act().pollScript('serve');
  expect(after).toMatchObject({ kind: 'alive' });
  await restart(act('la1/restart.2.1'));
  expect(await act().pollScript('serve')).toEqual(after);
});

test('the next try of an action ends the daemon that its failed try has left, and begins anew', async () => {
  const { act } = await newMachine();
  await act('la1/start.1.1').startScript('serve', ['sleep', '1000']);
  const before = await act().pollScript('serve');
  await act('la1/start.1.2').startScript('serve', ['sleep', '1000']);
  const after = await act().pollScript('serve');
  expect(after).toMatchObject({ kind: 'alive' });
  expect(after).not.toEqual(before);
});

test('an operator’s retry does so, too; an execution that was not for the same token does not', async () => {
  const { act } = await newMachine();
  await act('la1/start.1.1').startScript('serve', ['sleep', '1000']);
  await act('la1/start.3.1', { since: 1 }).startScript('serve', ['sleep', '1000']);
  await expect(act('la1/start.4.1', { since: 4 }).startScript('serve', ['sleep', '1000'])).rejects.toThrow('"serve" of la1 lives already');
});

test('a step whose host is lost may still run there; one that an interruption did not reach, too, and it is said soon', async () => {
  const { host } = await newMachine();
  const unreachable = new HostError('UNREACHABLE', 'head', 'head: cannot be reached. Is it up?');
  const controller = new AbortController();
  const act = (change: Partial<Host>) => createOrchestrapi({ ...defaults(Object.assign(Object.create(host) as Host, { name: 'head', workFolder: host.workFolder, start: async () => ({ kind: 'alive', pid: 1 }) }, change)), signal: controller.signal, found: false });
  const lost = await act({ wait: () => Promise.reject(unreachable) }).run(['build']).catch((error: unknown) => error);
  expect(failureOf(lost)).toEqual({ reason: 'unreachable', host: 'head', command: 'build', unsettled: true, message: '"build" began there and may still run; the next try (tutti retry) looks for it first. head: cannot be reached. Is it up?' });
  const never = await act({ start: () => Promise.reject(unreachable) }).run(['build']).catch((error: unknown) => error);
  expect(failureOf(never)).toMatchObject({ message: unreachable.message });
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const untold = act({ wait: () => new Promise(() => {}) }).run(['build']).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(60_000);
  controller.abort(new Error('enough'));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(failureOf(await untold)).toEqual({ reason: 'unreachable', host: 'head', command: 'build', unsettled: true, message: 'it could not be told to head, which does not answer: whether "build" runs on there is unknown' });
});

test('a daemon that has ended is forgotten before the next start', async () => {
  const { act } = await newMachine();
  await act('la1/start.1.1').startScript('serve', 'echo first; exit 1');
  await until('it has ended', async () => (await act().pollScript('serve')).kind === 'ended');
  await act('la1/start.2.1').startScript('serve', 'echo second; exit 2');
  await until('the second has ended', async () => (await act().pollScript('serve')).kind === 'ended');
  expect(await act().pollScript('serve')).toMatchObject({ exitCode: 2, stdout: 'second\n' });
});

test('waiting for a daemon to be ready fails at once, with its last output, when it ends', async () => {
  const { act } = await newMachine();
  const api = act();
  await api.startScript('serve', 'echo cannot bind >&2; exit 98');
  const failure = await api.waitUntil('the port is open', async () => false, { alive: 'serve', everyMs: 100_000 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(NotReadyError);
  expect(failure).toMatchObject({ message: 'the port is open: "serve" ended with exit code 98', output: 'cannot bind' });
  expect(api.output()).toContain('cannot bind');
});

test('waiting until something is so: it looks again, gives up after its time, and heeds the signal', async () => {
  const { act } = await newMachine();
  const controller = new AbortController();
  const { waitUntil } = act('la1/start.1.1', { signal: controller.signal });
  let looks = 0;
  await waitUntil('the third look', async () => ++looks === 3, { everyMs: 1 });
  expect(looks).toBe(3);
  await expect(waitUntil('never', async () => false, { timeoutMs: 20, everyMs: 5 })).rejects.toThrow('never: not within 20 ms');
  await expect(waitUntil('a probe that hangs', () => new Promise<boolean>(() => {}), { timeoutMs: 20 })).rejects.toBeInstanceOf(NotReadyError);
  await expect(waitUntil('a probe that throws', () => Promise.reject(new Error('own words')))).rejects.toThrow('own words');
  const waiting = waitUntil('something', async () => false, { everyMs: 100_000 });
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('files go into the component’s folder, queued until they are flushed', async () => {
  const { act } = await newMachine();
  const folder = await newFolder();
  await writeFile(join(folder, 'source'), 'from the controller', { mode: 0o644 });
  const api = act('la1/start.1.1', { folder });
  api.writeFile('etc/app.conf', 'port = 80\n', { mode: 0o600 });
  api.queueTransfer('source', 'copy');
  await expect(api.readFile('copy')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await api.flushTransfers();
  expect([await api.readFile('etc/app.conf'), await api.readFile('copy')]).toEqual(['port = 80\n', 'from the controller']);
  expect((await api.run('stat -c %a etc/app.conf')).stdout).toBe('600\n');
  await expect(api.transfer('absent', 'x')).rejects.toMatchObject({ name: 'HostError', message: expect.stringContaining('absent') });
});
