import { mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Stage, doubleFolder, eventually, folderOnPath } from './diet-stage.ts';

/*
 * How DIET behaves, as far as tutti relies on it: the double has to pass, and the real programs too where $DIET_BIN is their folder. Each test runs over
 * omniORB's naming service and over the double's own.
 */

const realPrograms = process.env['DIET_BIN'];
const programs = realPrograms ?? doubleFolder;
const realNaming = folderOnPath('omniNames', 'nameclt', 'genior', 'catior');

const namingServices = [
  { title: "over omniORB's naming service", naming: realNaming, skipped: realNaming ? undefined : 'omniNames, nameclt, genior and catior are not on PATH' },
  { title: "over the double's own naming service", naming: join(doubleFolder, 'naming'), skipped: realPrograms ? 'the real DIET programs speak CORBA' : undefined },
];

for (const { title, naming = '', skipped } of namingServices) {
  describe(`DIET ${title}`, { timeout: 60_000 }, () => {
    beforeEach((context) => context.skip(skipped !== undefined, skipped));
    let stage: Stage;
    const open = async () => (stage = await Stage.open({ programs, naming }));
    /** MA1 with LA1 below it, and SeD1 below that. */
    const openBranch = async () => {
      await open();
      const [ma1, la1, sed1] = await Promise.all([stage.masterAgent('MA1'), stage.localAgent('LA1'), stage.serverDaemon('SeD1')]);
      await expectExit(0, 'connect', 'LA', 'LA1', 'MA1');
      await expectExit(0, 'connect', 'SED', 'SeD1', 'LA1');
      return { ma1, la1, sed1 };
    };
    const expectExit = async (exitCode: number, program: string, ...args: string[]) => {
      const result = await stage.run(program, ...args);
      expect({ command: [program, ...args].join(' '), exitCode: result.exitCode }, result.stderr).toEqual({ command: [program, ...args].join(' '), exitCode });
      return result;
    };
    afterEach(() => stage?.close());

    describe('exit codes of the admin programs', () => {
      test('connect and disconnect exit with 0 when done, and again when it is so already', async () => {
        const { sed1 } = await openBranch();
        expect((await expectExit(0, 'connect', 'LA', 'LA1', 'MA1')).stdout).toContain('** LA1 has been attached to MA1.');
        expect(await stage.serversFound()).toEqual([sed1.port]);
        expect((await expectExit(0, 'disconnect', 'LA', 'LA1')).stdout).toContain('** LA1 has been disconnected from the hierarchy.');
        await expectExit(0, 'disconnect', 'LA', 'LA1');
        await expectExit(0, 'disconnect', 'SED', 'SeD1');
        await expectExit(0, 'disconnect', 'SED', 'SeD1');
      });

      test('an unknown element and wrong usage are 1', async () => {
        await open();
        await expectExit(1, 'connect', 'LA', 'LA9', 'MA1');
        await expectExit(1, 'disconnect', 'SED', 'SeD9');
        await expectExit(1, 'remove', 'AGENT', 'LA9', '0');
        await expectExit(1, 'connect', 'LA', 'LA1');
        await expectExit(1, 'disconnect');
        await expectExit(1, 'remove', 'LA', 'LA1');
      });

      test('a dead element under a stale name and a naming service that is down are 1', async () => {
        await open();
        const la1 = await stage.localAgent('LA1');
        await la1.end('SIGKILL');
        await expectExit(1, 'connect', 'LA', 'LA1', 'MA1');
        await expectExit(1, 'disconnect', 'LA', 'LA1');
        await stage.close();
        stage = await Stage.open({ programs, naming, withoutNaming: true });
        await expectExit(1, 'connect', 'LA', 'LA1', 'MA1');
        await expectExit(1, 'disconnect', 'LA', 'LA1');
        await expectExit(1, 'remove', 'AGENT', 'LA1', '0');
      });

      test('connect to an unknown parent or of a Local Agent to itself is 3, and disconnect from a dead parent is 3', async () => {
        const { la1 } = await openBranch();
        await expectExit(3, 'connect', 'LA', 'LA1', 'LA9');
        await expectExit(3, 'connect', 'LA', 'LA1', 'LA1');
        await la1.end('SIGKILL');
        await expectExit(3, 'disconnect', 'SED', 'SeD1');
      });
    });

    test('1. a SeD whose parent is not bound warns, binds its name, and is not attached when the parent appears: only connect attaches it', async () => {
      await open();
      const sed1 = await stage.serverDaemon('SeD1', 'LA1');
      expect(sed1.said()).toContain('DIET WARNING: cannot locate agent LA1, will now wait.');
      await Promise.all([stage.masterAgent('MA1'), stage.localAgent('LA1')]);
      await expectExit(0, 'connect', 'LA', 'LA1', 'MA1');
      expect((await stage.call()).exitCode).toBe(1);
      await expectExit(0, 'connect', 'SED', 'SeD1', 'LA1');
      expect(await stage.serversFound()).toEqual([sed1.port]);
    });

    test('2. an agent or a SeD started without a naming service ends by itself, not with 0', async () => {
      stage = await Stage.open({ programs, naming, withoutNaming: true });
      const agent = await stage.launchAgent('LA1', { agentType: 'DIET_LOCAL_AGENT', parentName: 'none' });
      expect((await agent.ended).exitCode).not.toBe(0);
      expect(agent.said()).toContain('DIET ERROR: Problem while instantiating the data manager.');
      const server = await stage.launchServer('SeD1', { parentName: 'none' });
      expect((await server.ended).exitCode).not.toBe(0);
      expect(server.said()).toContain('could not declare myself as SeD1.');
    });

    test('3. an agent stopped while the naming service is down aborts, and its name is there when the service returns', async () => {
      stage = await Stage.open({ programs, naming, withoutNaming: true });
      const names = await stage.startNaming();
      const la1 = await stage.localAgent('LA1');
      await names.end('SIGTERM');
      expect(await la1.end('SIGINT')).toMatchObject({ signal: 'SIGABRT' });
      await stage.startNaming();
      expect(await stage.isBound('dietAgent/LA1')).toBe(true);
    });

    test('4. SIGKILL leaves a stale name: it resolves, connect and disconnect of it are 1, a restart under the same name works', async () => {
      const { la1, sed1 } = await openBranch();
      await la1.end('SIGKILL');
      expect(await stage.isBound('dietAgent/LA1')).toBe(true);
      await expectExit(1, 'connect', 'LA', 'LA1', 'MA1');
      await expectExit(1, 'disconnect', 'LA', 'LA1');
      await stage.localAgent('LA1');
      await expectExit(0, 'connect', 'LA', 'LA1', 'MA1');
      await expectExit(0, 'connect', 'SED', 'SeD1', 'LA1');
      expect(await stage.serversFound()).toEqual([sed1.port]);
    });

    test('4. a stale name stays dead when another element has taken its address', async () => {
      await open();
      const la1 = await stage.localAgent('LA1');
      await la1.end('SIGKILL');
      const la2 = await stage.launchAgent('LA2', { agentType: 'DIET_LOCAL_AGENT', parentName: 'none', dietPort: la1.port });
      await eventually('LA2 is ready', () => la2.said().includes('Local Agent LA2 started.'));
      await expectExit(1, 'disconnect', 'LA', 'LA1');
      await expectExit(0, 'disconnect', 'LA', 'LA2');
    });

    test('5. after SIGKILL of a child the agent above answers through its other children', async () => {
      const { la1, sed1 } = await openBranch();
      const [sed2, sed3] = await Promise.all([stage.serverDaemon('SeD2', 'MA1'), stage.serverDaemon('SeD3', 'LA1')]);
      expect(await stage.serversFound()).toEqual(ascending(sed1.port, sed2.port, sed3.port));
      await sed3.end('SIGKILL');
      expect(await stage.serversFound()).toEqual(ascending(sed1.port, sed2.port));
      await la1.end('SIGKILL');
      expect(await stage.serversFound()).toEqual([sed2.port]);
    });

    test('6. a Local Agent stopped before its child: calls fail, disconnect of the child is 3, connect to a living parent repairs', async () => {
      const { la1, sed1 } = await openBranch();
      await la1.end('SIGINT');
      expect((await stage.call()).exitCode).toBe(1);
      await expectExit(3, 'disconnect', 'SED', 'SeD1');
      await expectExit(0, 'connect', 'SED', 'SeD1', 'MA1');
      expect(await stage.serversFound()).toEqual([sed1.port]);
    });

    test('7. connect to an unknown parent keeps the old one', async () => {
      const { sed1 } = await openBranch();
      await expectExit(3, 'connect', 'SED', 'SeD1', 'LA9');
      expect(await stage.serversFound()).toEqual([sed1.port]);
      // Both sides kept it: the detachment reaches the parent.
      await expectExit(0, 'disconnect', 'SED', 'SeD1');
      expect(await stage.serversFound()).toEqual([]);
    });

    test('8. agents outlive a naming service that is down: admin programs and client are 1 meanwhile, and work again when it is back', async () => {
      stage = await Stage.open({ programs, naming, withoutNaming: true });
      const names = await stage.startNaming();
      await stage.masterAgent('MA1');
      const sed1 = await stage.serverDaemon('SeD1', 'MA1');
      await names.end('SIGTERM');
      await expectExit(1, 'disconnect', 'SED', 'SeD1');
      expect((await stage.call()).exitCode).toBe(1);
      expect(sed1.isAlive()).toBe(true);
      await stage.startNaming();
      expect(await stage.serversFound()).toEqual([sed1.port]);
      await expectExit(0, 'disconnect', 'SED', 'SeD1');
    });

    test('9. a naming service restarted with an empty folder knows nobody, and nobody registers again', async () => {
      stage = await Stage.open({ programs, naming, withoutNaming: true });
      const names = await stage.startNaming();
      const ma1 = await stage.masterAgent('MA1');
      await names.end('SIGTERM');
      await mkdir(join(stage.folder, 'empty'));
      await stage.startNaming({ dataFolder: join(stage.folder, 'empty') });
      expect(await stage.isBound('dietAgent/MA1')).toBe(false);
      expect((await stage.call()).exitCode).toBe(1);
      expect(ma1.isAlive()).toBe(true);
    });

    test('10. a second process takes the name over, and when it stops the name is gone though the first one lives', async () => {
      await open();
      const first = await stage.localAgent('LA1');
      const second = await stage.localAgent('LA1');
      await second.end('SIGINT');
      expect(await stage.isBound('dietAgent/LA1')).toBe(false);
      expect(first.isAlive()).toBe(true);
    });

    test('11. the second of two agents on one address ends with 1 and says why', async () => {
      await open();
      const first = await stage.localAgent('LA1');
      const second = await stage.launchAgent('LA2', { agentType: 'DIET_LOCAL_AGENT', parentName: 'none', dietPort: first.port });
      expect((await second.ended).exitCode).toBe(1);
      expect(second.said()).toMatch(/Failed to bind to address .*Address in use\?/);
      expect(await stage.isBound('dietAgent/LA2')).toBe(false);
    });

    test('11. omniNames ends with 1 on a busy port, without its data folder, and with -start alone over existing data', async () => {
      stage = await Stage.open({ programs, naming, withoutNaming: true });
      const data = join(stage.folder, 'omninames');
      const port = String(stage.namingPort);
      const busy = createServer();
      await new Promise<void>((resolve) => busy.listen(stage.namingPort, resolve));
      expect((await stage.omniNames(['-start', port, '-always', '-datadir', data]).ended).exitCode).toBe(1);
      await new Promise((resolve) => busy.close(resolve));
      expect((await stage.omniNames(['-start', port, '-always', '-datadir', join(stage.folder, 'missing')]).ended).exitCode).toBe(1);
      await (await stage.startNaming()).end('SIGTERM');
      const again = stage.omniNames(['-start', port, '-datadir', data]);
      expect((await again.ended).exitCode).toBe(1);
      expect(again.said()).toContain("Can't use -start option");
    });

    test('12. after a crash the name still resolves: only the process tells', async () => {
      await open();
      const sed1 = await stage.serverDaemon('SeD1');
      await sed1.end('SIGKILL');
      expect(await stage.isBound('dietSeD/SeD1')).toBe(true);
      expect(sed1.isAlive()).toBe(false);
    });

    describe('start', () => {
      test('takes a parent that is bound at once', async () => {
        await open();
        await stage.masterAgent('MA1');
        await stage.localAgent('LA1', 'MA1');
        const sed1 = await stage.serverDaemon('SeD1', 'LA1');
        expect(await stage.serversFound()).toEqual([sed1.port]);
      });

      test.each([
        ['a Local Agent without a parent', { agentType: 'DIET_LOCAL_AGENT' }, 'no parent name specified.'],
        ['an agent without a type', { parentName: 'MA1' }, ''],
        ['an agent without a name', { agentType: 'DIET_LOCAL_AGENT', parentName: 'MA1', name: '' }, ''],
      ])('refuses %s', async (_, keys, message) => {
        await open();
        const agent = await stage.launchAgent('LA1', keys);
        expect((await agent.ended).exitCode).not.toBe(0);
        expect(agent.said()).toContain(message);
      });

      test('refuses a SeD without a parent', async () => {
        await open();
        const server = await stage.launchServer('SeD1', {});
        expect((await server.ended).exitCode).not.toBe(0);
        expect(server.said()).toContain('no parent name specified.');
      });
    });

    describe('stop', () => {
      test.each(['SIGINT', 'SIGTERM'] as const)('%s unsubscribes, unbinds and says so last', async (signal) => {
        const { la1, sed1 } = await openBranch();
        await sed1.end(signal);
        expect(sed1.said().trimEnd()).toMatch(/SeD has exited$/);
        expect(await stage.isBound('dietSeD/SeD1')).toBe(false);
        await la1.end(signal);
        expect(la1.said().trimEnd()).toMatch(/Agent has exited$/);
        expect(await stage.isBound('dietAgent/LA1')).toBe(false);
        expect(await stage.isBound('Dagda/LA1_DAGDA')).toBe(false);
      });
    });

    describe('the tree', () => {
      test('an element may be connected to a parent that is not connected itself', async () => {
        await open();
        const [, , , sed2] = await Promise.all([stage.masterAgent('MA1'), stage.localAgent('LA1'), stage.localAgent('LA2'), stage.serverDaemon('SeD2')]);
        await expectExit(0, 'connect', 'SED', 'SeD2', 'LA2');
        expect(await stage.serversFound()).toEqual([]);
        await expectExit(0, 'connect', 'LA', 'LA2', 'MA1');
        expect(await stage.serversFound()).toEqual([sed2.port]);
      });

      test('connect alone moves a Local Agent, with its children', async () => {
        const { sed1 } = await openBranch();
        await stage.localAgent('LA2', 'MA1');
        await expectExit(0, 'connect', 'LA', 'LA1', 'LA2');
        expect(await stage.serversFound()).toEqual([sed1.port]);
        await expectExit(0, 'disconnect', 'LA', 'LA2');
        expect(await stage.serversFound()).toEqual([]);
        await expectExit(0, 'connect', 'LA', 'LA1', 'MA1');
        expect(await stage.serversFound()).toEqual([sed1.port]);
      });

      test('all four disconnects of the scenario may run at once', async () => {
        const { sed1 } = await openBranch();
        await stage.localAgent('LA2', 'LA1');
        const sed2 = await stage.serverDaemon('SeD2', 'LA2');
        expect(await stage.serversFound()).toEqual(ascending(sed1.port, sed2.port));
        await Promise.all([
          expectExit(0, 'disconnect', 'LA', 'LA1'),
          expectExit(0, 'disconnect', 'LA', 'LA2'),
          expectExit(0, 'disconnect', 'SED', 'SeD1'),
          expectExit(0, 'disconnect', 'SED', 'SeD2'),
        ]);
        const answer = await stage.call();
        expect(answer.exitCode).toBe(1);
        expect(answer.stderr).toContain('unable to find a server.');
      });
    });

    describe('remove', () => {
      test('SED answers and unbinds at once, and its process ends a moment later', async () => {
        const { sed1 } = await openBranch();
        await expectExit(0, 'remove', 'SED', 'SeD1');
        expect(await stage.isBound('dietSeD/SeD1')).toBe(false);
        await sed1.ended;
        expect(await stage.serversFound()).toEqual([]);
      });

      test('AGENT with 0 ends that process and orphans its children', async () => {
        const { la1, sed1 } = await openBranch();
        await expectExit(0, 'remove', 'AGENT', 'LA1', '0');
        await la1.ended;
        expect(sed1.isAlive()).toBe(true);
        await expectExit(3, 'disconnect', 'SED', 'SeD1');
      });

      test('AGENT with 1 ends the whole subtree', async () => {
        const { ma1, la1, sed1 } = await openBranch();
        await expectExit(0, 'remove', 'AGENT', 'LA1', '1');
        await Promise.all([la1.ended, sed1.ended]);
        expect(ma1.isAlive()).toBe(true);
      });
    });

    test('a call lists every server that is reachable', async () => {
      const { sed1 } = await openBranch();
      const sed2 = await stage.serverDaemon('SeD2', 'LA1');
      const answer = await stage.call();
      expect(answer).toMatchObject({ exitCode: 0 });
      expect(answer.stdout).toContain('The Master Agent found the following server(s):');
      expect(answer.stdout).toContain('After the call: l1 = 0x1111, l2 = 0x3333');
      expect(await stage.serversFound()).toEqual(ascending(sed1.port, sed2.port));
    });

    test('names survive a restart of the naming service', async () => {
      stage = await Stage.open({ programs, naming, withoutNaming: true });
      const names = await stage.startNaming();
      await stage.localAgent('LA1');
      await names.end('SIGKILL');
      await stage.startNaming();
      expect(await stage.isBound('dietAgent/LA1')).toBe(true);
    });

    test('nameclt tells an absent name from an absent naming service', async () => {
      await open();
      expect(await stage.nameclt('resolve', 'dietAgent/LA1')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('NotFound exception: missing node') });
      expect(await stage.nameclt('bind_new_context', 'dietAgent')).toMatchObject({ exitCode: 0 });
      expect(await stage.nameclt('bind_new_context', 'dietAgent')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('AlreadyBound exception') });
      await stage.close();
      stage = await Stage.open({ programs, naming, withoutNaming: true });
      expect(await stage.nameclt('list')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Is the naming service running?') });
    });
  });
}

