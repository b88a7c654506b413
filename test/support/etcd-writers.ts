import { Conflict, Unavailable } from '../../core/errors.ts';
import type { SharedStore, Store, StoreEvent } from '../../core/ports.ts';

/** What a numbered writer has done. */
export interface Written {
  /** Numbers whose key is in the store: 0 to this, without a gap. */
  readonly count: number;
  /** Commits of which the outcome was not known at first. */
  readonly unknown: number;
  /** Commits that etcd did not take, and that were made again. */
  readonly refused: number;
}

/**
 * Puts `prefix`0, `prefix`1, … one after the other, each created once, until `signal` aborts: a commit that failed is
 * made again, and the expectation that the key is not there tells whether the first did happen.
 */
export async function writeNumbers(store: Store, prefix: string, signal: AbortSignal): Promise<Written> {
  let [count, unknown, refused] = [0, 0, 0];
  // Not ended in the middle of a number: whether it was written has to be known.
  for (;;) {
    const key = `${prefix}${count}`;
    try {
      await store.commit({
        expect: [{ key, revision: 0n }],
        put: [{ key, value: Buffer.from(String(count)) }],
      });
      count++;
      if (signal.aborted) return { count, unknown, refused };
    } catch (error) {
      if (error instanceof Conflict) count++;
      else if (!(error instanceof Unavailable)) throw error;
      else if (error.context['outcome'] === 'unknown') unknown++;
      else refused++;
    }
  }
}

/** Collects what a watch gives, until it is stopped; a failure is kept for the end. */
export class WatchRecorder implements AsyncDisposable {
  readonly events: StoreEvent[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(store: SharedStore, prefix: string, after: bigint) {
    this.#running = (async () => {
      for await (const event of store.watch(prefix, after, this.#stop.signal)) this.events.push(event);
    })();
    this.#running.catch(() => undefined);
  }

  /** `put KEY` and `delete KEY`, in order. */
  get lines(): readonly string[] {
    return this.events.map(({ type, entry }) => `${type} ${entry.key}`);
  }

  /** Rejects as the watch did. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([this.#running]);
  }
}
