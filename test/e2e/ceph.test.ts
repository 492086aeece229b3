import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { folderOnPath } from '../doubles/diet-stage.ts';
import { onTestBed, type TestBed } from '../testbed/testbed.ts';

/*
 * A real Ceph cluster on five machines of their own, deployed, changed while a client reads and writes, broken and mended. Each test goes on where the
 * one before it stopped, since a cluster is dear.
 */

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'bin/tutti.js');
const programs = ['ceph', 'ceph-mon', 'ceph-mgr', 'ceph-osd', 'ceph-mds', 'ceph-fuse', 'rados'];
const missing = folderOnPath(...programs) ? undefined : `${programs.join(', ')} are not on PATH (Debian: ceph-mon ceph-mgr ceph-osd ceph-mds ceph-common ceph-fuse)`;

describe('Ceph', { timeout: 280_000 }, () => {
  if (missing !== undefined) {
    test('a real cluster on five hosts', ({ skip }) => skip(missing));
    return;
  }
  onTestBed('on five hosts', 5, (bed: () => TestBed) => {
    let folder: string, file: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'tutti-ceph-'));
      file = join(folder, 'assembly.yaml');
      cpSync(join(root, 'assemblies/ceph/assembly.yaml'), file);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** Runs `tutti COMMAND FILE ...`; `said` resolves when its output holds the text. */
    function play(command: string, ...args: readonly string[]) {
      const child = spawn(process.execPath, [bin, command, file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      let out = '', err = '';
      let listeners: (() => void)[] = [];
      child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; });
      child.stdout.setEncoding('utf8').on('data', (piece: string) => { out += piece; listeners.forEach((listener) => listener()); });
      const ending = new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code) => resolve({ code, out, err }));
      });
      const said = (text: string) => new Promise<void>((resolve, reject) => {
        const look = () => { if (out.includes(text)) resolve(); };
        listeners = [...listeners, look];
        look();
        void ending.then(() => reject(new Error(`ended without saying ${text}:\n${out}${err}`)), reject);
      });
      return { ending, said };
    }
    const run = (...args: readonly string[]) => play('run', ...args, '--flavour', 'testbed', '--hosts', bed().folder);
    const admin = () => `/var/tmp/tutti-${readFileSync(join(folder, '.tutti/assembly/id'), 'utf8').trim()}.admin`;
    const credentials = () => `-c ${admin()}/cluster/ceph.conf -k ${admin()}/cluster/keys/client.admin.keyring`;
    /** A question as an administrator asks it, and not through tutti. */
    const ceph = (text: string) => bed().inside('h5', `timeout 60 ceph ${credentials()} ${text}`);
    const started = (out: string) => out.split('\n').flatMap((line) => /started +(\S+)/.exec(line)?.[1] ?? []);

    /** Writes a file and an object again and again, and reads back what it wrote; whatever is not as written, or takes more than a minute, is a line of `lost`. */
    async function client(): Promise<{ end(): Promise<{ written: number; lost: string }> }> {
      await bed().inside('h5', 'rm -rf /tmp/client; mkdir /tmp/client');
      const loop = bed().inside('h5', `
        cd /tmp/client; mnt=${admin()}/mount/mnt; i=0
        lost() { echo "$*" >> lost; }
        while [ ! -e stop ]; do
          i=$((i+1)); echo "text $i" > text
          timeout 60 cp text $mnt/file$i && timeout 60 sync $mnt/file$i && timeout 60 cmp -s text $mnt/file$i || lost file $i
          timeout 60 rados ${credentials()} -p objects put object$i text && timeout 60 rados ${credentials()} -p objects get object$i got && cmp -s text got || lost object $i
          touch begun
        done
        for j in $(seq $i); do echo "text $j" | cmp -s - $mnt/file$j || lost file $j afterwards; done
        echo $i`);
      await Promise.race([bed().inside('h5', 'until [ -e /tmp/client/begun ]; do sleep 0.1; done'), loop]);
      return {
        end: async () => {
          await bed().inside('h5', 'touch /tmp/client/stop');
          return { written: Number(await loop), lost: await bed().inside('h5', 'cat /tmp/client/lost 2>/dev/null || true') };
        },
      };
    }

    async function underLoad(program: string): Promise<string> {
      const working = await client();
      const { code, out, err } = await run(program).ending;
      const { written, lost } = await working.end();
      expect({ program, code, err: code === 0 ? '' : `${err}\n${out}`, lost }).toEqual({ program, code: 0, err: '', lost: '' });
      expect(written).toBeGreaterThan(0);
      return out;
    }

    /** A program that brought or took a component away, run once more: refused in one sentence, and nothing begins. */
    async function again(program: string, says: string): Promise<void> {
      const { code, out, err } = await run(program).ending;
      expect({ program, code, started: started(out), problems: err.match(/^\S+:\d+\S* +[A-Z_]+ /gm)?.length }).toEqual({ program, code: 3, started: [], problems: 1 });
      expect(err).toContain(says);
    }

    beforeEach(() => { expect(bed().hosts).toHaveLength(5); });

    test('a host killed in mid-deploy: the run is retried after it was booted, and the cluster is whole', async () => {
      const controller = run('deploy');
      // Nothing that it is to run has come up there yet: a daemon that was there before would not be started again by a retry.
      await controller.said('started    osd[3].place');
      await bed().kill('h3');
      await bed().boot('h3');
      let { code, out } = await controller.ending;
      // What ran on the host is gone with it, and what had begun there may have to be begun again by a person.
      for (let tries = 0; code !== 0 && tries < 3; tries++) ({ code, out } = await play('retry').ending);
      expect({ code, out: code === 0 ? '' : out }).toEqual({ code: 0, out: '' });
      expect(JSON.parse(await ceph('quorum_status -f json'))).toMatchObject({ quorum_names: expect.arrayContaining(['mon1', 'mon2', 'mon3']) });
      expect(JSON.parse(await ceph('osd stat -f json'))).toMatchObject({ num_up_osds: 3, num_in_osds: 3 });
    });

    test('what is written is read again, with its checksum, as object and as file', async () => {
      const mount = `${admin()}/mount/mnt`;
      const sums = await bed().inside('h5', `cd /tmp; head -c 8000000 /dev/urandom > big; cp big ${mount}/; sync ${mount}/big; rados ${credentials()} -p objects put big big; rados ${credentials()} -p objects get big got; sha256sum big got ${mount}/big | cut -d' ' -f1 | uniq | wc -l`);
      expect(sums.trim()).toBe('1');
    });

    test('keys are in files for their owner alone, and in no argument, journal or log', async () => {
      const key = (await bed().inside('h5', `sed -n 's/.*key = //p' ${admin()}/cluster/keys/client.admin.keyring`)).trim();
      expect(key).toHaveLength(40);
      expect((await bed().inside('h5', `find ${admin()} -name '*keyring*' -perm /077`)).trim()).toBe('');
      expect(readFileSync(join(folder, '.tutti/assembly/journal.jsonl'), 'utf8')).not.toContain(key);
    });

    test('deploying again starts nothing', async () => {
      const { code, out } = await run('deploy').ending;
      expect({ code, started: started(out) }).toEqual({ code: 0, started: [] });
    });

    test('an OSD killed by -9 is noticed by its probe, and comes back when it is revived', async () => {
      await bed().inside('h2', 'pkill -9 -x ceph-osd');
      const { code, out, err } = await play('status', '--probe').ending;
      expect(code).toBe(1);
      expect(`${out}${err}`).toMatch(/osd\[2\].*not running/);
      expect(await play('push', 'osd[2]', 'revive').ending).toMatchObject({ code: 0 });
      // It is up; its placement groups are active again a moment later.
      await expect.poll(async () => (await play('status', '--probe').ending).code, { timeout: 60_000 }).toBe(0);
    });

    test('OSDs are restarted one after the other under a client that loses nothing; noout is set and unset', async () => {
      const out = await underLoad('restart-osds');
      const halts = started(out).filter((name) => /^osd.*\.(halt|settle)$/.test(name)).map((name) => name.replace(/.*\./, ''));
      expect(halts).toEqual(['halt', 'settle', 'halt', 'settle', 'halt', 'settle']);
      expect(await ceph('osd dump -f json')).not.toContain('noout');
    });

    test('an OSD that does not come back from its restart: noout is unset by itself, the next one is left alone; mended and retried, the cluster is whole', async () => {
      await bed().inside('h2', 'cd /var/tmp/tutti-*/osd* && mv data data-away');
      const working = await client();
      const { code, out } = await run('restart-osds').ending;
      expect(code).toBe(1);
      expect(out).toMatch(/FAILED +osd\[2\]\.bootAgain/);
      expect(started(out)).not.toContain('osd[3].halt');
      expect(await ceph('osd dump -f json')).not.toContain('noout');

      await bed().inside('h2', 'cd /var/tmp/tutti-*/osd* && mv data-away data');
      const retried = await play('retry').ending;
      expect({ code: retried.code, out: retried.code === 0 ? '' : retried.out }).toEqual({ code: 0, out: '' });
      expect(started(retried.out)).toContain('osd[3].halt');
      expect(await working.end()).toMatchObject({ lost: '' });
      expect(await ceph('osd dump -f json')).not.toContain('noout');
      expect(JSON.parse(await ceph('osd stat -f json'))).toMatchObject({ num_up_osds: 3, num_in_osds: 3 });
      expect(await play('status', '--probe').ending).toMatchObject({ code: 0 });
    });

    test('a setting that needs a restart is rolled out', async () => {
      await underLoad('configure');
      for (const id of [1, 2, 3]) expect((await ceph(`config show osd.${id} osd_op_num_threads_per_shard_ssd`)).trim()).toBe('3');
      await again('configure', '"threads" is there already');
    });

    test('an OSD comes on a new host, and goes after it has given away all it had', async () => {
      await underLoad('grow');
      expect(JSON.parse(await ceph('osd find 4 -f json'))).toMatchObject({ crush_location: { host: 'h4' } });
      await again('grow', '"new-osd" is there already');
      await underLoad('shrink');
      await again('shrink', 'No component is named "new-osd"');
      expect(JSON.parse(await ceph('osd ls -f json'))).toEqual([1, 2, 3]);
      expect(await ceph('osd tree -f json')).not.toContain('h4');
    });

    test('everything is restarted, in the order of an upgrade', async () => {
      const out = await underLoad('restart-all');
      const order = started(out).filter((name) => /\.(halt|restart)$/.test(name)).map((name) => name.replace(/[[.].*/, ''));
      expect(order).toEqual(['mon', 'mon', 'mon', 'mgr', 'osd', 'osd', 'osd', 'mds']);
    });

    test('a monitor is replaced under running users', async () => {
      await underLoad('replace-monitor');
      const { quorum_names: names } = JSON.parse(await ceph('quorum_status -f json')) as { quorum_names: string[] };
      expect(names.toSorted()).toEqual(['mon1', 'mon2', 'new-mon']);
      await again('replace-monitor', '"new-mon" is there already');
    });

    test('stop ends all, monitors last; destroy leaves nothing', async () => {
      const { code, out } = await run('stop').ending;
      expect({ code, out: code === 0 ? '' : out }).toEqual({ code: 0, out: '' });
      expect(started(out).slice(-2).every((name) => /^(mon\[\d\]|new-mon)\.end$/.test(name))).toBe(true);
      expect(started((await run('stop').ending).out)).toEqual([]);
      expect((await play('destroy').ending).code).toBe(0);
      const left = await Promise.all(bed().hosts.map((host) => bed().inside(host, 'pgrep -l ceph || true; ls -d /var/tmp/tutti-* 2>/dev/null || true')));
      expect(left.join('')).toBe('');
    });
  });
});
