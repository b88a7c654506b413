import type { UpstreamReply } from '../message/index.ts';

export interface KeptReply {
  readonly reply: UpstreamReply;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly freshUntil: number;
}

export interface CacheLimits {
  readonly entries: number;
  readonly bytes: number;
  /** How long a reply that has run out is kept for when no resolver answers. */
  readonly staleMs: number;
}

/** Rough cost of an entry besides its bytes: two objects, a key, and a number for each record. */
const ENTRY_BYTES = 400;
const PLACE_BYTES = 50;

/** Replies by question. Whichever limit is reached, the one not asked for longest goes first. */
export class ReplyCache {
  readonly #limits: CacheLimits;
  /** In the order of last use. */
  readonly #entries = new Map<string, KeptReply>();
  #bytes = 0;

  constructor(limits: CacheLimits) {
    this.#limits = limits;
  }

  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  /** What is kept, run out or not. */
  get(key: string, now: number): KeptReply | undefined {
    const kept = this.#entries.get(key);
    if (kept === undefined) return undefined;
    if (kept.freshUntil + this.#limits.staleMs <= now) {
      this.#delete(key, kept);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, kept);
    return kept;
  }

  set(key: string, kept: KeptReply): void {
    this.delete(key);
    this.#entries.set(key, kept);
    this.#bytes += cost(key, kept);
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) return;
      this.#delete(oldest, entry);
    }
  }

  delete(key: string): void {
    const kept = this.#entries.get(key);
    if (kept !== undefined) this.#delete(key, kept);
  }

  #delete(key: string, kept: KeptReply): void {
    this.#entries.delete(key);
    this.#bytes -= cost(key, kept);
  }
}

function cost(key: string, { reply }: KeptReply): number {
  return ENTRY_BYTES + 2 * key.length + reply.records.length + PLACE_BYTES * reply.places.length;
}
