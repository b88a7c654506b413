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

  constructor() {
    // Node offers its collector only so; the flag changes nothing else.
    setFlagsFromString('--expose-gc');
    this.#collect = runInNewContext('gc') as Collect;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Call at each plugin call. */
  called(): void {
    this.#lastCallAt = performance.now();
  }

  /** Collects now; some 30 ms. */
  trim(): void {
    this.#collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    this.#usedAfter = getHeapStatistics().used_heap_size;
  }

  #look(): void {
    const quiet = performance.now() - this.#lastCallAt >= QUIET_MS;
    const grown = getHeapStatistics().used_heap_size - this.#usedAfter;
    if (grown > (quiet ? WORTH_BYTES : WORTH_A_PAUSE_BYTES)) this.trim();
    if (quiet && this.#startMapped) {
      releaseProgramText();
      this.#startMapped = false;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
