import { HostError, type FileToPut, type Host } from './host.ts';

export interface TransferOptions {
  /** How long the first file of a batch waits for company. Default: 10 ms. */
  readonly windowMs?: number;
  /** How many hosts are sent to at once. Default: 8. */
  readonly limit?: number;
}

/** The central queue of an assembly: what several components want on one host within one window travels in one batch. */
export interface Transfers {
  /** Resolves when all of these files are in place. @throws HostError naming each file that is not; files of others do no harm */
  send(host: Host, files: readonly FileToPut[]): Promise<void>;
}

interface Order {
  readonly files: readonly FileToPut[];
  readonly done: PromiseWithResolvers<void>;
}

export function transfers({ windowMs = 10, limit = 8 }: TransferOptions = {}): Transfers {
  const open = new Map<Host, Order[]>();
  const slots = semaphore(limit);

  const flush = async (host: Host, orders: readonly Order[]) => {
    const release = await slots();
    try {
      const { failed } = await host.put(orders.flatMap((order) => order.files));
      const reasons = new Map(failed.map((f) => [f.to, f.reason]));
      for (const order of orders) {
        const mine = [...new Set(order.files.map((f) => f.to))].filter((to) => reasons.has(to));
        if (mine.length === 0) order.done.resolve();
        else order.done.reject(new HostError(kindOf(mine.map((to) => reasons.get(to)!)), host.name, `${host.name}: ${mine.map((to) => `"${to}" was not placed: ${reasons.get(to)!}`).join('; ')}`));
      }
    } catch (failure) {
      for (const order of orders) order.done.reject(failure);
    } finally {
      release();
    }
  };

  return {
    send(host, files) {
      if (files.length === 0) return Promise.resolve();
      const order: Order = { files, done: Promise.withResolvers() };
      const batch = open.get(host);
      if (batch) batch.push(order);
      else {
        const orders = [order];
        open.set(host, orders);
        setTimeout(() => {
          open.delete(host);
          void flush(host, orders);
        }, windowMs);
      }
      return order.done.promise;
    },
  };
}

function kindOf(reasons: readonly string[]): HostError['code'] {
  if (reasons.some((r) => r.includes('no space'))) return 'NO_SPACE';
  return reasons.some((r) => r.includes('read-only')) ? 'READ_ONLY' : 'REFUSED';
}

/** At most `limit` holders at once; gives the function that lets the next one in. */
function semaphore(limit: number): () => Promise<() => void> {
  let free = limit;
  const waiting: (() => void)[] = [];
  const release = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return async () => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return release;
  };
}
