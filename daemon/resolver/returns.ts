import { setTimeout as sleep } from 'node:timers/promises';
import type { ResolverLog } from './log.ts';
import { signal } from './running-process.ts';

const LOOK_AGAIN_MS = 5;

export interface ReturnsParts {
  readonly log: ResolverLog;
  /** Whether it is connected. */
  readonly isBack: (pid: number) => boolean;
  /** Whether nobody waits any more. */
  readonly isOver: () => boolean;
}

/** Processes that live without a connection, and are to come back. */
export class Returns {
  readonly #parts: ReturnsParts;
  readonly #awaited = new Set<number>();

  constructor(parts: ReturnsParts) {
    this.#parts = parts;
  }

  /** Whether there are any: for a few seconds at most, then they are ended. */
  get some(): boolean {
    return this.#awaited.size > 0;
  }

  /** Whether a process that is said to live connects; one that does not within `ms` is ended. */
  async wait(pid: number, ms: number, lives: () => boolean): Promise<boolean> {
    this.#awaited.add(pid);
    try {
      return await this.#look(pid, ms, lives);
    } finally {
      this.#awaited.delete(pid);
    }
  }

  async #look(pid: number, ms: number, lives: () => boolean): Promise<boolean> {
    const { log, isBack, isOver } = this.#parts;
    let until = performance.now() + ms;
    while (lives() && !isOver()) {
      if (isBack(pid)) return true;
      if (performance.now() > until) {
        until = Number.POSITIVE_INFINITY;
        log.warn({ pid }, 'the resolver process does not answer; it is ended');
        signal(pid, 'SIGKILL');
      }
      await sleep(LOOK_AGAIN_MS);
    }
    return false;
  }
}
