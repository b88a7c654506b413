import { errorMessage } from '../../core/errors.ts';
import type { SharedView } from '../../core/ports.ts';
import type { Log } from './log.ts';

/** Changes in one commit; etcd takes 128 operations. */
const IN_ONE_COMMIT = 100;
const AGAIN_MS = 500;

export interface RecordPublisherParts {
  readonly shared: SharedView;
  /** The keys of this host's records begin so, among others of other hosts. */
  readonly prefix: string;
  /** Whether a key under the prefix is that of a record of this host's, which goes unless it is wanted. */
  readonly isOwn: (key: string) => boolean;
  /** False while this host must not speak in the cluster. */
  readonly mayPublish: () => boolean;
  /** What the records are of, for the log: `endpoints`. */
  readonly of: string;
  readonly log: Log;
}

/**
 * Keeps this host's records of one kind in a shared store as they should be. A change is sent at once; after a
 * failure, a restart or a change by others everything is compared again, and records nobody wants any more go.
 */
export class RecordPublisher implements AsyncDisposable {
  readonly #parts: RecordPublisherParts;
  /** What the others should know, by key. */
  readonly #wanted = new Map<string, Uint8Array>();
  readonly #dirty = new Set<string>();
  readonly #subscription: Disposable;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** Sends nothing of what others have written before the first `compare`. */
  constructor(parts: RecordPublisherParts) {
    this.#parts = parts;
    const { shared, prefix, isOwn } = parts;
    this.#subscription = shared.subscribe((events) => {
      for (const { entry } of events)
        if (entry.key.startsWith(prefix) && isOwn(entry.key)) this.#mark(entry.key);
    });
  }

  want(key: string, value: Uint8Array): void {
    this.#wanted.set(key, value);
    this.#mark(key);
  }

  /** The record goes, whoever has written it. */
  unwant(key: string): void {
    this.#wanted.delete(key);
    this.#mark(key);
  }

  /** Compares all of this host's records with what the others are told. */
  compare(): void {
    const { shared, prefix, isOwn } = this.#parts;
    for (const key of this.#wanted.keys()) this.#mark(key);
    for (const { key } of shared.entries(prefix)) if (isOwn(key)) this.#mark(key);
  }

  /** Resolves when what was to be told has been told or has failed. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#subscription[Symbol.dispose]();
    await this.#running;
  }

  #mark(key: string): void {
    if (this.#stopped || this.#isTold(key)) return;
    this.#dirty.add(key);
    this.#start();
  }

  #isTold(key: string): boolean {
    const wanted = this.#wanted.get(key);
    const told = this.#parts.shared.get(key)?.value;
    if (wanted === undefined || told === undefined) return wanted === told && !this.#dirty.has(key);
    return Buffer.compare(wanted, told) === 0 && !this.#dirty.has(key);
  }

  #start(): void {
    this.#running ??= Promise.resolve()
      .then(() => this.#send())
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #send(): Promise<void> {
    while (this.#dirty.size > 0 && !this.#stopped) {
      if (!this.#parts.mayPublish()) return;
      const batch = [...this.#dirty].slice(0, IN_ONE_COMMIT);
      for (const key of batch) this.#dirty.delete(key);
      const put = batch.flatMap((key) => {
        const value = this.#wanted.get(key);
        return value === undefined ? [] : [{ key, value }];
      });
      const gone = batch.filter((key) => !this.#wanted.has(key));
      try {
        // What this host does not say again after a loss of power was of endpoints that went with it.
        await this.#parts.shared.commit({ put, delete: gone, durability: 'process' });
      } catch (error) {
        for (const key of batch) this.#dirty.add(key);
        this.#parts.log.debug({ error: errorMessage(error) }, `${this.#parts.of} not told yet`);
        return this.#again();
      }
    }
  }

  #again(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, AGAIN_MS);
    this.#timer.unref();
  }
}
