import { CommandError, HostError, LostStepError, NotReadyError, UnknownFateError } from './host.ts';

/** Why an action failed, in the terms of an operator: shaped as the assembly's `Failure`. */
export interface HostFailure {
  readonly reason: 'exit-code' | 'timeout' | 'unreachable' | 'error' | 'unknown-fate';
  readonly message: string;
  readonly host?: string;
  readonly command?: string;
  readonly exitCode?: number;
  readonly output?: string;
  /** What it began may go on there, or be done. */
  readonly unsettled?: true;
}

/** What an error of this layer means; undefined for any other. */
export function failureOf(thrown: unknown): HostFailure | undefined {
  if (thrown instanceof CommandError) return { reason: 'exit-code', message: thrown.message, host: thrown.host, command: thrown.command, exitCode: thrown.exitCode, output: thrown.output };
  if (thrown instanceof NotReadyError) return { reason: 'error', message: thrown.message, host: thrown.host, ...(thrown.output ? { output: thrown.output } : {}) };
  if (thrown instanceof UnknownFateError) return { reason: 'unknown-fate', message: thrown.message, host: thrown.host, command: thrown.command };
  if (thrown instanceof HostError && thrown.code === 'UNREACHABLE') return { reason: 'unreachable', message: thrown.message, host: thrown.host, ...(thrown instanceof LostStepError ? { command: thrown.command } : {}), unsettled: true };
  if (thrown instanceof HostError) return { reason: thrown.code === 'TIMEOUT' ? 'timeout' : 'error', message: thrown.message, host: thrown.host };
  return undefined;
}
