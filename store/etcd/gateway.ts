import { setTimeout as sleep } from 'node:timers/promises';
import { DecodeError, errorMessage, Unavailable, type WeftError } from '../../core/errors.ts';
import type { StoreContact } from '../contact.ts';
import { decodeToken, findRefusal, parseAnswer } from './answer.ts';
import type { EtcdEndpoint } from './endpoints.ts';
import { type CallResult, postCall } from './http-call.ts';
import { type EtcdTls, Member } from './member.ts';
import { judgeRefusal, refusalError } from './refusal.ts';

/** Before a member that refused is asked once more, when all the others did too. */
const ROUND_PAUSE_MS = 100;
const MIN_ATTEMPT_MS = 300;
/** Tokens asked for in one request: the first may have just run out, the second not. */
const MAX_LOGINS = 2;
/** google.golang.org/grpc/codes FailedPrecondition, which only `authentication is not enabled` has here. */
const AUTH_DISABLED = 9;
const LOGIN = 'auth/authenticate';

export interface GatewayOptions {
  /** At least one. */
  readonly endpoints: readonly EtcdEndpoint[];
  readonly tls: EtcdTls;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** How long one request may take, over all endpoints. */
  readonly timeoutMs: number;
}

export interface Request {
  /** `kv/range`, below `/v3/`. */
  readonly path: string;
  readonly body: object;
  /** What is being done, for messages: `list`. */
  readonly doing: string;
  /** Doing it twice is doing it once, so that it may go to another member when the answer was lost. */
  readonly repeatable: boolean;
}

type Step =
  | { readonly next: 'done'; readonly answer: Readonly<Record<string, unknown>> }
  | { readonly next: 'elsewhere' | 'login'; readonly reason: string }
  | { readonly next: 'fail'; readonly error: WeftError };

/**
 * etcd's JSON gateway at several members: each request goes to the member that answered last, and to the others in
 * turn when that one fails.
 */
export class Gateway implements Disposable {
  /** The endpoints as messages name them. */
  readonly name: string;
  readonly #options: GatewayOptions;
  readonly #members: readonly Member[];
  readonly #closing = new AbortController();
  #current: number;
  #token: string | undefined;
  #login: Promise<string> | undefined;
  #contactAt: number | undefined;
  #failure: string | undefined;

  constructor(options: GatewayOptions) {
    const { endpoints, tls, timeoutMs } = options;
    this.#options = options;
    const share = Math.max(MIN_ATTEMPT_MS, timeoutMs / endpoints.length);
    this.#members = endpoints.map((endpoint) => new Member(endpoint, tls, share));
    this.name = this.#members.map(({ origin }) => origin).join(', ');
    // So that the hosts of a cluster do not all lean on the member that their configuration names first.
    this.#current = Math.floor(Math.random() * endpoints.length);
  }

  get contact(): StoreContact {
    const at = this.#contactAt;
    return {
      connected: at !== undefined && this.#failure === undefined,
      ageMs: at === undefined ? undefined : performance.now() - at,
      error: this.#failure,
    };
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Aborts when the gateway is disposed of. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** The member that requests go to now. */
  get member(): Member {
    const member = this.#members[this.#current];
    if (member === undefined) throw new RangeError('no etcd endpoint');
    return member;
  }

  /** Requests go to the next member from now on, unless they have left `member` already. */
  leave(member: Member): void {
    if (this.member === member) this.#current = (this.#current + 1) % this.#members.length;
  }

  /** Notes that etcd answered. */
  heard(): void {
    this.#contactAt = performance.now();
    this.#failure = undefined;
  }

  /** Notes that etcd does not answer. */
  missed(reason: string): void {
    this.#failure = reason;
  }

  /** Forgets the token: etcd does not know it any more. */
  forgetToken(): void {
    this.#token = undefined;
  }

  /** The headers a request needs, after logging in where there is a user. @throws as `post` */
  async headers(): Promise<Readonly<Record<string, string>>> {
    // The gateway hands Grpc-Metadata-* to etcd; with hasleader a member that is cut off refuses instead of waiting.
    const headers = { 'content-type': 'application/json', 'grpc-metadata-hasleader': 'true' };
    if (this.#options.user === undefined) return headers;
    if (this.#token === undefined) {
      this.#login ??= this.#authenticate().finally(() => {
        this.#login = undefined;
      });
      this.#token = await this.#login;
    }
    return this.#token === '' ? headers : { ...headers, authorization: this.#token };
  }

