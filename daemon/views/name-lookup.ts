import { setImmediate as turn } from 'node:timers/promises';
import { type FactChange, Facts, NameTable, tableObserver } from '../../discovery/index.ts';

/** What the resolver process is told. */
export interface FactFeed {
  /** Everything. Changes meanwhile may be in it or not. */
  all(): Iterable<FactChange>;
  subscribe(listener: (dirty: readonly { now(): FactChange }[]) => void): Disposable;
}

/** Unasked for so long, the table is let go. */
const IDLE_MS = 60_000;
/** Facts taken in without a pause: some hundred microseconds. */
const FACTS_PER_TURN = 100;

/** A copy of the resolver's table in weftd: made when it is first asked for, and kept up while it is in use. */
export class NameLookup implements Disposable {
  readonly #feed: FactFeed;
  #table: Promise<NameTable> | undefined;
  #following: Disposable | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(feed: FactFeed) {
    this.#feed = feed;
  }

  /** The table as it is now. */
  table(): Promise<NameTable> {
    this.#table ??= this.#fill();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this[Symbol.dispose](), IDLE_MS).unref();
    return this.#table;
  }

  /** Lets go of the table; the next question makes another. */
  [Symbol.dispose](): void {
    clearTimeout(this.#idle);
    this.#following?.[Symbol.dispose]();
    this.#following = undefined;
    this.#table = undefined;
  }

  /** Follows first, so that what changes meanwhile is not missed. */
  async #fill(): Promise<NameTable> {
    const table = new NameTable();
    const facts = new Facts([tableObserver(table)]);
    this.#following = this.#feed.subscribe((dirty) => {
      for (const each of dirty) facts.apply(each.now());
    });
    let count = 0;
    for (const change of this.#feed.all()) {
      facts.apply(change);
      if (++count % FACTS_PER_TURN === 0) await turn();
    }
    return table;
  }
}
