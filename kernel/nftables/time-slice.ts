import { setImmediate } from 'node:timers/promises';

/** Longest time that work on many elements keeps the event loop from other work. */
const SLICE_MS = 1;

/** Divides long work: when `over`, `next` lets everything else run and begins another slice. */
export class TimeSlice {
  readonly #ms: number;
  #until: number;

  /** @param ms how long a slice is. */
  constructor(ms = SLICE_MS) {
    this.#ms = ms;
    this.#until = performance.now() + ms;
  }

  get over(): boolean {
    return performance.now() >= this.#until;
  }

  async next(): Promise<void> {
    await setImmediate();
    this.#until = performance.now() + this.#ms;
  }
}
