import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { releaseProgramText } from '../kernel/index.ts';

/** How often the heap is looked at. */
const LOOK_MS = 5000;
/** No call for so long means that a pause of some 30 ms disturbs nobody. */
const QUIET_MS = 2000;
/** Garbage worth a collection in a quiet moment, in bytes of heap growth since the last one. */
const WORTH_BYTES = 2 << 20;
/** Garbage worth a pause in the midst of work. */
const WORTH_A_PAUSE_BYTES = 12 << 20;
/** How soon after the start what it has left behind is collected. */
const AFTER_START_MS = 1000;
/** So long a collection takes with a small heap; a longer one must be worth more. */
const PAUSE_MS = 40;

type Collect = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

/**
 * Gives memory back to the system while nothing happens. V8 collects when it allocates, so what a start or a burst of
 * containers left behind would stay resident until the next one; and of Node's own code, half is needed for the start
 * alone.
 */
export class MemoryTrim implements Disposable {
  readonly #collect: Collect;
  readonly #timer: NodeJS.Timeout;
  #lastCallAt = 0;
  #startMapped = true;
  #usedAfter = Number.POSITIVE_INFINITY;
  #pauseMs = PAUSE_MS;

  constructor() {
    // Node offers its collector only so; the flag changes nothing else.
    setFlagsFromString('--expose-gc');
    this.#collect = runInNewContext('gc') as Collect;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /**
   * Call when weftd is up. Until then V8's nursery may double up to 16 MB, which saves the start a third of its time;
   * what comes afterwards fits 1 MB, and the nursery would seldom shrink. How far the heap may grow is V8's own choice
   * again (0), which it makes with the next collection.
   */
  started(): void {
    setFlagsFromString('--semi-space-growth-factor=1');
    setFlagsFromString('--heap-growing-percent=0');
    setTimeout(() => this.trim(), AFTER_START_MS).unref();
  }

  /** Call at each plugin call. */
  called(): void {
    this.#lastCallAt = performance.now();
  }

  /** Collects now; some 30 ms, with ten thousand endpoints ten times that. */
  trim(): void {
    const began = performance.now();
    this.#collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    this.#usedAfter = getHeapStatistics().used_heap_size;
    this.#pauseMs = Math.max(PAUSE_MS, performance.now() - began);
  }

  #look(): void {
    const quiet = performance.now() - this.#lastCallAt >= QUIET_MS;
    const grown = getHeapStatistics().used_heap_size - this.#usedAfter;
    const worth = (quiet ? WORTH_BYTES : WORTH_A_PAUSE_BYTES) * (this.#pauseMs / PAUSE_MS);
    if (grown > worth) this.trim();
    if (quiet && this.#startMapped) {
      releaseProgramText();
      this.#startMapped = false;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
