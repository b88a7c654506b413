import { TimeSlice } from '../../kernel/nftables/index.ts';

/**
 * Most tasks never wait, and so would keep everybody else from the event loop. Short, because a change that goes to all
 * namespaces meanwhile is to have most of the time.
 */
const SLICE_MS = 0.2;

/** Runs tasks in the order in which they come, so many at a time. */
export class Lanes {
  readonly #waiting: (() => Promise<void>)[] = [];
  #free: number;

  constructor(width: number) {
    this.#free = width;
  }

  /** @param task must not reject. */
  run(task: () => Promise<void>): void {
    this.#waiting.push(task);
    if (this.#free > 0) void this.#work();
  }

  async #work(): Promise<void> {
    this.#free--;
    const slice = new TimeSlice(SLICE_MS);
    for (let task = this.#waiting.shift(); task !== undefined; task = this.#waiting.shift()) {
      await task();
      if (slice.over) await slice.next();
    }
    this.#free++;
  }
}
