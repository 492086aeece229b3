import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef } from '../assembly/model.ts';
import { waitsOf } from '../assembly/waits.ts';
import type { TransferProgress } from '../orchestrapi/transfers.ts';
import { type Session } from '../session/session.ts';
import { realClock } from '../session/stage.ts';
import { Forecast } from '../view/forecast.ts';
import { jsonLine, lineTeller, sendingLine } from '../view/lines.ts';
import { isLarge, sendingPace } from '../view/sending.ts';
import { LiveView } from '../view/live.ts';
import { LiveState } from '../view/live-model.ts';
import { SilenceWatch } from '../view/silence.ts';
import type { Io } from './io.ts';

/** `live` redraws one screen, `plain` writes a line an event, `json` an object an event. */
export type ViewMode = 'live' | 'plain' | 'json';

export interface WatchOptions {
  readonly assemblyName: string;
  readonly verbose: boolean;
  readonly logOf: (component: string, transition: string) => string;
}

/** Shows what happens in a session. */
export interface Watch {
  begin(session: Session): void;
  saw(happenings: readonly TimedHappening[]): void;
  warned(action: ActionRef, text: string): void;
  /** How far a batch of files is; small ones are not told. */
  sent(progress: TransferProgress): void;
  /** A word of tutti's own. */
  said(text: string): void;
  /** May be called twice. */
  end(): void;
}

export function watch(io: Io, mode: ViewMode, options: WatchOptions): Watch {
  const startMs = realClock.now();
  let session: Session | undefined;
  const hostOf = (component: string) => session?.state.members.get(component)?.spec.on;
  const waits = () => (session ? waitsOf(session.state) : []);
  const isDue = sendingPace(() => realClock.now());
  const state = new LiveState({ assembly: options.assemblyName, startMs, hostOf, logOf: options.logOf });
  switch (mode) {
    case 'json': return {
      begin: (opened) => void (session = opened),
      saw: (some) => some.forEach((one) => io.out(jsonLine(one))),
      warned: (action, text) => io.out(JSON.stringify({ atMs: realClock.now(), kind: 'warning', ...action, text })),
      sent: (progress) => { if (isDue(progress)) io.out(JSON.stringify({ atMs: realClock.now(), kind: 'sending', ...progress })); },
      said: (text) => io.out(JSON.stringify({ atMs: realClock.now(), kind: 'said', text })),
      end: () => {},
    };
    case 'plain': {
      const tell = lineTeller({ startMs, hostOf, logOf: options.logOf, verbose: options.verbose });
      let silence: SilenceWatch | undefined;
      const say = (line: string) => {
        silence?.heard();
        io.out(line);
      };
      return {
        begin: (opened) => {
          session = opened;
          silence = new SilenceWatch({ clock: realClock, quiet: () => ({ running: state.running, waits: waits() }), say });
        },
        saw: (some) => some.forEach((one) => {
          state.apply(one);
          tell(one).forEach(say);
        }),
        sent: (progress) => { if (isDue(progress)) say(sendingLine(progress, startMs, realClock.now())); },
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
        begin: (opened) => {
          session = opened;
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
