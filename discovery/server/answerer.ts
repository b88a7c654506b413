import { errorMessage, Unavailable } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import {
  type Query,
  readQuery,
  sizeLimit,
  type Transport,
  writeForwarded,
  writeMinimalAny,
  writeReply,
} from '../message/index.ts';
import { RCODE } from '../record.ts';
import type { NameTable } from '../table/index.ts';
import type { Forwarded, Forwarder } from '../upstream/index.ts';
import type { SandboxLimits } from './limits.ts';
import type { DiscoveryLog } from './log.ts';
import { TokenBucket } from './token-bucket.ts';

export interface AnswererParts {
  readonly table: Pick<NameTable, 'lookup'>;
  /** Networks that the sandbox is on now, the first looked at first. */
  readonly networks: () => readonly string[];
  readonly forwarder: Pick<Forwarder, 'cached' | 'ask'>;
  readonly limits: SandboxLimits;
  readonly clock: Clock;
  readonly log: DiscoveryLog;
}

/** Queries of a sandbox by what became of them. */
export interface QueryCounts {
  /** Known here. */
  readonly local: number;
  /** Given again from the cache. */
  readonly cached: number;
  readonly forwarded: number;
  /** Malformed, or of a kind that is not answered. */
  readonly refused: number;
  /** Over a limit. */
  readonly limited: number;
  /** No resolver knew, or weft failed. */
  readonly failed: number;
}

/** What one sandbox is answered: names of its networks from memory, all else by way of other resolvers. Never throws. */
export class Answerer {
  readonly #parts: AnswererParts;
  readonly #queries: TokenBucket;
  readonly #forwards: TokenBucket;
  readonly #counts = { local: 0, cached: 0, forwarded: 0, refused: 0, limited: 0, failed: 0 };
  #inFlight = 0;

  constructor(parts: AnswererParts) {
    this.#parts = parts;
    this.#queries = new TokenBucket(parts.limits.queries, parts.clock);
    this.#forwards = new TokenBucket(parts.limits.forwards, parts.clock);
  }

  get counts(): QueryCounts {
    return { ...this.#counts };
  }

  /** The reply to a packet, at once where it is known; undefined where there is to be none. The promise never rejects. */
  answer(packet: Buffer, transport: Transport): Buffer | Promise<Buffer> | undefined {
    if (!this.#queries.take()) {
      this.#counts.limited += 1;
      return undefined;
    }
    const read = readQuery(packet);
    if (read.kind === 'query') {
      try {
        return this.#answerQuery(read.query, transport);
      } catch (error) {
        this.#parts.log.error({ name: read.query.name, error: errorMessage(error) }, 'a query failed');
        return this.#fail(read.query);
      }
    }
    this.#counts.refused += 1;
    return read.kind === 'answered' ? read.reply : undefined;
  }

  #answerQuery(query: Query, transport: Transport): Buffer | Promise<Buffer> {
    const { table, networks, forwarder } = this.#parts;
    const answers = table.lookup(networks(), query);
    if (answers !== 'unknown') {
      this.#counts.local += 1;
      if (query.type === 'ANY') return writeMinimalAny(query);
      return writeReply(query, { rcode: RCODE.NOERROR, answers, limit: sizeLimit(query, transport) });
    }
    const kept = forwarder.cached(query);
    if (kept === undefined) return this.#forward(query, transport);
    this.#counts.cached += 1;
    return passOn(query, kept, transport);
  }

  #forward(query: Query, transport: Transport): Buffer | Promise<Buffer> {
    if (this.#inFlight >= this.#parts.limits.forwardsInFlight || !this.#forwards.take()) {
      this.#counts.limited += 1;
      return serverFailure(query);
    }
    return this.#await(query, transport);
  }

  async #await(query: Query, transport: Transport): Promise<Buffer> {
    this.#inFlight += 1;
    try {
      const forwarded = await this.#parts.forwarder.ask(query);
      this.#counts.forwarded += 1;
      return passOn(query, forwarded, transport);
    } catch (error) {
      const { log } = this.#parts;
      const context = { name: query.name, error: errorMessage(error) };
      if (error instanceof Unavailable) log.debug(context, 'no resolver answered');
      else log.error(context, 'a query failed');
      return this.#fail(query);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #fail(query: Query): Buffer {
    this.#counts.failed += 1;
    return serverFailure(query);
  }
}

function passOn(query: Query, { reply, freshness }: Forwarded, transport: Transport): Buffer {
  return writeForwarded(query, reply, freshness, sizeLimit(query, transport));
}

function serverFailure(query: Query): Buffer {
  return writeReply(query, { rcode: RCODE.SERVFAIL, answers: [], limit: sizeLimit(query, 'udp') });
}
