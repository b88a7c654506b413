import { Conflict } from '../core/errors.ts';
import type { StoreEvent } from '../core/ports.ts';

/** Events kept for watchers that lag behind or start from an older revision. */
const HISTORY = 16_384;

/**
 * The changes of a store that has one process, with a bounded history. A watcher is a cursor into the history, so a
 * slow one costs no memory; when it falls off the end it must list again.
 */
export class ChangeFeed {
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();
  #events: StoreEvent[] = [];
  /** Events that were dropped from the front: the absolute index of `#events[0]`. */
  #dropped = 0;
  /** History is complete after this revision only. */
  #floor: bigint;
  #closed = false;

  /** @param floor the store's revision now; watching from an older one is refused. */
  constructor(floor: bigint, limit = HISTORY) {
    this.#floor = floor;
    this.#limit = limit;
  }

  /** @param events in order of their revisions, none older than what was published before. */
  publish(events: readonly StoreEvent[]): void {
    if (events.length === 0) return;
    this.#events.push(...events);
    // Cutting in halves makes the cost of the cut constant for each event.
    if (this.#events.length > 2 * this.#limit) {
      const cut = this.#events.length - this.#limit;
      this.#floor = this.#events[cut - 1]?.entry.revision ?? this.#floor;
      this.#events = this.#events.slice(cut);
      this.#dropped += cut;
    }
    this.#wake();
  }

  /**
   * Events under `prefix` after revision `after`; ends when `signal` aborts or the feed closes.
   * @throws {Conflict} `compacted`, when events after `after` are no longer known: list, and watch from there.
   */
  async *watch(
    prefix: string,
    after: bigint,
    signal: AbortSignal,
  ): AsyncGenerator<StoreEvent, void, undefined> {
    let next = this.#indexAfter(after);
    while (!signal.aborted && !this.#closed) {
      if (next < this.#dropped) throw this.#compacted(after);
      const event = this.#events[next - this.#dropped];
      if (event === undefined) {
        await this.#changed(signal);
        continue;
      }
      next++;
      if (event.entry.revision > after && event.entry.key.startsWith(prefix)) yield event;
    }
  }

  /** Ends every watch. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #indexAfter(after: bigint): number {
    if (after < this.#floor) throw this.#compacted(after);
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.entry.revision ?? 0n) > after) high = middle;
      else low = middle + 1;
    }
    return this.#dropped + low;
  }

  #compacted(after: bigint): Conflict {
    return new Conflict(
      `watch after revision ${after}: compacted, changes are known after revision ${this.#floor} only; list again`,
      { reason: 'compacted', after: String(after), floor: String(this.#floor) },
    );
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
