import { Unavailable } from '../../core/errors.ts';

/** Holds calls back until the rest of the daemon is ready. */
export class ReadyGate {
  #opened: Promise<void> | undefined;

  /** @param ready settles when the daemon is ready or has failed to start; undefined when it is ready now. */
  constructor(ready: Promise<void> | undefined) {
    if (ready === undefined) return;
    this.#opened = ready.then(() => {
      this.#opened = undefined;
    });
    // Whoever made the promise deals with its failure; here it only must not count as unhandled.
    this.#opened.catch(() => undefined);
  }

  /**
   * Resolves when calls may be made.
   * @throws {Unavailable} after `timeoutMs`, or when the daemon has failed to start.
   */
  async pass(timeoutMs: number): Promise<void> {
    if (this.#opened === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Unavailable(`weftd is still starting after ${timeoutMs / 1000} s; try again`));
      }, timeoutMs);
    });
    const opened = this.#opened.catch((cause: unknown) => {
      throw new Unavailable('weftd failed to start', {}, { cause });
    });
    try {
      await Promise.race([opened, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}
