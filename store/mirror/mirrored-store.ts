import { setTimeout as sleep } from 'node:timers/promises';
import { Conflict, errorMessage, Unavailable } from '../../core/errors.ts';
import type {
  Entry,
  Lease,
  SharedStatus,
  SharedStore,
  SharedView,
  Store,
  StoreEvent,
  Txn,
} from '../../core/ports.ts';
import type { StoreContact } from '../contact.ts';
import type { StoreLog } from '../log.ts';
import { isShownByWatch } from '../txn.ts';
import { EntryTable } from './entry-table.ts';
import { LocalCopy } from './local-copy.ts';

const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2000;
/** How long a commit that has succeeded waits until the copy in memory shows it. */
const SHOWN_MS = 1000;

export interface MirrorOptions {
  /** Disposed of by the caller, after the mirror. */
  readonly shared: SharedStore & { readonly contact?: StoreContact; readonly inProcess?: true };
  /** Holds the copy under `mirror/`; nothing is written when `shared` is in this process anyway. */
  readonly local: Store;
  readonly log: StoreLog;
}

/**
 * A shared store with a copy in memory and on disk, so that reading needs nobody else. The copy follows by list and
 * watch; after a compaction, or when the shared store has another past than before, it is listed again and compared,
 * so that subscribers see what has really changed and nothing else.
 */
export class MirroredStore implements SharedView, AsyncDisposable {
  readonly #shared: MirrorOptions['shared'];
  readonly #log: StoreLog;
  readonly #table = new EntryTable();
  readonly #copy: LocalCopy | undefined;
  readonly #listeners = new Set<(events: readonly StoreEvent[]) => void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  readonly #following: Promise<void>;
  #waiting: { readonly revision: bigint; readonly shown: () => void }[] = [];
  #pending: StoreEvent[] = [];
  #revision: bigint;
  /** Of the last own change. */
  #committed = 0n;
  #heardAt: number;
  #synced = false;
  #error: string | undefined;

