import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { doubleFolder } from '../doubles/diet-stage.ts';
import { onTestBed, type TestBed } from '../testbed/testbed.ts';

/*
 * The same assemblies on machines of their own: reached by SSH, cut off, killed and booted while the real `bin/tutti.js` conducts.
 */

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'bin/tutti.js');

/** Each worker writes a line, works for a while, and says that it is ready; `head` needs all of them. The lines are the witness: an action run twice writes two. */
const work = (more = '') => `
assembly: work
hosts: { head: {}, worker: { count: 3 } }
types:
  worker:
    places: [idle, begun, done]
    transitions:
      begin: { from: idle, to: begun, behaviour: go, run: "echo begin >>witness" }
      work: { from: begun, to: done, behaviour: go, run: "echo work >>witness; sleep 3; echo worked >>witness"${more} }
    ports: { ready: { provide: ready, boundTo: done } }
  head:
    places: [idle, done]
    transitions:
      gather: { from: idle, to: done, behaviour: go, run: "echo gather >>witness" }
    ports: { ready: { use: ready, boundTo: gather, atLeast: all } }
components:
  w: { type: worker, on: worker, count: 3 }
  h: { type: head, on: head }
connections: ["h -> w[*]"]
programs:
  deploy: [{ push: go }, { wait: all }]
`;

interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

