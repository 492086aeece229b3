import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Shop } from './shop.ts';

/** Deployed, and in the middle of the program "serve": web.serve goes on until the shop is closed, and store.stop comes after it. */
async function serving(...options: string[]) {
  const shop = new Shop();
  expect(await shop.tutti('run', shop.file)).toMatchObject({ code: 0 });
  const run = shop.begin('run', shop.file, 'serve', '--plain', ...options);
  await run.said('started    web.serve on node[2]');
  return { shop, run, close: () => writeFileSync(join(shop.folderOf('node.2', 'web'), 'closed'), '') };
}

/** What status says below its table. */
async function situation(shop: Shop): Promise<string> {
  const { code, out } = await shop.tutti('status', shop.file);
  expect(code).toBe(0);
  return shop.plain(out);
}

const over = `shop: program serve done: 2 components

component  type   host     places  behaviour  transitions
store      store  node[1]  absent  -          -
web        web    node[2]  absent  -          -
`;

describe.concurrent('a run is interrupted', () => {
  it('while it goes on, status says who conducts it', async () => {
    const { shop, run, close } = await serving();
    await using _ = shop;
    const { out } = await shop.tutti('status', shop.file);
    expect(out).toContain(`\nConducted by process ${run.pid} on `);
    const { controller, underWay } = JSON.parse((await shop.tutti('status', shop.file, '--json')).out) as Record<string, unknown>;
    expect(controller).toMatchObject({ pid: run.pid, alive: true });
    expect(underWay).toEqual([{ component: 'web', transition: 'serve', host: 'node[2]', begun: true }]);
    close();
    expect(await run.ending).toMatchObject({ code: 0 });
    expect(await situation(shop)).toBe(over);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('%s: what runs may end, nothing more is started, and resume goes on', async (signal) => {
    const { shop, run, close } = await serving();
    await using _ = shop;
    run.kill(signal);
    await run.said('Interrupted: nothing more is started; what runs may end. Once more kills it.');
    close();
    const { code, out, err } = await run.ending;
    expect(out).not.toContain('started    store.stop');
    expect({ code, err }).toEqual({ code: 130, err: `  Due, and not begun: store.stop on node[1]\nContinue with: tutti resume ${shop.file}\n` });
    expect(await situation(shop)).toBe(`shop: program serve not over: 2 components

component  type   host     places  behaviour  transitions
store      store  node[1]  -       stop       stop due
web        web    node[2]  absent  -          -
the program waits at "wait for all": store is not idle: stop is due, behaviour stop
No controller is running: the program was interrupted.
Due, and not begun: store.stop on node[1]
Continue with: tutti resume DIR/assembly.yaml   (or drop the program: tutti abort DIR/assembly.yaml)
`);
    expect(await shop.tutti('resume', shop.file)).toMatchObject({ code: 0, err: '', out: expect.stringContaining('started    store.stop') });
    expect(await situation(shop)).toBe(over);
  });

  it('after one Ctrl-C abort drops the program', async () => {
    const { shop, run, close } = await serving();
    await using _ = shop;
    run.kill('SIGINT');
    await run.said('Interrupted: nothing more is started');
    close();
    expect(await run.ending).toMatchObject({ code: 130 });
    expect(await shop.tutti('abort', shop.file)).toMatchObject({ code: 0, err: '' });
    expect(await situation(shop)).toContain('store      store  node[1]  running  -          -\n');
  });

  it('Ctrl-C twice: what runs is killed, and resume runs it again', async () => {
    const { shop, run, close } = await serving();
    await using _ = shop;
    run.kill('SIGINT');
    await run.said('Interrupted: nothing more is started');
    run.kill('SIGINT');
    await run.said('Interrupted again: what runs is killed.');
    const { code, err } = await run.ending;
    expect({ code, err: shop.plain(err) }).toEqual({ code: 130, err: `  the program waits at "wait for all": web is not idle: serve failed, behaviour serve
Continue with: tutti resume DIR/assembly.yaml   (what was killed is run again; or: tutti skip, tutti abort)
` });
    expect(await situation(shop)).toContain('FAILED web.serve on node[2] (interrupted): interrupted by the operator\n');
    close();
    const resumed = await shop.tutti('resume', shop.file);
    expect(resumed).toMatchObject({ code: 0, err: '' });
    expect(resumed.out).toContain('started    web.serve on node[2]');
    expect(await situation(shop)).toBe(over);
  });

  it('SIGKILL: status says that nobody conducts it and what was under way; resume finds that again and finishes', async () => {
    const { shop, run, close } = await serving();
    await using _ = shop;
    run.kill('SIGKILL');
    expect(await run.ending).toMatchObject({ signal: 'SIGKILL' });
    expect(await situation(shop)).toContain(`
No controller is running: process PID on HOST ended without a word.
Under way then, and perhaps still on its host: web.serve on node[2]
Continue with: tutti resume DIR/assembly.yaml
`);
    expect(JSON.parse((await shop.tutti('status', shop.file, '--json')).out)).toMatchObject({ controller: { pid: run.pid, alive: false }, underWay: [{ component: 'web', transition: 'serve', begun: true }] });
    const resumed = shop.begin('resume', shop.file, '--plain');
    close();
    expect(await resumed.ending).toMatchObject({ code: 0, err: '' });
    expect((await shop.tutti('logs', shop.file, 'web.serve')).out.match(/^--- .*(?=\d{4}-)/gm)).toEqual(['--- started ', '--- found again ']);
    expect(await situation(shop)).toBe(over);
  });

  it('a Ctrl-C of the run that is resumed counts anew', async () => {
    const { shop, run, close } = await serving();
    await using _ = shop;
    run.kill('SIGKILL');
    await run.ending;
    const resumed = shop.begin('resume', shop.file, '--json');
    // It says nothing before something happens: its lock tells that it is there.
    for (let answer = ''; !answer.includes(`process ${resumed.pid} `);) answer = (await shop.tutti('status', shop.file)).out;
    resumed.kill('SIGINT');
    await resumed.said('Interrupted: nothing more is started');
    close();
    const { code, out } = await resumed.ending;
    expect(code).toBe(130);
    expect(JSON.parse(out.trimEnd().split('\n').at(-1)!)).toMatchObject({ kind: 'end', program: 'serve', outcome: 'interrupted' });
  });
});
