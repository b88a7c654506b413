import { Conflict, Unavailable } from '../../core/errors.ts';
import type { Entry, StoreEvent, Txn } from '../../core/ports.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What the next commit of a host meets. */
type Mishap =
  /** It is made, and the answer is lost. */
  | 'answer lost'
  /** It is refused as unanswered, and made a while later after all. */
  | 'made late';

/** A store that several hosts share, over links with delays that can be cut. */
export class SharedWorld {
  readonly clock: VirtualClock;
  readonly delayMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #links = new Set<SharedLink>();
  #revision = 0n;

  constructor(clock: VirtualClock, delayMs = 3) {
    this.clock = clock;
    this.delayMs = delayMs;
  }

  get revision(): bigint {
    return this.#revision;
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** What a snapshot of the store would hold. */
  snapshot(): ReadonlyMap<string, Entry> {
    return new Map(this.#entries);
  }

  /** The store is put back to a snapshot, and all hosts list it anew. */
  restore(snapshot: ReadonlyMap<string, Entry>): void {
    this.#entries.clear();
    for (const [key, entry] of snapshot) this.#entries.set(key, entry);
    for (const link of this.#links) link.relist(this.#entries, this.#revision);
  }

  /** A host's view; `disk` is what its copy on disk showed when it was last written. */
  link(disk: ReadonlyMap<string, Entry> = new Map()): SharedLink {
    const link = new SharedLink(this, disk, () => this.#links.delete(link));
    this.#links.add(link);
    link.relist(this.#entries, this.#revision);
    return link;
  }

  apply({ expect = [], put = [], delete: gone = [] }: Txn): bigint {
    for (const { key, revision } of expect) {
      const found = this.#entries.get(key)?.revision ?? 0n;
      if (found !== revision)
        throw new Conflict(`${key} has revision ${found}, expected ${revision}`, { key });
    }
    const operations = put.length + gone.length + expect.length;
    if (operations > 128) throw new Error(`too many operations in one transaction: ${operations}`);
    this.#revision += 1n;
    const events: StoreEvent[] = [];
    for (const { key, value } of put) {
      const entry = { key, value, revision: this.#revision };
      this.#entries.set(key, entry);
      events.push({ type: 'put', entry });
    }
    for (const key of gone) {
      if (!this.#entries.delete(key)) continue;
      events.push({ type: 'delete', entry: { key, value: new Uint8Array(), revision: this.#revision } });
    }
    for (const link of this.#links) link.deliver(events);
    return this.#revision;
  }
}

/** One host's copy of the shared data, its way to change them, and what can go wrong on it. */
export class SharedLink {
  readonly #world: SharedWorld;
  readonly #copy: Map<string, Entry>;
  readonly #listeners = new Set<(events: readonly StoreEvent[]) => void>();
  readonly #unlink: () => void;
  #pending: (readonly StoreEvent[])[] = [];
  #cut = false;
  #lagMs = 0;
  #dead = false;
  #mishap: Mishap | undefined;

  constructor(world: SharedWorld, disk: ReadonlyMap<string, Entry>, unlink: () => void) {
    this.#world = world;
    this.#copy = new Map(disk);
    this.#unlink = unlink;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  get(key: string): Entry | undefined {
    return this.#copy.get(key);
  }

  *entries(prefix: string): Iterable<Entry> {
    for (const [key, entry] of [...this.#copy].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (key.startsWith(prefix)) yield entry;
    }
  }

  subscribe(listener: (events: readonly StoreEvent[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async commit(txn: Txn): Promise<bigint> {
    await this.#delay();
    if (this.#dead) return new Promise(() => {});
    if (this.#cut) throw new Unavailable('the store does not answer');
    const mishap = this.#mishap;
    this.#mishap = undefined;
    if (mishap === 'made late') {
      this.#world.clock.after(700, () => this.#applyQuietly(txn));
      throw new Unavailable('the store does not answer');
    }
    const revision = this.#world.apply(txn);
    await this.#delay();
    if (this.#dead) return new Promise(() => {});
    if (mishap !== undefined || this.#cut) throw new Unavailable('the answer was lost');
    this.flush();
    return revision;
  }

  /** The next commit of this host fails so. */
  next(mishap: Mishap): void {
    this.#mishap = mishap;
  }

  /** News of others take so long to arrive from now on. */
  stall(ms: number): void {
    this.#lagMs = ms;
  }

  cut(): void {
    this.#cut = true;
  }

  heal(): void {
    this.#cut = false;
    this.#soon();
  }

  /** The host's process is gone. @returns what its copy on disk may show. */
  die(): ReadonlyMap<string, Entry> {
    this.#dead = true;
    this.#listeners.clear();
    this.#unlink();
    return this.#copy;
  }

  deliver(events: readonly StoreEvent[]): void {
    this.#pending.push(events);
    this.#soon();
  }

  /** Compares the copy with what the store has, as after a compaction. */
  relist(entries: ReadonlyMap<string, Entry>, revision: bigint): void {
    this.#pending = [];
    const events: StoreEvent[] = [];
    for (const entry of entries.values()) {
      if (this.#copy.get(entry.key)?.revision !== entry.revision) events.push({ type: 'put', entry });
    }
    for (const key of this.#copy.keys()) {
      if (!entries.has(key))
        events.push({ type: 'delete', entry: { key, value: new Uint8Array(), revision } });
    }
    if (events.length > 0) this.deliver(events);
  }

  /** Shows everything that has arrived. */
  flush(): void {
    const batches = this.#pending;
    this.#pending = [];
    for (const events of batches) {
      for (const { type, entry } of events) {
        if (type === 'put') this.#copy.set(entry.key, entry);
        else this.#copy.delete(entry.key);
      }
      for (const listener of this.#listeners) listener(events);
    }
  }

  #soon(): void {
    this.#world.clock.after(this.#world.delayMs + this.#lagMs, () => {
      if (!this.#cut && !this.#dead) this.flush();
    });
  }

  #applyQuietly(txn: Txn): void {
    try {
      this.#world.apply(txn);
    } catch (error) {
      // Another change came first: the late one is refused, and nobody is there to hear it.
      if (!(error instanceof Conflict)) throw error;
    }
  }

  #delay(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#world.clock.after(this.#world.delayMs, resolve);
    return promise;
  }
}
