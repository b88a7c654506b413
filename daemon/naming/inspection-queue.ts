import { errorMessage, WeftError } from '../../core/errors.ts';
import type { Log } from './log.ts';

/** Inspections at a time. */
const AT_A_TIME = 6;
const AGAIN_MS = 1000;

/**
 * Inspects containers, a few at a time and each once however often it is asked for meanwhile; what was asked for while
 * it was under way is done again afterwards, because the answer may be older than the question.
 */
export class InspectionQueue implements AsyncDisposable {
  readonly #inspect: (id: string) => Promise<void>;
  readonly #log: Log;
  readonly #now = new Set<string>();
  readonly #later = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(inspect: (id: string) => Promise<void>, log: Log) {
    this.#inspect = inspect;
    this.#log = log;
  }

  /** @param when `now` goes before everything that is `later`. */
  add(id: string, when: 'now' | 'later'): void {
    if (this.#stopped) return;
    if (when === 'now') {
      this.#later.delete(id);
      this.#now.add(id);
    } else if (!this.#now.has(id)) this.#later.add(id);
    this.#fill();
  }

  /** Whether a container is being inspected or waits for it. */
  has(id: string): boolean {
    return this.#running.has(id) || this.#now.has(id) || this.#later.has(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#now.clear();
    this.#later.clear();
    await Promise.all(this.#running.values());
  }

  #fill(): void {
    while (this.#running.size < AT_A_TIME) {
      const id = this.#next();
      if (id === undefined) return;
      const running = this.#run(id).finally(() => {
        this.#running.delete(id);
        this.#fill();
      });
      this.#running.set(id, running);
    }
  }

  #next(): string | undefined {
    for (const waiting of [this.#now, this.#later]) {
      for (const id of waiting) {
        if (this.#running.has(id)) continue;
        waiting.delete(id);
        return id;
      }
    }
    return undefined;
  }

  async #run(id: string): Promise<void> {
    try {
      await this.#inspect(id);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      if (this.#stopped) return;
      this.#log.debug({ container: id, error: errorMessage(error) }, 'container not inspected; trying again');
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.add(id, 'later');
      }, AGAIN_MS).unref();
      this.#timers.add(timer);
    }
  }
}
