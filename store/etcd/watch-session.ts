import { DecodeError, errorMessage, Unavailable } from '../../core/errors.ts';
import { decodeRange, decodeWatch, findRefusal, parseAnswer, type WatchAnswer } from './answer.ts';
import type { Gateway } from './gateway.ts';
import type { History } from './history.ts';
import { encodeKey, prefixEnd } from './keys.ts';
import { LineStream } from './line-stream.ts';
import type { Member } from './member.ts';
import { judgeRefusal, refusalError } from './refusal.ts';

/** How often a silent stream is compared with what etcd says by other ways. */
const BEAT_MS = 2500;
/** How long a stream may keep a change back that was made from here. */
const SHOWN_MS = 500;
/** How long a member may take to take up a watch. */
const CREATE_MS = 2000;

export interface SessionOptions {
  readonly gateway: Gateway;
  readonly history: History;
  /** Every key watched begins with it. */
  readonly prefix: Buffer;
  /** First revision wanted. */
  readonly start: bigint;
  /** Revision of the last change under the prefix that was made from here, if that is known. */
  readonly changed: () => bigint;
  /** Beats for which the stream may lag behind the store's revision before it is given up. */
  readonly patience: number;
}

/**
 * One watch stream at one member. It ends when the member, the connection or the way to it fails, also when nothing
 * says so: a stream that shows nothing although the store's revision grows, or whose member fails other requests, is
 * ended from here.
 */
export class WatchSession {
  readonly #options: SessionOptions;
  readonly #member: Member;
  readonly #stream: LineStream;
  readonly #beat: NodeJS.Timeout;
  readonly #shown: NodeJS.Timeout;
  readonly #createBy: NodeJS.Timeout;
  #heardAt = performance.now();
  /** Highest revision that an answer of the stream has named. */
  #revision = 0n;
  /** A change from here that it had not shown when that was looked at last. */
  #kept: bigint | undefined;
  #suspect: { readonly revision: bigint; readonly beats: number } | undefined;
  #beating = false;

  private constructor(options: SessionOptions, member: Member, headers: Readonly<Record<string, string>>) {
    const { prefix, start } = options;
    this.#options = options;
    this.#member = member;
    const create_request = {
      key: encodeKey(prefix),
      range_end: encodeKey(prefixEnd(prefix)),
      start_revision: String(start),
      progress_notify: true,
      fragment: true,
    };
    const body = JSON.stringify({ create_request });
    this.#stream = new LineStream(member.connection(), { path: '/v3/watch', body, headers });
    this.#createBy = setTimeout(() => this.end(`no answer within ${CREATE_MS} ms`), CREATE_MS);
    this.#beat = setInterval(() => void this.#compare(), BEAT_MS);
    this.#shown = setInterval(() => this.#look(), SHOWN_MS);
  }

  /** Begins a watch at the member that the gateway uses now. @throws {Unavailable} when it cannot log in. */
  static async open(options: SessionOptions): Promise<WatchSession> {
    const headers = await options.gateway.headers();
    return new WatchSession(options, options.gateway.member, headers);
  }

  /** Ends the stream; iterating ends after what has come already. */
  end(reason: string): void {
    clearTimeout(this.#createBy);
    clearInterval(this.#beat);
    clearInterval(this.#shown);
    this.#stream.end(reason);
  }

  /** Why and where the stream ended. */
  get ending(): string {
    return `${this.#member.origin}: ${this.#stream.reason ?? 'still open'}`;
  }

  /** It lagged behind the store's revision for too long. */
  get lagged(): boolean {
    return this.#suspect !== undefined && this.#suspect.beats > this.#options.patience;
  }

  /**
   * The answers, until the stream ends.
   * @throws {DecodeError}
   * @throws {InvalidArgument} when etcd will never grant the watch.
   */
  async *answers(): AsyncGenerator<WatchAnswer, void, undefined> {
    try {
      for await (const line of this.#stream) {
        const answer = this.#read(line);
        if (answer === undefined) return;
        yield answer;
      }
      // A member that ends streams is shutting down or has lost its leader.
      this.#options.gateway.leave(this.#member);
    } finally {
      this.end('not wanted any more');
    }
  }

  #read(line: string): WatchAnswer | undefined {
    const parsed = parseAnswer(line);
    const refusal = findRefusal(parsed);
    if (refusal !== undefined) return this.#refused(refusal);
    const answer = decodeWatch(parsed);
    if (answer.canceled && answer.compactRevision === 0n) {
      // The reason's text carries a gRPC status of its own: "rpc error: code = PermissionDenied desc = …".
      const denied = answer.cancelReason.includes('PermissionDenied');
      return this.#refused({ code: denied ? 7 : 14, message: answer.cancelReason || 'watch canceled' });
    }
    clearTimeout(this.#createBy);
    this.#heardAt = performance.now();
    if (answer.header.revision > this.#revision) this.#revision = answer.header.revision;
    this.#options.gateway.heard();
    return answer;
  }

  #refused(refusal: { readonly code: number; readonly message: string }): undefined {
    const { gateway } = this.#options;
    const verdict = judgeRefusal(refusal);
    if (verdict === 'final') throw refusalError(refusal, `watch at etcd ${this.#member.origin}`);
    if (verdict === 'token') gateway.forgetToken();
    else gateway.leave(this.#member);
    this.end(refusal.message);
    return undefined;
  }

  /** After a cut other requests are answered long before a stream that was open then goes on. */
  #look(): void {
    const changed = this.#revision === 0n ? 0n : this.#options.changed();
    if (changed <= this.#revision) this.#kept = undefined;
    else if (this.#kept === changed)
      this.end(`silent at revision ${this.#revision}, a change from here has ${changed}`);
    else this.#kept = changed;
  }

  async #compare(): Promise<void> {
    if (this.#beating || performance.now() - this.#heardAt < BEAT_MS) return;
    this.#beating = true;
    try {
      await this.#compareRevision();
    } catch (error) {
      // Nobody answers, so nobody knows better than the stream; the gateway has noted it for the status.
      if (!(error instanceof Unavailable)) this.end(errorMessage(error));
    } finally {
      this.#beating = false;
    }
  }

  async #compareRevision(): Promise<void> {
    const { gateway, history, prefix } = this.#options;
    const { epoch } = history;
    const revision = await readRevision(gateway, history, prefix);
    if (gateway.member !== this.#member) return this.end('its member does not answer other requests');
    if (history.epoch !== epoch) return this.end('the store has another past than before');
    if (revision <= this.#revision) {
      this.#suspect = undefined;
      return;
    }
    const before = this.#suspect;
    const lags = before !== undefined && this.#revision < before.revision;
    this.#suspect = lags ? { ...before, beats: before.beats + 1 } : { revision, beats: 1 };
    if (this.lagged) this.end(`silent at revision ${this.#revision}, the store is at ${revision}`);
  }
}

/**
 * The store's revision, agreed by a majority of its members.
 * @throws {Unavailable}
 * @throws {DecodeError | InvalidArgument}
 */
export async function readRevision(gateway: Gateway, history: History, prefix: Buffer): Promise<bigint> {
  const before = history.head;
  const body = { key: encodeKey(prefix), count_only: true };
  const answer = await gateway.post({ path: 'kv/range', body, doing: 'read the revision', repeatable: true });
  const { header } = decodeRange(answer);
  history.observe(header, before);
  return header.revision;
}

/** Errors after which the same watch may go on at another moment or member. */
export function isPassing(error: unknown): boolean {
  return error instanceof Unavailable || error instanceof DecodeError;
}
