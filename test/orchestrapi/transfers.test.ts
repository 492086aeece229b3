import { expect, test } from 'vitest';
import type { FileToPut, Host, PutReport } from '../../src/orchestrapi/host.ts';
import { recordingHost } from '../../src/orchestrapi/recording.ts';
import { failureFor, oneBatch, transfers } from '../../src/orchestrapi/transfers.ts';

const text = (to: string, content = to): FileToPut => ({ to, text: content });
const from = (to: string, source: string): FileToPut => ({ to, from: source });

test.each<[string, FileToPut[][], FileToPut[]]>([
  ['nothing', [], []],
  ['one owner, one file', [[text('a')]], [text('a')]],
  ['several owners keep their order', [[text('a'), text('b')], [text('c')]], [text('a'), text('b'), text('c')]],
  ['of two for one path the later travels, at its own place', [[text('a', '1'), text('b')], [text('a', '2')]], [text('b'), text('a', '2')]],
  ['a folder after a file in it, then the file again', [[text('d/x', '1')], [from('d', '/src')], [text('d/x', '2')]], [from('d', '/src'), text('d/x', '2')]],
  ['the same from twice travels once', [[from('a', '/s')], [from('a', '/s')]], [from('a', '/s')]],
])('one batch: %s', (_, wanted, batch) => {
  expect(oneBatch(wanted)).toEqual(batch);
});

const failed = [{ to: 'a', reason: 'no space is left on the device' }, { to: 'd/x', reason: 'permission denied' }];

test.each<[string, FileToPut[], { code: string; message: string } | undefined]>([
  ['its file failed', [text('a'), text('ok')], { code: 'NO_SPACE', message: 'h: "a" was not placed: no space is left on the device' }],
  ['a file in its folder failed', [from('d', '/s')], { code: 'REFUSED', message: 'h: "d/x" was not placed: permission denied' }],
  ['only files of others failed', [text('ok'), from('dd', '/s')], undefined],
])('who must fail: %s', (_, files, failure) => {
  const found = failureFor(files, { failed }, 'h');
  expect(found && { code: found.code, message: found.message }).toEqual(failure);
});

test('what several want on one host within one window goes in one put', async () => {
  const queue = transfers();
  const [one, two] = [recordingHost({ name: 'one' }), recordingHost({ name: 'two' })];
  await Promise.all([queue.send(one, [text('a')]), queue.send(two, [text('b')]), queue.send(one, [text('c'), text('d')])]);
  expect(one.log).toMatchObject([{ kind: 'put', files: [text('a'), text('c'), text('d')] }]);
  expect(two.log).toMatchObject([{ kind: 'put', files: [text('b')] }]);
});

test('each owner is failed for its own files only, and all of them when the host fails', async () => {
  const queue = transfers();
  const report = { sent: 1, unchanged: 0, sentBytes: 1, failed: [{ to: 'bad', reason: 'permission denied' }] };
  const host = gatedHost(async () => report);
  const settled = await Promise.allSettled([queue.send(host, [text('good')]), queue.send(host, [text('bad')])]);
  expect(settled.map((s) => s.status)).toEqual(['fulfilled', 'rejected']);
  const lost = gatedHost(() => Promise.reject(new Error('lost')));
  const both = await Promise.allSettled([queue.send(lost, [text('a')]), queue.send(lost, [text('b')])]);
  expect(both.map((s) => s.status)).toEqual(['rejected', 'rejected']);
});

test('nothing to send is sent at once, without the host', async () => {
  const host = recordingHost({ name: 'h' });
  await transfers({ windowMs: 1_000_000 }).send(host, []);
  expect(host.log).toEqual([]);
});

test('hosts go in parallel up to the limit, and batches of one host one after the other', async () => {
  const queue = transfers({ windowMs: 0, limit: 2 });
  const gate = Promise.withResolvers<void>();
  let now = 0, most = 0;
  const busy = async (): Promise<PutReport> => {
    most = Math.max(most, ++now);
    await gate.promise;
    now--;
    return { sent: 1, unchanged: 0, sentBytes: 0, failed: [] };
  };
  const hosts = Array.from({ length: 5 }, () => gatedHost(busy));
  const sends = hosts.map((host) => queue.send(host, [text('a')]));
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const slow = gatedHost(async (files) => {
    order.push(`begin ${files[0]!.to}`);
    if (files[0]!.to === 'first') await first.promise;
    order.push(`end ${files[0]!.to}`);
    return { sent: 1, unchanged: 0, sentBytes: 0, failed: [] };
  });
  const alone = transfers({ windowMs: 0 });
  const one = alone.send(slow, [text('first')]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const two = alone.send(slow, [text('second')]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  first.resolve();
  gate.resolve();
  await Promise.all([...sends, one, two]);
  expect(most).toBe(2);
  expect(order).toEqual(['begin first', 'end first', 'begin second', 'end second']);
});

function gatedHost(put: (files: readonly FileToPut[]) => Promise<PutReport>): Host {
  return { ...recordingHost({ name: 'h' }), put };
}
