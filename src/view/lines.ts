import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef, Failure } from '../assembly/model.ts';
import { describe } from '../assembly/waits.ts';
import { sentOf, type Sending } from './sending.ts';
import { silenceOf, type SilentHost } from './silent-host.ts';
import { count, listSome, oneLine, padEnd, safeLines } from './text.ts';
import { duration, since } from './time.ts';

export interface LineOptions {
  /** The instant the times count from. */
  readonly startMs: number;
  readonly hostOf?: (component: string) => string | undefined;
  /** Path of a transition's log; told when it fails. */
  readonly logOf?: (component: string, transition: string) => string | undefined;
  /** Also instructions, and places entered and left. Default false. */
  readonly verbose?: boolean;
  /** Last lines of output to show of a failed command. Default: 10. */
  readonly outputLines?: number;
}

/**
 * Tells happenings one after the other as plain lines, for where there is no terminal: a line an event (`+12.345s  done      la1.start (2.2s)`),
 * more for a failure, none for noise. Lines hold no colour and no control character. What it returns keeps the starts of running actions only.
 *
 * @example
 * const tell = lineTeller({ startMs: clock.nowMs() });
 * engine.onHappening((timed) => tell(timed).forEach((line) => console.log(line)));
 */
export function lineTeller(options: LineOptions): (timed: TimedHappening) => string[] {
  const startedMs = new Map<string, number>();
  const { hostOf = () => undefined, logOf = () => undefined, verbose = false, outputLines = 10 } = options;

  const failureLines = (action: ActionRef, failure: Failure): string[] => {
    const host = failure.host ?? hostOf(action.component);
    const log = logOf(action.component, action.transition);
    const output = failure.output?.trim() ? safeLines(failure.output) : [];
    return [
      ...(host === undefined ? [] : [`host:    ${oneLine(host)}`]),
      ...(failure.command === undefined ? [] : [`command: ${oneLine(failure.command)}`]),
      ...(failure.exitCode === undefined ? [] : [`exit:    ${failure.exitCode}`]),
      ...output.slice(-outputLines).map((line) => `  | ${line}`),
      ...(log === undefined ? [] : [`log:     ${oneLine(log)}`]),
    ].map((line) => `${' '.repeat(24)}${line}`);
  };
  const took = (action: ActionRef, atMs: number): string => {
    const from = startedMs.get(keyOf(action));
    startedMs.delete(keyOf(action));
    return from === undefined ? '' : ` (${duration(atMs - from)})`;
  };

  const told = ({ atMs, happening: h }: TimedHappening): readonly [verb: string, text: string, more?: readonly string[]] | undefined => {
    switch (h.kind) {
      case 'programBegan': return ['program', `${h.program} began`];
      case 'programEnded': return ['program', `${h.program} ${h.outcome === 'done' ? 'done' : `ended: ${h.outcome}`}`];
      case 'instructed': return verbose ? ['program', describe(h.instruction)] : undefined;
      case 'behaviourBegan': return verbose ? ['behaviour', `${h.component} ${h.behaviour} began`] : undefined;
      case 'behaviourEnded': return h.empty && !verbose ? undefined : ['behaviour', `${h.component} ${h.behaviour} ${h.empty ? 'had nothing to do' : 'done'}`];
      case 'entered': return verbose ? ['entered', `${h.component}.${h.place}`] : undefined;
      case 'left': return verbose ? ['left', `${h.component}.${h.place}`] : undefined;
      case 'started': {
        startedMs.set(keyOf(h.action), atMs);
        const host = hostOf(h.action.component);
        return ['started', `${nameOf(h.action)}${host === undefined ? '' : ` on ${host}`}${h.action.attempt > 1 ? `, try ${h.action.attempt}` : ''}`];
      }
      case 'ended': return ['done', nameOf(h.action) + took(h.action, atMs)];
      case 'retrying': return ['retrying', `${nameOf(h.action)}${took(h.action, atMs)} in ${duration(h.delayMs)}: ${h.failure.message}`];
      case 'failed': return ['FAILED', `${nameOf(h.action)}${took(h.action, atMs)}: ${h.failure.message}`, failureLines(h.action, h.failure)];
      case 'skipped': return ['skipped', `${h.component}.${h.transition}`];
      case 'aborted': return ['aborted', `${h.component}, back to ${listSome(h.places)}`];
      case 'added': return ['added', h.component];
      case 'deleted': return ['deleted', h.component];
      case 'degraded': return ['DEGRADED', `${h.component}.${h.place}: ${h.reason}${h.users.length === 0 ? '' : `; ${count(h.users.length, 'user')}: ${listSome(h.users)}`}`];
      case 'healthy': return ['healthy', `${h.component}.${h.place} again`];
      default: return h satisfies never;
    }
  };

  return (timed) => {
    const line = told(timed);
    if (!line) return [];
    const [verb, text, more = []] = line;
    return [eventLine(options.startMs, timed.atMs, verb, text), ...more];
  };
}

/** Where the hosts are: what comes before all that happens there. @example playsLine('on this machine (local)') */
export function playsLine(where: string): string {
  return `${' '.repeat(13)}${padEnd('plays', 9)}  ${oneLine(where)}`;
}

/** How far a batch of files is, as a line. */
export function sendingLine(sending: Sending, startMs: number, atMs: number): string {
  return eventLine(startMs, atMs, sending.isOver ? 'sent' : 'sending', `${sentOf(sending)} to ${sending.host}`);
}

/** That a host does not answer, or does again, as a line; none when nobody waits for it any more. */
export function silenceLine(silence: SilentHost, startMs: number, atMs: number): string | undefined {
  if (silence.over === 'given-up') return undefined;
  return silence.over === 'answers' ? eventLine(startMs, atMs, 'answers', `${silence.host} again, after ${duration(atMs - silence.sinceMs)}`) : eventLine(startMs, atMs, 'silent', silenceOf(silence, atMs));
}

function eventLine(startMs: number, atMs: number, verb: string, text: string): string {
  return `${since(startMs, atMs).padStart(11)}  ${padEnd(verb, 9)}  ${oneLine(text)}`;
}

/** A happening as one line of JSON: its instant and its fields. */
export function jsonLine({ atMs, happening }: TimedHappening): string {
  return JSON.stringify({ atMs, ...happening });
}

function nameOf({ component, transition }: ActionRef): string {
  return `${component}.${transition}`;
}

function keyOf({ component, transition, execution }: ActionRef): string {
  return `${execution} ${transition} ${component}`;
}
