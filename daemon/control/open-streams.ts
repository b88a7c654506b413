import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** The event streams being written, so that closing the server can end them properly. */
export class OpenStreams {
  readonly #closing = new AbortController();
  readonly #open = new Set<Promise<void>>();

  /**
   * Runs `write` until it ends, the client goes away, or the server closes; `signal` aborts in the last two cases.
   * Rejects as `write` does.
   */
  async run(response: ServerResponse, write: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const done = write(AbortSignal.any([gone.signal, this.#closing.signal]));
    const settled = done.then(
      () => {},
      () => {},
    );
    this.#open.add(settled);
    try {
      await done;
    } finally {
      this.#open.delete(settled);
    }
  }

  /** Ends every stream; resolves when all have ended, or after `graceMs` when a client does not read. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort();
    const waited = new AbortController();
    await Promise.race([
      Promise.all(this.#open).then(() => waited.abort()),
      delay(graceMs, undefined, { signal: waited.signal, ref: false }).catch(() => {}),
    ]);
  }
}
