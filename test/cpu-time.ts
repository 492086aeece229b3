/** Milliseconds of processor time that this thread spends on `act`: unlike those of a clock, a busy machine leaves them as they are. */
export function cpuMs(act: () => void): number {
  const before = process.threadCpuUsage();
  act();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}
