import { Unavailable } from '../../core/errors.ts';
import type { Query, UpstreamReply } from '../message/index.ts';
import { type AskParts, askServer } from './ask-server.ts';
import type { UpstreamServer } from './exchange.ts';
import { isNegative } from './lifetime.ts';

export interface HedgeTimes {
  /** After this the next server is asked as well. */
  readonly hedgeMs: number;
  /** After this all are asked once more: a datagram may have been lost. */
  readonly againMs: number;
  /** For this long a later server's "no such record" waits for what those before it say. */
  readonly deferMs: number;
  readonly totalMs: number;
}

export interface ServerReply {
  readonly reply: UpstreamReply;
  readonly server: UpstreamServer;
}

const ROUNDS = 2;

/**
 * One question to a list of servers, each asked when those before it fail or take their time. The first to have such
 * a record is right; that there is none is believed of a server only when those before it have failed, since they
 * may know names that it cannot: Docker's resolver comes first and knows containers.
 */
export class HedgedQuestion {
  readonly #parts: AskParts;
  readonly #query: Query;
  readonly #servers: readonly UpstreamServer[];
  readonly #times: HedgeTimes;
  readonly #abort = new AbortController();
  readonly #result = Promise.withResolvers<ServerReply>();
  /** Positions in the list that are being asked, once for each time. */
  readonly #open: number[] = [];
  readonly #errors: unknown[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #held: { readonly position: number; readonly answer: ServerReply } | undefined;
  #started = 0;
  #nextStart: NodeJS.Timeout | undefined;

  constructor(parts: AskParts, query: Query, servers: readonly UpstreamServer[], times: HedgeTimes) {
    this.#parts = parts;
    this.#query = query;
    this.#servers = servers;
    this.#times = times;
  }

  /**
   * Asks; call it once.
   * @throws {Unavailable} when no server answers in time, or the signal is aborted.
   */
  async run(signal: AbortSignal): Promise<ServerReply> {
    const give = (why: string) => () => this.#giveUp(why);
    const stop = give('weft stops');
    signal.addEventListener('abort', stop, { once: true });
    this.#timers.push(setTimeout(give('none answered in time'), this.#times.totalMs));
    try {
      if (signal.aborted) stop();
      else this.#startNext();
      return await this.#result.promise;
    } finally {
      signal.removeEventListener('abort', stop);
      clearTimeout(this.#nextStart);
      for (const timer of this.#timers) clearTimeout(timer);
      this.#abort.abort();
    }
  }

  #startNext(): void {
    clearTimeout(this.#nextStart);
    const total = this.#servers.length * ROUNDS;
    const position = this.#started % this.#servers.length;
    const server = this.#servers[position];
    if (server === undefined) {
      this.#giveUp('there is none to ask');
      return;
    }
    this.#started += 1;
    this.#open.push(position);
    askServer(this.#parts, this.#query, server, this.#abort.signal).then(
      (reply) => this.#answered(position, { reply, server }),
      (error: unknown) => this.#failed(position, error),
    );
    if (this.#started >= total) return;
    const newRound = this.#started % this.#servers.length === 0;
    const { againMs, hedgeMs } = this.#times;
    this.#nextStart = setTimeout(() => this.#startNext(), newRound ? againMs : hedgeMs);
  }

  #answered(position: number, answer: ServerReply): void {
    if (this.#abort.signal.aborted) return;
    this.#close(position);
    if (!isNegative(answer.reply) || !this.#isWaitedFor(position)) {
      this.#result.resolve(answer);
      return;
    }
    if (this.#held !== undefined && this.#held.position <= position) return;
    this.#held = { position, answer };
    this.#timers.push(setTimeout(() => this.#result.resolve(answer), this.#times.deferMs));
  }

  #failed(position: number, error: unknown): void {
    // At the end all that are still asked fail; that must start nothing.
    if (this.#abort.signal.aborted) return;
    this.#close(position);
    this.#errors.push(error);
    if (this.#held !== undefined && !this.#isWaitedFor(this.#held.position)) {
      this.#result.resolve(this.#held.answer);
      return;
    }
    if (this.#started % this.#servers.length !== 0) this.#startNext();
    // Those that refuse at once would do so again; only silence is worth a second round.
    else if (this.#open.length === 0) this.#giveUp('every one refused');
  }

  #close(position: number): void {
    this.#open.splice(this.#open.indexOf(position), 1);
  }

  /** Whether a server before this one may still answer. */
  #isWaitedFor(position: number): boolean {
    return this.#open.some((each) => each < position);
  }

  #giveUp(why: string): void {
    if (this.#held !== undefined) this.#result.resolve(this.#held.answer);
    const names = this.#servers.map(({ address }) => address).join(', ') || 'no resolver';
    const cause = new AggregateError(this.#errors, 'what the resolvers said');
    this.#result.reject(new Unavailable(`ask ${names}: ${why}`, {}, { cause }));
  }
}
