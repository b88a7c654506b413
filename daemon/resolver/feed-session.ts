import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { CHANGES_PER_MESSAGE, type FactKey, type FeedMessage, syncMessages } from '../../discovery/index.ts';
import type { Dirty, FactSource } from './fact-source.ts';

/** Sends a message; resolves when the next one may follow. */
export type SendFeed = (message: FeedMessage) => Promise<void>;

/**
 * Tells one process everything, then each change. However fast changes come and however slow the process is, what
 * waits is at most one entry for each fact.
 */
export class FeedSession implements Disposable {
  readonly id = randomUUID();
  readonly #source: FactSource;
  readonly #send: SendFeed;
  readonly #subscription: Disposable;
  readonly #dirty = new Map<FactKey, Dirty>();
  #sending = true;
  #ended = false;

  constructor(source: FactSource, send: SendFeed) {
    this.#source = source;
    this.#send = send;
    this.#subscription = source.subscribe((dirty) => this.#changed(dirty));
    void this.#begin();
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#subscription[Symbol.dispose]();
  }

  async #begin(): Promise<void> {
    for (const message of syncMessages(this.#source.all(), this.id)) {
      if (this.#ended) return;
      await this.#send(message);
      // Plugin calls come in between.
      await setImmediate();
    }
    await this.#flush();
  }

  #changed(dirty: readonly Dirty[]): void {
    for (const each of dirty) this.#dirty.set(each.key, each);
    if (this.#sending || this.#dirty.size === 0) return;
    this.#sending = true;
    // What comes in the same turn goes in the same message.
    queueMicrotask(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    while (this.#dirty.size > 0 && !this.#ended) {
      const batch = [...this.#dirty.values().take(CHANGES_PER_MESSAGE)];
      for (const { key } of batch) this.#dirty.delete(key);
      await this.#send({ type: 'changes', session: this.id, changes: batch.map((each) => each.now()) });
    }
    this.#sending = false;
  }
}