describe('the double says that it is one', { timeout: 60_000 }, () => {
  beforeEach((context) => context.skip(realPrograms !== undefined, 'the real programs play'));
  test.each(['dietAgent', 'scalars_server', 'scalars_client', 'connect', 'disconnect', 'remove', 'naming/omniNames', 'naming/nameclt', 'naming/genior', 'naming/catior'])('%s', async (program) => {
    expect(await readFile(join(doubleFolder, program), 'utf8')).toContain('Double of');
    const stage = await Stage.open({ programs: doubleFolder, naming: join(doubleFolder, 'naming'), withoutNaming: true });
    const usage = await stage.run(program, ...(program.endsWith('catior') ? [] : ['-wrong']));
    await stage.close();
    expect(usage.exitCode).toBe(1);
    expect(usage.stderr).toContain('double of');
  });

  // Which server solves is nothing that the real programs print: here it is the first of the list.
  test('repeated calls are answered by its servers in turn', async () => {
    const stage = await Stage.open({ programs: doubleFolder, naming: join(doubleFolder, 'naming') });
    await stage.masterAgent('MA1');
    await Promise.all([stage.serverDaemon('SeD1', 'MA1'), stage.serverDaemon('SeD2', 'MA1')]);
    const firsts = [];
    for (let i = 0; i < 4; i++) firsts.push(/^ {4}(\S+)$/m.exec((await stage.call()).stdout)?.[1]);
    await stage.close();
    expect(new Set(firsts).size).toBe(2);
    expect(firsts.slice(2)).toEqual(firsts.slice(0, 2));
  });

  test('and so does its own naming service when it starts', async () => {
    const stage = await Stage.open({ programs: doubleFolder, naming: join(doubleFolder, 'naming'), withoutNaming: true });
    const names = await stage.startNaming();
    await eventually('it is said', () => names.said().includes("double's own naming service"));
    await stage.close();
  });
});

function ascending(...ports: readonly number[]): readonly number[] {
  return ports.toSorted((a, b) => a - b);
}