  private constructor(
    options: MirrorOptions,
    known: { readonly entries: readonly Entry[]; readonly state: { revision: bigint; heardAt: number } },
  ) {
    const { shared, local, log } = options;
    this.#shared = shared;
    this.#log = log;
    this.#revision = known.state.revision;
    this.#heardAt = known.state.heardAt;
    for (const entry of known.entries) this.#table.set(entry);
    if (shared.inProcess !== true) {
      this.#copy = new LocalCopy(local, log, () => ({
        revision: this.#revision,
        heardAt: Date.now() - Math.round(this.status.ageMs),
      }));
    }
    this.#ready.promise.catch(() => undefined); // who waits for it is told; nobody has to wait
    this.#following = this.#follow();
  }

  /**
   * Reads the copy that the last process left and begins to follow the shared store, which need not answer.
   * @throws {Unavailable} when the local store cannot be read.
   */
  static async open(options: MirrorOptions): Promise<MirroredStore> {
    const nothing = { entries: [], state: { revision: 0n, heardAt: 0 } };
    return new MirroredStore(
      options,
      options.shared.inProcess === true ? nothing : await LocalCopy.read(options.local),
    );
  }

  /**
   * Resolves when the copy has been compared with the shared store for the first time.
   * @throws {Unavailable} when the mirror is disposed of before.
   */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get status(): SharedStatus {
    const contact = this.#shared.contact;
    const error = contact?.connected === false ? (contact.error ?? this.#error) : this.#error;
    return {
      connected: this.#synced && contact?.connected !== false,
      revision: this.#revision,
      behind: this.#revision < this.#committed,
      ageMs: contact === undefined ? 0 : (contact.ageMs ?? Date.now() - this.#heardAt),
      ...(error === undefined ? {} : { lastError: error }),
    };
  }

  get(key: string): Entry | undefined {
    return this.#table.get(key);
  }

  entries(prefix: string): readonly Entry[] {
    return this.#table.under(prefix);
  }

  subscribe(listener: (events: readonly StoreEvent[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Waits a second at most until the copy shows the commit. */
  async commit(txn: Txn): Promise<bigint> {
    this.#assertOpen();
    const revision = await this.#shared.commit(txn);
    if (isShownByWatch(txn) && revision > this.#committed) this.#committed = revision;
    if (this.#revision < revision) await this.#shown(revision);
    return revision;
  }

  async lease(seconds: number): Promise<Lease> {
    this.#assertOpen();
    return this.#shared.lease(seconds);
  }

  /** Stops following and writes the rest of the copy; the stores stay open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#ready.reject(new Unavailable('the copy of the shared store is closed'));
    for (const { shown } of this.#waiting) shown();
    await this.#following;
    await this.#copy?.[Symbol.asyncDispose]();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    let pauseMs = MIN_PAUSE_MS;
    while (!signal.aborted) {
      try {
        const { entries, revision } = await this.#shared.list('');
        if (signal.aborted) return;
        this.#compare(entries, revision);
        pauseMs = MIN_PAUSE_MS;
        for await (const event of this.#shared.watch('', revision, signal)) this.#collect(event);
        if (!signal.aborted) throw new Unavailable('the watch of the shared store ended');
      } catch (error) {
        this.#broken(error);
      }
      this.#flush();
      this.#synced = false;
      await this.#pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
    }
  }

  #broken(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    const text = errorMessage(error);
    if (error instanceof Conflict) {
      this.#log.info({ reason: text }, 'shared store is listed again');
      return;
    }
    // Once for each kind of failure: the store may be away for long.
    if (this.#error !== text) this.#log.warn({ err: text }, 'shared store cannot be followed; trying again');
    this.#error = text;
  }

  /** Brings the copy to what a list says, and tells what is different. */
  #compare(entries: readonly Entry[], revision: bigint): void {
    const events: StoreEvent[] = [];
    const listed = new Set<string>();
    for (const entry of entries) {
      listed.add(entry.key);
      const known = this.#table.get(entry.key);
      const same = known !== undefined && Buffer.compare(known.value, entry.value) === 0;
      if (same && known.revision === entry.revision) continue;
      this.#table.set(entry);
      this.#copy?.note(entry.key, entry);
      if (!same) events.push({ type: 'put', entry });
    }
    for (const key of [...this.#table.keys()]) {
      if (listed.has(key)) continue;
      this.#table.delete(key);
      this.#copy?.note(key, undefined);
      events.push({ type: 'delete', entry: { key, value: new Uint8Array(), revision } });
    }
    this.#revision = revision;
    // In a store that was restored from before it, it will never be shown.
    if (this.#committed > revision) this.#committed = revision;
    this.#synced = true;
    this.#error = undefined;
    this.#ready.resolve();
    this.#tell(events);
  }

  /** Takes the events that come in one turn of the event loop together: those of one transaction always do. */
  #collect(event: StoreEvent): void {
    if (this.#pending.push(event) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const events = this.#pending;
    const last = events.at(-1);
    if (last === undefined) return;
    this.#pending = [];
    for (const { type, entry } of events) {
      if (type === 'put') this.#table.set(entry);
      else this.#table.delete(entry.key);
      this.#copy?.note(entry.key, type === 'put' ? entry : undefined);
    }
    this.#revision = last.entry.revision;
    this.#tell(events);
  }

  #tell(events: readonly StoreEvent[]): void {
    const shown = this.#waiting.filter(({ revision }) => revision <= this.#revision);
    this.#waiting = this.#waiting.filter(({ revision }) => revision > this.#revision);
    if (events.length > 0) {
      for (const listener of [...this.#listeners]) {
        try {
          listener(events);
        } catch (error) {
          this.#log.warn({ err: error }, 'a listener to the shared store threw');
        }
      }
    }
    for (const one of shown) one.shown();
  }

  async #shown(revision: bigint): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = { revision, shown: () => resolve(true) };
    this.#waiting.push(waiting);
    const timer = setTimeout(() => resolve(false), SHOWN_MS);
    if (!(await promise)) {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      this.#log.warn({ revision: String(revision) }, 'commit not seen in the copy of the shared store yet');
    }
    clearTimeout(timer);
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new Unavailable('the copy of the shared store is closed');
  }
}
