import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineEnd } from '../../../src/assembly/engine.ts';
import { memoryJournal } from '../../../src/assembly/journal.ts';
import type { Assembly, Event } from '../../../src/assembly/model.ts';
import { TuttiError } from '../../../src/diagnostic.ts';
import { shown } from '../../../src/orchestrapi/quote.ts';
import { recordingHost, type Recorded, type RecordingHostOptions } from '../../../src/orchestrapi/recording.ts';
import { Session } from '../../../src/session/session.ts';

/** What a program did on hosts that only note what they are asked. */
export interface Played {
  /** `refused`: it does not fit where the assembly stands. */
  readonly end: EngineEnd | 'refused';
  /** `osd[1].halt`, in the order of their starts. */
  readonly started: readonly string[];
  /** `osd[2].bootAgain: why`; of a program that was refused, the details of its diagnostics. */
  readonly failures: readonly string[];
  /** `admin: ceph osd set noout`: what may change something (steps, daemons that are started or killed, files), in its order on each host, host after host. */
  readonly did: readonly string[];
  /** Questions, in the same way. */
  readonly asked: readonly string[];
}

export interface RecordedAssembly extends AsyncDisposable {
  /** Plays a program of the file. */
  play(program: string): Promise<Played>;
  /** What an operator does to a failed program, which then goes on. */
  repair(...events: readonly Event[]): Promise<Played>;
}

/** To who asks what kind of machine it is. */
export const machine = { to: '_NPROCESSORS_ONLN', stdout: 'hostname recorded\ncores 2\nmemory 4194304\n' };

/**
 * A whole assembly on recording hosts.
 * @param answers what the hosts answer, by name; the others succeed in silence
 * @param stateFolder where its journal is kept; by default nowhere
 */
export async function recordedAssembly(assembly: Assembly, answers: (host: string) => RecordingHostOptions['answers'], stateFolder?: string): Promise<RecordedAssembly> {
  const hosts = new Map(assembly.hosts.map((name) => [name, recordingHost({ name, answers: [...(answers(name) ?? []), machine] })]));
  const folder = await mkdtemp(join(tmpdir(), 'tutti-recorded-'));
  let started: string[] = [];
  let failures: string[] = [];
  const session = await Session.open({
    assembly, hosts, stateFolder: stateFolder ?? folder, ...(stateFolder === undefined && { journal: memoryJournal() }),
    onHappenings: (happenings) => {
      for (const { happening } of happenings) {
        if (happening.kind === 'started') started.push(`${happening.action.component}.${happening.action.transition}`);
        if (happening.kind === 'failed') failures.push(`${happening.action.component}.${happening.action.transition}: ${happening.failure.message}`);
      }
    },
  });
  const during = async (act: () => Promise<Played['end']>): Promise<Played> => {
    const before = new Map([...hosts].map(([name, { log }]) => [name, log.length]));
    [started, failures] = [[], []];
    const end = await act();
    const since = (told: (deed: Recorded) => readonly string[]) => [...hosts].flatMap(([name, { log }]) => log.slice(before.get(name)).flatMap(told).map((line) => `${name}: ${line}`));
    const did = since((deed) => {
      if (deed.kind === 'start') return [shown(deed.command)];
      if (deed.kind === 'put') return deed.files.map(({ to }) => `file ${to}`);
      return deed.kind === 'kill' ? [`kill ${deed.id}`] : [];
    });
    const asked = since((deed) => (deed.kind === 'run' ? [shown(deed.command)] : []));
    return { end, started, failures, did, asked };
  };
  return {
    play: (program) => during(() => session.play(assembly.programs.get(program)!).catch((refused: unknown) => {
      if (!(refused instanceof TuttiError)) throw refused;
      failures.push(...refused.diagnostics.map(({ detail = '' }) => detail));
      return 'refused';
    })),
    repair: (...events) => during(async () => {
      await session.repair(events);
      return session.engine.ended();
    }),
    async [Symbol.asyncDispose]() {
      await session.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
