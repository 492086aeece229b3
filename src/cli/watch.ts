import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef } from '../assembly/model.ts';
import { waitsOf } from '../assembly/waits.ts';
import { machineName, type Binding } from '../orchestrapi/flavours/binding.ts';
import type { TransferProgress } from '../orchestrapi/transfers.ts';
import type { Session } from '../session/session.ts';
import { realClock } from '../session/stage.ts';
import { Forecast } from '../view/forecast.ts';
import { jsonLine, lineTeller, playsLine, sendingLine, silenceLine } from '../view/lines.ts';
import { isLarge, sendingPace } from '../view/sending.ts';
import { LiveView } from '../view/live.ts';
import { LiveState } from '../view/live-model.ts';
import { SilenceWatch } from '../view/silence.ts';
import type { SilentHost } from '../view/silent-host.ts';
import { count } from '../view/text.ts';
import type { Io } from './io.ts';

/** `live` redraws one screen, `plain` writes a line an event, `json` an object an event. */
export type ViewMode = 'live' | 'plain' | 'json';

export interface WatchOptions {
  readonly assemblyName: string;
  readonly verbose: boolean;
  readonly logOf: (component: string, transition: string) => string;
}

/** Where the hosts of a session are. */
interface Whereabouts {
  readonly flavour: Binding['flavour'];
  /** How many machines there are; 0 where all are folders of this one. */
  readonly machines: number;
  /** The file that named them just now. */
  readonly hosts?: string;
}

/** Shows what happens in a session. */
export interface Watch {
  /** Where it plays is told before the first thing that happens. */
  begin(session: Session, hostsFile: string | undefined): void;
  saw(happenings: readonly TimedHappening[]): void;
  warned(action: ActionRef, text: string): void;
  /** How far a batch of files is; small ones are not told. */
  sent(progress: TransferProgress): void;
  /** A host does not answer although somebody waits for it, or that is over. */
  silence(host: SilentHost): void;
  /** A word of tutti's own. */
  said(text: string): void;
  /** May be called twice. */
  end(): void;
}

export function watch(io: Io, mode: ViewMode, options: WatchOptions): Watch {
  const startMs = realClock.now();
  let session: Session | undefined;
  let untold: Whereabouts | undefined;
  const opens = (opened: Session, hostsFile: string | undefined): Whereabouts => {
    session = opened;
    return (untold = whereaboutsOf(opened, hostsFile));
  };
  /** Writes lines, the first of them where it plays. */
  const lines = (first: (where: Whereabouts) => string) => (line: string): void => {
    const where = untold;
    untold = undefined;
    if (where) io.out(first(where));
    io.out(line);
  };
  const hostOf = (component: string) => session?.state.members.get(component)?.spec.on;
  const waits = () => (session ? waitsOf(session.state) : []);
  const isDue = sendingPace(() => realClock.now());
  const state = new LiveState({ assembly: options.assemblyName, startMs, hostOf, logOf: options.logOf });
  switch (mode) {
    case 'json': {
      const now = (object: object): string => JSON.stringify({ atMs: realClock.now(), ...object });
      const say = lines((where) => now({ kind: 'plays', ...where }));
      return {
        begin: (opened, hostsFile) => void opens(opened, hostsFile),
        saw: (some) => some.forEach((one) => say(jsonLine(one))),
        warned: (action, text) => say(now({ kind: 'warning', ...action, text })),
        sent: (progress) => { if (isDue(progress)) say(now({ kind: 'sending', ...progress })); },
        silence: ({ over, ...silence }) => say(now({ kind: over ?? 'silent', ...silence })),
        said: (text) => say(now({ kind: 'said', text })),
        end: () => {},
      };
    }
    case 'plain': {
      const tell = lineTeller({ startMs, hostOf, logOf: options.logOf, verbose: options.verbose });
      let silence: SilenceWatch | undefined;
      const out = lines((where) => playsLine(inWords(where)));
      const say = (line: string) => {
        silence?.heard();
        out(line);
      };
      return {
        begin: (opened, hostsFile) => {
          opens(opened, hostsFile);
          silence = new SilenceWatch({ clock: realClock, quiet: () => ({ running: state.running, waits: waits() }), say });
        },
        saw: (some) => some.forEach((one) => {
          state.apply(one);
          tell(one).forEach(say);
        }),
        sent: (progress) => { if (isDue(progress)) say(sendingLine(progress, startMs, realClock.now())); },
        silence: (silence) => {
          const line = silenceLine(silence, startMs, realClock.now());
          if (line !== undefined) say(line);
        },
        warned: (action, text) => say(`${' '.repeat(13)}warning    ${action.component}.${action.transition}: ${text}`),
        said: say,
        end: () => silence?.stop(),
      };
    }
    case 'live': {
      const forecast = new Forecast({ clock: realClock, state: () => session?.state });
      const view = new LiveView({ terminal: io.stream, clock: realClock, color: io.color, model: () => {
        const nowMs = realClock.now();
        return state.model({ nowMs, waits: waits(), ...forecast.at(nowMs) });
      } });
      return {
        begin: (opened, hostsFile) => {
          state.plays(inWords(opens(opened, hostsFile)));
          state.continues(opened.state, startMs);
          view.start();
        },
        saw: (some) => {
          for (const one of some) {
            state.apply(one);
            forecast.apply(one);
          }
          view.changed();
        },
        sent: (progress) => {
          if (!isLarge(progress)) return;
          state.sends(progress);
          view.changed();
        },
        silence: (silence) => {
          state.silence(silence);
          view.changed();
        },
        warned: (action, text) => {
          state.warn(`${action.component}.${action.transition}: ${text}`);
          view.changed();
        },
        said: (text) => {
          state.warn(text);
          view.redraw();
        },
        end: () => view.stop(),
      };
    }
    default: return mode satisfies never;
  }
}

function whereaboutsOf({ assembly, bound }: Session, hostsFile: string | undefined): Whereabouts {
  const { binding } = bound!;
  if (binding.flavour === 'local') return { flavour: 'local', machines: 0 };
  const machines = new Set(assembly.hosts.filter((role) => role !== 'local').map((role) => machineName(binding, role)));
  return { flavour: binding.flavour, machines: machines.size, ...(hostsFile === undefined ? {} : { hosts: hostsFile }) };
}

function inWords({ flavour, machines, hosts = 'as before' }: Whereabouts): string {
  return machines === 0 ? `on this machine (${flavour})` : `on ${count(machines, 'machine')} (${flavour}, ${hosts})`;
}
