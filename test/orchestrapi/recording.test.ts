import { expect, test } from 'vitest';
import { recordingHost } from '../../src/orchestrapi/recording.ts';

test('everything asked is noted as plain data, in order; nothing is done', async () => {
  const host = recordingHost({ name: 'head' });
  await host.run(['rm', '-rf', '/'], { env: { A: '1' } });
  await host.put([{ to: 'a', text: 'x' }]);
  expect(await host.get('a')).toBe('x');
  await host.start({ id: 's', command: 'true', timeoutMs: 1 });
  await host.kill('s');
  await host.forget('s');
  expect(JSON.parse(JSON.stringify(host.log))).toEqual([
    { kind: 'run', command: ['rm', '-rf', '/'], env: { A: '1' } }, { kind: 'put', files: [{ to: 'a', text: 'x' }], sentBytes: 1 }, { kind: 'get', path: 'a' },
    { kind: 'start', id: 's', command: 'true', timeoutMs: 1 }, { kind: 'kill', id: 's', signal: 'TERM' }, { kind: 'forget', id: 's' },
  ]);
});

test('a command gets the first answer that fits and is not used up; without one it succeeds in silence', async () => {
  const host = recordingHost({ name: 'h', answers: [{ to: 'uname', stdout: 'once', times: 1 }, { to: /^uname/, stdout: 'later', exitCode: 2 }, { to: (c) => c[0] === 'lost', error: 'UNREACHABLE' }] });
  expect(await host.run(['uname', '-m'])).toEqual({ exitCode: 0, stdout: 'once', stderr: '' });
  expect(await host.run('uname -m')).toEqual({ exitCode: 2, stdout: 'later', stderr: '' });
  expect(await host.run(['true'])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  await expect(host.run(['lost'])).rejects.toMatchObject({ code: 'UNREACHABLE' });
});

test('a step has ended at once, a daemon lives until it is killed', async () => {
  const host = recordingHost({ name: 'h', answers: [{ to: 'breaks', exitCode: 1, stderr: 'no' }] });
  expect(await host.start({ id: 'step', command: 'make', timeoutMs: 1000 })).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(await host.start({ id: 'daemon', command: 'serve' })).toEqual({ kind: 'alive', pid: 1 });
  expect(await host.start({ id: 'broken', command: 'breaks' })).toMatchObject({ kind: 'ended', exitCode: 1, stderr: 'no' });
  const end = host.wait('daemon');
  await expect(host.forget('daemon')).rejects.toMatchObject({ code: 'BUSY' });
  expect(await host.kill('daemon')).toMatchObject({ kind: 'ended', exitCode: 143 });
  expect(await end).toMatchObject({ exitCode: 143 });
  expect(await host.poll('never')).toEqual({ kind: 'absent' });
});

test('who started a script, and with what, is read from it as on any other host, until it is forgotten', async () => {
  const host = recordingHost({ name: 'h' });
  await host.start({ id: 'daemons/d/x', command: ['serve', '80'], env: { BY: 'me' } });
  const file = '/work/h/scripts/daemons/d/x/command';
  expect(await host.get(file)).toMatch(/^#\["serve","80"\]\n[^]*export BY=me\n/);
  await host.kill('daemons/d/x');
  await host.forget('daemons/d/x');
  await expect(host.get(file)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a text that the host has already is not sent again', async () => {
  const host = recordingHost({ name: 'h' });
  await host.put([{ to: 'a', text: 'xy' }]);
  expect(await host.put([{ to: 'a', text: 'xy' }, { to: 'b', text: 'z' }])).toEqual({ sent: 1, unchanged: 1, sentBytes: 1, failed: [] });
});
