import { InvalidArgument, NotFound, Unavailable } from '../../core/errors.ts';
import type { Txn } from '../../core/ports.ts';
import type { TxnAnswer } from './answer.ts';
import { keysOf, MAX_OPERATIONS, MAX_TXN_BYTES, sizeOf, unmetExpectation } from './txn-body.ts';

interface Pending {
  readonly txn: Txn;
  /** `performance.now()` of the call. */
  readonly since: number;
  readonly resolve: (revision: bigint) => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitQueueOptions {
  /** Sends transactions of different keys as one. */
  readonly send: (txns: readonly Txn[]) => Promise<TxnAnswer>;
  /** How long a commit may wait while etcd takes none of those before it. */
  readonly timeoutMs: number;
}

type Outcome = { readonly answer: TxnAnswer } | { readonly error: unknown };

/**
 * Makes commits take effect in the order of the calls: one request is under way at a time. What waits meanwhile goes
 * out together, as far as it names different keys; if a comparison in it fails, one by one.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  readonly #queue: Pending[] = [];
  #running: Promise<void> | undefined;
  /** When etcd last took or refused something. */
  #answeredAt = 0;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  /**
   * The revision of the commit. `txn` must keep etcd's limits.
   * @throws {Conflict} when an expectation fails.
   * @throws {Unavailable} also when etcd took too long for those before it; it was not sent then.
   */
  push(txn: Txn): Promise<bigint> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ txn, since: performance.now(), resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when every commit so far has its outcome. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // The other commits of this turn belong into the same request.
    await Promise.resolve();
    for (;;) {
      const batch = this.#take();
      if (batch.length === 0) {
        // Here and not later, so that a commit that comes after this look begins the next run.
        this.#running = undefined;
        return;
      }
      await this.#commit(batch);
    }
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const outcome = await this.#outcome(batch);
    const [first] = batch;
    if ('answer' in outcome && outcome.answer.succeeded) {
      for (const { resolve } of batch) resolve(outcome.answer.header.revision);
    } else if (batch.length > 1 && isOfOne(outcome)) {
      for (const one of batch) await this.#commit([one]);
    } else if ('error' in outcome) {
      for (const { reject } of batch) reject(outcome.error);
    } else if (first !== undefined) {
      first.reject(unmetExpectation(first.txn, outcome.answer));
    }
  }

  async #outcome(batch: readonly Pending[]): Promise<Outcome> {
    try {
      const answer = await this.#options.send(batch.map(({ txn }) => txn));
      this.#answeredAt = performance.now();
      return { answer };
    } catch (error) {
      return { error };
    }
  }

  #take(): readonly Pending[] {
    const overdue = performance.now() - this.#options.timeoutMs;
    const batch: Pending[] = [];
    const keys = new Set<string>();
    const total = { comparisons: 0, changes: 0, bytes: 0 };
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (Math.max(next.since, this.#answeredAt) < overdue) {
        this.#queue.shift();
        next.reject(new Unavailable('commit: etcd has not answered for too long; it was not sent'));
        continue;
      }
      const size = sizeOf(next.txn);
      total.comparisons += size.comparisons;
      total.changes += size.changes;
      total.bytes += size.bytes;
      const fits =
        Math.max(total.comparisons, total.changes) <= MAX_OPERATIONS && total.bytes <= MAX_TXN_BYTES;
      const own = [...keysOf(next.txn)];
      if (batch.length > 0 && (!fits || own.some((key) => keys.has(key)))) break;
      for (const key of own) keys.add(key);
      batch.push(next);
      this.#queue.shift();
    }
    return batch;
  }
}

/** Nothing was done, and perhaps because of one transaction of several. What may have been done is never sent again. */
function isOfOne(outcome: Outcome): boolean {
  if ('answer' in outcome) return true;
  return outcome.error instanceof InvalidArgument || outcome.error instanceof NotFound;
}
