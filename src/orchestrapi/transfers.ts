import { semaphore } from '../semaphore.ts';
import { HostError, type FileToPut, type Host, type HostErrorCode, type PutProgress, type PutReport } from './host.ts';

export interface TransferOptions {
  /** How long the first file of a batch waits for company. Default: 10 ms. */
  readonly windowMs?: number;
  /** How many hosts are sent to at once. Default: 32; of large batches, which go by rsync, fewer are under way. */
  readonly limit?: number;
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** How far the batch is that is sent to a host now. */
export interface TransferProgress extends PutProgress {
  readonly host: string;
  /** Nothing more of it is sent: it has arrived, or failed. */
  readonly isOver: boolean;
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

/**
 * One queue for all hosts. Batches for one host go one after the other, so that of two files for one path the later wins; hosts go in parallel.
 * @example const queue = transfers(); await queue.send(host, [{ to: 'etc/app.conf', text: 'port = 80\n' }])
 */
export function transfers({ windowMs = 10, limit = 32, onProgress }: TransferOptions = {}): Transfers {
  const open = new Map<Host, Order[]>();
  const sending = new Map<Host, Promise<void>>();
  const slots = semaphore(limit);

  const put = async (host: Host, orders: readonly Order[]): Promise<void> => {
    const release = await slots();
    let last: PutProgress | undefined;
    const tell = (progress: PutProgress): void => onProgress?.({ host: host.name, ...(last = progress), isOver: false });
    try {
      const report = await host.put(oneBatch(orders.map((order) => order.files)), onProgress ? { onProgress: tell } : {});
      for (const { files, done } of orders) {
        const failure = failureFor(files, report, host.name);
        if (failure) done.reject(failure);
        else done.resolve();
      }
    } catch (failure) {
      for (const order of orders) order.done.reject(failure);
    } finally {
      if (last) onProgress?.({ host: host.name, ...last, isOver: true });
      release();
    }
  };

  const close = (host: Host): void => {
    const orders = open.get(host)!;
    open.delete(host);
    const turn = (sending.get(host) ?? Promise.resolve()).then(() => put(host, orders)).then(() => {
      if (sending.get(host) === turn) sending.delete(host);
    });
    sending.set(host, turn);
  };

  return {
    send(host, files) {
      if (files.length === 0) return Promise.resolve();
      const order: Order = { files, done: Promise.withResolvers() };
      const batch = open.get(host);
      if (batch) batch.push(order);
      else {
        open.set(host, [order]);
        setTimeout(close, windowMs, host);
      }
      return order.done.promise;
    },
  };
}

/** What several owners want, in the order in which they asked; of files for one path only the last one travels. */
export function oneBatch(wanted: readonly (readonly FileToPut[])[]): FileToPut[] {
  const last = new Map<string, FileToPut>();
  for (const file of wanted.flat()) {
    // A file that is wanted anew takes its place at the end: a folder in between may have brought the path too.
    last.delete(file.to);
    last.set(file.to, file);
  }
  return [...last.values()];
}

/** Why the owner of these files must fail; undefined when all of them are in place. A file in a folder is its folder's. */
export function failureFor(files: readonly FileToPut[], { failed }: Pick<PutReport, 'failed'>, host: string): HostError | undefined {
  const mine = failed.filter((f) => files.some(({ to }) => f.to === to || f.to.startsWith(`${to}/`)));
  if (mine.length === 0) return undefined;
  return new HostError(kindOf(mine), host, `${host}: ${mine.map((f) => `"${f.to}" was not placed: ${f.reason}`).join('; ')}`);
}

function kindOf(failed: PutReport['failed']): HostErrorCode {
  if (failed.some((f) => f.reason.includes('no space'))) return 'NO_SPACE';
  return failed.some((f) => f.reason.includes('read-only')) ? 'READ_ONLY' : 'REFUSED';
}
