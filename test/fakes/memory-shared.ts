import { Conflict, Unavailable } from '../../core/errors.ts';
import type { Entry, Lease, SharedStatus, SharedView, StoreEvent, Txn } from '../../core/ports.ts';
import { checkTxn } from '../../store/index.ts';

/** A shared store in memory with one view for each host; a view can be cut off, and then shows what it knew. */
export class MemoryShared {
  readonly #entries = new Map<string, Entry>();
  readonly #leases = new Map<bigint, Set<string>>();
  readonly #views = new Set<MemoryView>();
  #revision = 0n;
  #lastLease = 0n;

  view(): MemoryView {
    const view = new MemoryView(this, [...this.#entries.values()]);
    this.#views.add(view);
    return view;
  }

  /** Every key and its JSON or text. */
  dump(prefix = ''): Readonly<Record<string, unknown>> {
    const shown = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    return Object.fromEntries(shown.map(({ key, value }) => [key, parsed(Buffer.from(value).toString())]));
  }

  commit(txn: Txn): bigint {
    checkTxn(txn);
    for (const { key, revision } of txn.expect ?? []) {
      const found = this.#entries.get(key)?.revision ?? 0n;
      if (found !== revision)
        throw new Conflict(`${key} has revision ${found}, expected ${revision}`, { key });
    }
    this.#revision += 1n;
    const events: StoreEvent[] = [];
    for (const { key, value, lease } of txn.put ?? []) {
      const entry: Entry = { key, value: Uint8Array.from(value), revision: this.#revision };
      this.#entries.set(key, entry);
      for (const keys of this.#leases.values()) keys.delete(key);
      if (lease !== undefined) this.#leases.get(lease)?.add(key);
      events.push({ type: 'put', entry });
    }
    for (const key of txn.delete ?? []) {
      if (this.#entries.delete(key))
        events.push({ type: 'delete', entry: { key, value: new Uint8Array(), revision: this.#revision } });
    }
    for (const view of this.#views) view.hear(events);
    return this.#revision;
  }

  grant(): bigint {
    this.#lastLease += 1n;
    this.#leases.set(this.#lastLease, new Set());
    return this.#lastLease;
  }

  /** Ends a lease as the store does when nobody keeps it alive. */
  expire(lease: bigint): void {
    const keys = [...(this.#leases.get(lease) ?? [])];
    this.#leases.delete(lease);
    this.commit({ delete: keys });
  }

  entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  get revision(): bigint {
    return this.#revision;
  }
}

/** One host's view. */
export class MemoryView implements SharedView {
  readonly #shared: MemoryShared;
  #known: Map<string, Entry>;
  readonly #listeners = new Set<(events: readonly StoreEvent[]) => void>();
  #cut = false;
  #isDeaf = false;
  /** It has changed something since it is deaf. */
  #isBehind = false;

  constructor(shared: MemoryShared, entries: readonly Entry[]) {
    this.#shared = shared;
    this.#known = new Map(entries.map((entry) => [entry.key, entry]));
  }

  get status(): SharedStatus {
    return { connected: !this.#cut, revision: this.#shared.revision, behind: this.#isBehind, ageMs: 0 };
  }

  /** True: the store cannot be reached. False: it can again, and what was missed is heard at once. */
  cutOff(cut: boolean): void {
    this.#cut = cut;
    this.deafen(cut);
  }

  /** True: what happens is heard late. False: what was missed is heard at once. */
  deafen(deaf: boolean): void {
    this.#isDeaf = deaf;
    if (deaf) return;
    this.#isBehind = false;
    const now = new Map(this.#shared.entries().map((entry) => [entry.key, entry]));
    const events: StoreEvent[] = [];
    for (const [key, entry] of this.#known)
      if (!now.has(key))
        events.push({ type: 'delete', entry: { ...entry, revision: this.#shared.revision } });
    for (const [key, entry] of now)
      if (this.#known.get(key)?.revision !== entry.revision) events.push({ type: 'put', entry });
    this.#known = now;
    this.#tell(events);
  }

  hear(events: readonly StoreEvent[]): void {
    if (this.#isDeaf) return;
    for (const { type, entry } of events) {
      if (type === 'put') this.#known.set(entry.key, entry);
      else this.#known.delete(entry.key);
    }
    this.#tell(events);
  }

  get(key: string): Entry | undefined {
    return this.#known.get(key);
  }

  entries(prefix: string): readonly Entry[] {
    const found = [...this.#known.values()].filter(({ key }) => key.startsWith(prefix));
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  subscribe(listener: (events: readonly StoreEvent[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async commit(txn: Txn): Promise<bigint> {
    if (this.#cut) throw new Unavailable('the shared store cannot be reached');
    const revision = this.#shared.commit(txn);
    this.#isBehind = this.#isDeaf;
    return revision;
  }

  async lease(): Promise<Lease> {
    if (this.#cut) throw new Unavailable('the shared store cannot be reached');
    const id = this.#shared.grant();
    const lost = new AbortController();
    return {
      id,
      lost: lost.signal,
      [Symbol.asyncDispose]: async () => {
        if (!this.#cut) this.#shared.expire(id);
      },
    };
  }

  #tell(events: readonly StoreEvent[]): void {
    if (events.length > 0) for (const listener of [...this.#listeners]) listener(events);
  }
}

function parsed(text: string): unknown {
  return text.startsWith('{') ? JSON.parse(text) : text;
}
