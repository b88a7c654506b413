import type { Clock } from '../../core/ports.ts';
import { type Freshness, type Query, queryKey, type UpstreamReply } from '../message/index.ts';
import type { AskParts } from './ask-server.ts';
import type { UpstreamServer } from './exchange.ts';
import { HedgedQuestion, type HedgeTimes } from './hedged-question.ts';
import { lifetimeSeconds } from './lifetime.ts';
import { type CacheLimits, type KeptReply, ReplyCache } from './reply-cache.ts';

export interface ForwarderLimits {
  readonly times: HedgeTimes;
  readonly cache: CacheLimits;
  /** A reply that has run out is given when none has come by then (RFC 8767 section 5: client response timer). */
  readonly patienceMs: number;
  /** After a failure it is given at once for this long (RFC 8767 section 5: failure recheck timer). */
  readonly recheckMs: number;
}

/** Times end before glibc and musl ask again, at 5 s. */
export const FORWARDER_LIMITS: ForwarderLimits = {
  times: { hedgeMs: 150, againMs: 1000, deferMs: 1000, totalMs: 4000 },
  cache: { entries: 1000, bytes: 1 << 20, staleMs: 3_600_000 },
  patienceMs: 1800,
  recheckMs: 10_000,
};

/** RFC 8767 section 4. */
const STALE_TTL = 30;

export interface ForwarderParts extends AskParts {
  /** In order of trust. */
  readonly servers: readonly UpstreamServer[];
  readonly clock: Clock;
  readonly limits?: ForwarderLimits;
}

/** A reply, and how old it is. */
export interface Forwarded {
  readonly reply: UpstreamReply;
  readonly freshness: Freshness;
}

/**
 * Answers of other resolvers for one sandbox, kept as long as they say, and up to an hour longer when no resolver
 * answers. Equal questions at one time are asked once. Each sandbox has its own, since Docker's resolver tells each
 * other things, and so that none fills the cache of another.
 */
export class Forwarder implements Disposable {
  readonly #parts: ForwarderParts;
  readonly #limits: ForwarderLimits;
  readonly #cache: ReplyCache;
  readonly #flights = new Map<string, Promise<Forwarded>>();
  /** Until when not to ask again, by question; only of questions that are in the cache. */
  readonly #failedUntil = new Map<string, number>();
  readonly #abort = new AbortController();

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? FORWARDER_LIMITS;
    this.#cache = new ReplyCache(this.#limits.cache);
  }

  /** What is kept and has not run out, at once. */
  cached(query: Query): Forwarded | undefined {
    const now = this.#parts.clock.now();
    const kept = this.#cache.get(queryKey(query), now);
    return kept !== undefined && now < kept.freshUntil ? fresh(kept, now) : undefined;
  }

  /** @throws {Unavailable} when no server answers and nothing is kept. */
  async ask(query: Query): Promise<Forwarded> {
    const now = this.#parts.clock.now();
    const key = queryKey(query);
    const kept = this.#cache.get(key, now);
    if (kept === undefined) return this.#flight(key, query);
    if (now < kept.freshUntil) return fresh(kept, now);
    const stale: Forwarded = { reply: kept.reply, freshness: { staleTtl: STALE_TTL } };
    if ((this.#failedUntil.get(key) ?? 0) > now) return stale;
    const newer = this.#flight(key, query).catch(() => {
      this.#remember(key);
      return stale;
    });
    return within(newer, this.#limits.patienceMs, stale);
  }

  /** Ends every question; those who wait for it are refused. */
  [Symbol.dispose](): void {
    this.#abort.abort();
  }

  #flight(key: string, query: Query): Promise<Forwarded> {
    const known = this.#flights.get(key);
    if (known !== undefined) return known;
    const flight = this.#send(key, query).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  async #send(key: string, query: Query): Promise<Forwarded> {
    const { servers, clock } = this.#parts;
    const question = new HedgedQuestion(this.#parts, query, servers, this.#limits.times);
    const { reply, server } = await question.run(this.#abort.signal);
    const receivedAt = clock.now();
    const lifetime = lifetimeSeconds(reply, server);
    this.#failedUntil.delete(key);
    if (lifetime === 0) this.#cache.delete(key);
    else this.#cache.set(key, { reply, receivedAt, freshUntil: receivedAt + lifetime * 1000 });
    return { reply, freshness: { ageSeconds: 0 } };
  }

  #remember(key: string): void {
    if (this.#failedUntil.size >= this.#limits.cache.entries) this.#failedUntil.clear();
    this.#failedUntil.set(key, this.#parts.clock.now() + this.#limits.recheckMs);
  }
}

function fresh({ reply, receivedAt }: KeptReply, now: number): Forwarded {
  return { reply, freshness: { ageSeconds: Math.max(0, Math.floor((now - receivedAt) / 1000)) } };
}

async function within<T>(wanted: Promise<T>, ms: number, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), ms);
  });
  try {
    return await Promise.race([wanted, late]);
  } finally {
    clearTimeout(timer);
  }
}
