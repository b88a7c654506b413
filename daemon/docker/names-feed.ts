import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { errorMessage } from '../../core/errors.ts';
import type { Engine, EngineNetwork } from './engine.ts';

/** Events are gathered so long before Docker is asked: a Compose file starts many containers at once. */
const GATHER_MS = 200;
/** Docker is asked at most once in so long. */
const EVERY_MS = 1000;
/** How soon the event stream is opened again after it ended. */
const REOPEN_MS = 2000;

/**
 * Hears of the names of networks and containers by Docker's events. In the background only: names are for showing, and
 * nothing waits for them.
 */
export class NamesFeed implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #heard: (networks: readonly EngineNetwork[]) => Promise<void>;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  #refreshing: Promise<void> | undefined;
  #stale = false;

  constructor(parts: {
    readonly engine: Engine;
    readonly heard: (networks: readonly EngineNetwork[]) => Promise<void>;
    readonly log: Logger;
  }) {
    this.#engine = parts.engine;
    this.#heard = parts.heard;
    this.#log = parts.log;
    this.#following = this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#refreshing;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const _event of this.#engine.nameEvents(signal)) this.#refresh();
      } catch (error) {
        this.#log.debug({ error: errorMessage(error) }, 'no events from Docker');
      }
      // An abort ends the wait early, which is all it says.
      await sleep(REOPEN_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  #refresh(): void {
    this.#stale = true;
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined;
      if (this.#stale && !this.#stop.signal.aborted) this.#refresh();
    });
  }

  async #ask(): Promise<void> {
    const { signal } = this.#stop;
    try {
      await sleep(GATHER_MS, undefined, { signal, ref: false });
      this.#stale = false;
      await this.#heard(await this.#engine.networks());
      await sleep(EVERY_MS, undefined, { signal, ref: false });
    } catch (error) {
      this.#stale = false;
      if (!signal.aborted) this.#log.debug({ error: errorMessage(error) }, 'names not heard');
    }
  }
}