onTestBed('on a test bed', 6, (bed: () => TestBed) => {
  let folder: string, file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tutti-bed-'));
    file = join(folder, 'assembly.yaml');
  });
  afterEach(async () => {
    await Promise.all(bed().hosts.map((host) => bed().heal(host)));
    await play('destroy').ending;
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs `tutti COMMAND FILE ...`; `said` resolves when its output holds the text. */
  function play(command: string, ...args: readonly string[]) {
    const child = spawn(process.execPath, [bin, command, file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '';
    let listeners: (() => void)[] = [];
    const ending = new Promise<Ending>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, out, err }));
    });
    const hear = () => listeners.forEach((listener) => listener());
    child.stdout.setEncoding('utf8').on('data', (piece: string) => { out += piece; hear(); });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; hear(); });
    const said = (text: string | RegExp) => new Promise<void>((resolve, reject) => {
      const look = () => { if (typeof text === 'string' ? out.includes(text) : text.test(out)) resolve(); };
      listeners = [...listeners, look];
      look();
      void ending.then(() => reject(new Error(`ended without saying ${String(text)}:\n${out}${err}`)), reject);
    });
    return { ending, said, kill: (signal: NodeJS.Signals) => child.kill(signal) };
  }
  const run = (...args: string[]) => play('run', ...args, '--flavour', 'testbed', '--hosts', bed().folder);
  const workFolder = () => `/var/tmp/tutti-${readFileSync(join(folder, '.tutti/assembly/id'), 'utf8').trim()}`;
  /** What a component's witness says, read on its host and not through tutti. */
  const witness = async (host: string, role: string, component: string) => (await bed().inside(host, `cat ${workFolder()}.${role}/'${component}'/witness 2>/dev/null || true`)).split('\n').filter(Boolean);
  /** Roles in the order of the test bed's hosts. */
  const hostOf = { head: 'h1', 'worker.1': 'h2', 'worker.2': 'h3', 'worker.3': 'h4' } as const;
  const expectAllOnce = async () => {
    for (const i of [1, 2, 3] as const) expect(await witness(hostOf[`worker.${i}`], `worker.${i}`, `w[${i}]`)).toEqual(['begin', 'work', 'worked']);
    expect(await witness('h1', 'head', 'h')).toEqual(['gather']);
  };
  /** Waits, on the host itself, until a worker works. */
  const untilWorking = (i: 1 | 2 | 3) => bed().inside(hostOf[`worker.${i}`], `until grep -qs '^work$' ${workFolder()}.worker.${i}/'w[${i}]'/witness; do sleep 0.05; done`);

  test('the DIET story: deployed, reconfigured and stopped on six machines, also when each packet takes 20 ms', async () => {
    writeFileSync(file, readFileSync(join(root, 'assemblies/diet/assembly.yaml'), 'utf8').replaceAll('./double', doubleFolder));
    await Promise.all(bed().hosts.map((host) => bed().delay(host, 20)));
    for (const program of ['deploy', 'call', 'bypass-la1', 'call', 'stop']) {
      const { code, out, err } = await run(program).ending;
      expect({ program, code, err }).toEqual({ program, code: 0, err: '' });
      if (program === 'bypass-la1') {
        // The naming service and the Master Agent are not touched.
        expect(out.split('\n').filter((line) => /started +(ns|ma1)\./.test(line))).toEqual([]);
        const status = await play('status').ending;
        expect(status.out).toMatch(/^ns .*running/m);
        expect(status.out).toMatch(/^la1 .*configured/m);
      }
    }
    const left = await Promise.all(bed().hosts.map((host) => bed().inside(host, 'pgrep -l "omniNames|dietAgent|scalars" || true')));
    expect(left.join('')).toBe('');
    expect((await play('hosts', '--json').ending).out.split('\n')[1]).toBe('{"host":"worker[1]","flavour":"testbed","machine":"h2","components":["la1"]}');
    const { facts } = JSON.parse((await play('hosts', '--facts', '--json').ending).out.split('\n')[1]!) as { facts: object };
    expect(facts).toMatchObject({ address: bed().address('h2'), hostname: 'h2', cores: cpus().length });
  });

  test('a host cut off in mid-run and healed: what ran there goes on, is found again, and runs once', async () => {
    writeFileSync(file, work());
    const controller = run();
    await controller.said('started    w[2].work');
    await untilWorking(2);
    await bed().cut('h3');
    await controller.said('done       w[1].work');
    await bed().heal('h3');
    expect(await controller.ending).toMatchObject({ code: 0, err: '' });
    await expectAllOnce();
  });

  test('the controller killed in mid-run: resume finds what runs and what ended meanwhile', async () => {
    writeFileSync(file, work());
    const controller = run();
    await controller.said('started    w[3].work');
    await untilWorking(1);
    controller.kill('SIGKILL');
    await controller.ending;
    expect(await play('resume').ending).toMatchObject({ code: 0, err: '' });
    await expectAllOnce();
  });

  test('the controller moved to another machine with its state folder: it finds its hosts and what runs on them', async () => {
    writeFileSync(file, work());
    const controller = run();
    await controller.said('started    w[3].work');
    await untilWorking(3);
    controller.kill('SIGKILL');
    await controller.ending;
    const elsewhere = mkdtempSync(join(tmpdir(), 'tutti-bed-'));
    cpSync(folder, elsewhere, { recursive: true });
    rmSync(folder, { recursive: true });
    [folder, file] = [elsewhere, join(elsewhere, 'assembly.yaml')];
    expect(await play('resume').ending).toMatchObject({ code: 0, err: '' });
    await expectAllOnce();
  });

  test('a host killed and booted in mid-action: nobody knows how far it came, so it is said and not run again', async () => {
    writeFileSync(file, work());
    const controller = run();
    await controller.said('started    w[2].work');
    await untilWorking(2);
    await bed().kill('h3');
    await bed().boot('h3');
    const { code, out } = await controller.ending;
    expect(code).toBe(1);
    expect(out).toMatch(/FAILED +w\[2\]\.work/);
    expect((await play('status').ending).out).toMatch(/FAILED w\[2\]\.work on worker\[2\] \(unknown-fate\): /);
    // The operator looked: it is safe to run again.
    expect(await play('retry').ending).toMatchObject({ code: 0 });
    expect(await witness('h3', 'worker.2', 'w[2]')).toEqual(['begin', 'work', 'work', 'worked']);
    expect(await bed().inside('h3', 'ls /var/tmp/*/scripts/steps/*')).not.toContain('work.');
    expect(await witness('h1', 'head', 'h')).toEqual(['gather']);
  });

  test('a host killed and booted in mid-action that is idempotent: it is run again', async () => {
    writeFileSync(file, work(', idempotent: true, retry: { times: 3, delay: 200ms }'));
    const controller = run();
    await controller.said('started    w[2].work');
    await untilWorking(2);
    await bed().kill('h3');
    await bed().boot('h3');
    expect(await controller.ending).toMatchObject({ code: 0 });
    expect((await witness('h3', 'worker.2', 'w[2]')).at(-1)).toBe('worked');
  });

  test('a host that is down at first: named with its address; booted and retried, the program goes on', async () => {
    writeFileSync(file, work());
    await bed().kill('h4');
    const { code, out, err } = await run().ending;
    expect(code).toBe(1);
    expect(`${out}${err}`).toContain(bed().address('h4'));
    await bed().boot('h4');
    expect(await play('retry').ending).toMatchObject({ code: 0 });
    await expectAllOnce();
  });

  test('hosts cut off for longer than they are waited for: retry finds what runs, what has ended and a daemon that gets ready; nothing runs twice, no secret stays', async () => {
    writeFileSync(join(folder, 'password'), 'planted-5ecret\n');
    writeFileSync(file, `
assembly: cut
hosts: { worker: { count: 3 } }
types:
  builder:
    places: [idle, done]
    parameters: { password: { type: secret } }
    transitions:
      build: { from: idle, to: done, behaviour: go, run: "echo began >>witness; until [ -e gate ]; do sleep 0.1; done; echo ended >>witness", input: "{{with.password}}" }
  daemon:
    places: [off, on]
    transitions:
      start: { from: off, to: on, behaviour: go, script: "echo up >>witness; exec sleep 1000", ready: "test -e ready" }
components:
  long: { type: builder, on: "worker[1]", with: { password: { file: password } } }
  short: { type: builder, on: "worker[2]", with: { password: { file: password } } }
  d: { type: daemon, on: "worker[3]" }
programs:
  deploy: [{ push: go }, { wait: all }]
`);
    const [long, short, d] = ['h1', 'h2', 'h3'] as const;
    const controller = run();
    const has = (host: string, role: string, component: string, line: string) => bed().inside(host, `until grep -qs '^${line}$' ${workFolder()}.${role}/${component}/witness; do sleep 0.05; done`);
    await controller.said('started    d.start');
    await Promise.all([has(long, 'worker.1', 'long', 'began'), has(short, 'worker.2', 'short', 'began'), has(d, 'worker.3', 'd', 'up')]);
    await Promise.all([long, short, d].map((host) => bed().cut(host)));
    await bed().inside(short, `touch ${workFolder()}.worker.2/short/gate`);
    const { code, out } = await controller.ending;
    expect(code).toBe(1);
    expect(out).toMatch(/ silent +worker\[1\] does not answer since \d+\.\ds, trying again/);
    expect(out).toMatch(/FAILED +long\.build .*"echo began .*" began there and may still run; the next try \(tutti retry\) looks for it first\. worker\[1\]: cannot be reached/);
    await Promise.all([long, short, d].map((host) => bed().heal(host)));
    const again = play('retry');
    await again.said('started    long.build');
    await bed().inside(long, `touch ${workFolder()}.worker.1/long/gate`);
    await bed().inside(d, `touch ${workFolder()}.worker.3/d/ready`);
    expect(await again.ending).toMatchObject({ code: 0, err: '' });
    expect(await witness(long, 'worker.1', 'long')).toEqual(['began', 'ended']);
    expect(await witness(short, 'worker.2', 'short')).toEqual(['began', 'ended']);
    expect(await witness(d, 'worker.3', 'd')).toEqual(['up']);
    for (const host of [long, short]) expect(await bed().inside(host, 'grep -rl planted-5ecret /var/tmp || true; ls -d /var/tmp/*/scripts/steps/*/* 2>/dev/null || true')).toBe('');
  });

  test('Ctrl-C twice while a host is cut off: soon it is said that it could not be told, and resume finds what went on', async () => {
    writeFileSync(file, work());
    const controller = run();
    await controller.said('started    w[2].work');
    await untilWorking(2);
    await bed().cut('h3');
    controller.kill('SIGINT');
    await controller.said('Interrupted: nothing more is started');
    const begin = performance.now();
    controller.kill('SIGINT');
    const { code, out, err } = await controller.ending;
    expect(performance.now() - begin).toBeLessThan(20_000);
    expect({ code, out, err }).toMatchObject({ code: 130, out: expect.stringMatching(/FAILED +w\[2\]\.work .*interrupted by the operator: it could not be told to worker\[2\], which does not answer: whether ".*" runs on there is unknown/), err: expect.stringContaining('what was killed is run again, what could not be told is looked for first;') });
    await bed().heal('h3');
    expect(await play('resume').ending).toMatchObject({ code: 0 });
    expect(await witness('h3', 'worker.2', 'w[2]')).toEqual(['begin', 'work', 'worked']);
  });

  test('two controllers at once: the second is told who conducts', async () => {
    writeFileSync(file, work());
    const controller = run();
    await controller.said('started    w[1].work');
    const second = await run().ending;
    expect(second).toMatchObject({ code: 1, err: expect.stringContaining('Another controller conducts this assembly') });
    expect(await controller.ending).toMatchObject({ code: 0 });
    await expectAllOnce();
  });

  test('several roles on one machine: each has its own folder there, and nothing of them is left', async () => {
    writeFileSync(file, work());
    const hosts = join(folder, 'hosts.yaml');
    writeFileSync(hosts, `defaults: { config: ${bed().sshConfig} }\nhead: h2\nworker: [h2, h2, h5]\n`);
    expect(await play('run', '--hosts', hosts).ending).toMatchObject({ code: 0, err: '' });
    expect(await witness('h2', 'head', 'h')).toEqual(['gather']);
    for (const [host, i] of [['h2', 1], ['h2', 2], ['h5', 3]] as const) expect(await witness(host, `worker.${i}`, `w[${i}]`)).toEqual(['begin', 'work', 'worked']);
    const work1 = workFolder();
    expect(await play('destroy').ending).toMatchObject({ code: 0 });
    for (const host of ['h2', 'h5']) expect(await bed().inside(host, `ls -d ${work1}* 2>/dev/null || true`)).toBe('');
  });

  test('Ctrl-C once: what runs may end, nothing more is started; resume goes on', async () => {
    writeFileSync(file, work());
    const controller = run();
    await controller.said('started    w[1].work');
    await untilWorking(1);
    controller.kill('SIGINT');
    expect(await controller.ending).toMatchObject({ code: 130 });
    expect(await witness('h1', 'head', 'h')).toEqual([]);
    expect(await play('resume').ending).toMatchObject({ code: 0 });
    await expectAllOnce();
  });
});