  /**
   * @throws {Unavailable} naming the endpoints and what each said; `outcome: 'unknown'` in its context when the request
   * is not repeatable and may have been done.
   * @throws {InvalidArgument} when etcd refuses the request itself, or the user.
   * @throws {Conflict} `compacted`
   * @throws {NotFound} a lease that is gone.
   */
  async post(request: Request): Promise<Readonly<Record<string, unknown>>> {
    const until = performance.now() + this.#options.timeoutMs;
    const reasons = new Map<string, string>();
    for (let tries = 1, logins = 0; ; tries++) {
      const { member, step } = await this.#attempt(request, until, reasons);
      if (step.next === 'done') return step.answer;
      if (step.next === 'fail') throw step.error;
      reasons.set(member.origin, step.reason);
      if (step.next === 'login' && logins++ < MAX_LOGINS) continue;
      this.leave(member);
      if (tries % this.#members.length === 0) await this.#pause(ROUND_PAUSE_MS);
    }
  }

  /** Cuts every connection; what is under way fails as unavailable. */
  [Symbol.dispose](): void {
    this.#closing.abort();
    for (const member of this.#members) member[Symbol.dispose]();
  }

  async #attempt(
    request: Request,
    until: number,
    reasons: ReadonlyMap<string, string>,
  ): Promise<{ readonly member: Member; readonly step: Step }> {
    if (this.closed) throw new Unavailable(`${request.doing}: store ${this.name} is closed`);
    const leftMs = until - performance.now();
    if (leftMs <= 0) throw this.#unavailable(request.doing, reasons);
    const headers = request.path === LOGIN ? {} : await this.headers();
    const share = Math.max(MIN_ATTEMPT_MS, this.#options.timeoutMs / this.#members.length);
    const timeoutMs = Math.ceil(request.repeatable ? Math.min(leftMs, share) : leftMs);
    const body = JSON.stringify(request.body);
    const { member } = this;
    const result = await postCall(member.pool, { path: `/v3/${request.path}`, body, headers, timeoutMs });
    return { member, step: this.#judge(member, request, result) };
  }

  #judge(member: Member, request: Request, result: CallResult): Step {
    const where = `${request.doing} at etcd ${member.origin}`;
    if (result.kind === 'lost') return this.#lost(member, request, result, where);
    try {
      const answer = parseAnswer(result.text);
      const refusal = findRefusal(answer);
      if (refusal === undefined && result.status === 200) {
        this.heard();
        member.answered();
        return { next: 'done', answer };
      }
      return this.#refused(refusal ?? { code: 2, message: `HTTP status ${result.status}` }, request, where);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const reason = `HTTP status ${result.status}, ${error.message}`;
      if (request.repeatable) return { next: 'elsewhere', reason };
      return { next: 'fail', error: this.#unknown(where, reason) };
    }
  }

  #lost(member: Member, request: Request, lost: CallResult & { readonly kind: 'lost' }, where: string): Step {
    const reason = member.explain(lost.reason);
    if (lost.sent && !this.closed) member.renew();
    if (!lost.sent || request.repeatable) return { next: 'elsewhere', reason };
    return { next: 'fail', error: this.#unknown(where, reason) };
  }

  #refused(
    refusal: { readonly code: number; readonly message: string },
    request: Request,
    where: string,
  ): Step {
    switch (judgeRefusal(refusal)) {
      case 'final':
        this.heard();
        return { next: 'fail', error: refusalError(refusal, where) };
      case 'token':
        if (this.#options.user === undefined) return { next: 'fail', error: refusalError(refusal, where) };
        this.forgetToken();
        return { next: 'login', reason: refusal.message };
      case 'elsewhere':
        return { next: 'elsewhere', reason: refusal.message };
      case 'unknown':
        if (request.repeatable) return { next: 'elsewhere', reason: refusal.message };
        return { next: 'fail', error: this.#unknown(where, refusal.message) };
    }
  }

  /** A token, empty when etcd has authentication switched off. */
  async #authenticate(): Promise<string> {
    const { user, password } = this.#options;
    const body = { name: user, password };
    try {
      const doing = `log in as ${user}`;
      return decodeToken(await this.post({ path: LOGIN, body, doing, repeatable: true }));
    } catch (error) {
      if (error instanceof Unavailable && error.context['grpc'] === AUTH_DISABLED) return '';
      throw error;
    }
  }

  #unknown(where: string, reason: string): Unavailable {
    this.missed(reason);
    return new Unavailable(`${where}: ${reason}; it may or may not have been done`, { outcome: 'unknown' });
  }

  #unavailable(doing: string, reasons: ReadonlyMap<string, string>): Unavailable {
    const said = [...reasons].map(([origin, reason]) => `${origin}: ${reason}`).join('; ');
    const text = said || `no time left at ${this.name}`;
    this.missed(text);
    return new Unavailable(`${doing}: etcd does not answer: ${text}`, { endpoints: this.name });
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.#closing.signal });
    } catch (error) {
      // Only the abort ends the sleep early; the caller notices that the gateway is closed.
      if (!this.closed) throw new Unavailable(errorMessage(error), {}, { cause: error });
    }
  }
}
