import type { Logger } from 'pino';
import { DecodeError, InvalidArgument, Unavailable } from '../../core/errors.ts';
import type { DriverName } from '../../core/model.ts';
import { failure, type Phase, type Reply, reportFailure } from './failure.ts';
import type { Method, PreparedCall } from './method.ts';
import type { ReadyGate } from './ready-gate.ts';
import { MAX_BODY_BYTES, type RequestBody, TOO_LARGE } from './request-body.ts';
import { parseJsonBody } from './wire/json-body.ts';

/** The name of a plugin socket: a network driver's, or `weft` for IPAM. */
export type PluginName = DriverName | 'weft';

/**
 * How a call ended: `rejected` for a request that could not be read or that the backend found wrong, `late` when it
 * was answered before it had finished.
 */
export type CallOutcome = 'ok' | 'rejected' | 'failed' | 'late';

/** Told of every call of a known method. Must not throw. */
export type ObserveCall = (method: string, plugin: PluginName, seconds: number, outcome: CallOutcome) => void;

/** How long a caller waits at most, in milliseconds. The engine itself would wait for ever, holding locks. */
export interface Deadlines {
  /** For the daemon to become ready. */
  readonly readyMs: number;
  /** For the answer, with the wait for readiness. */
  readonly callMs: number;
}

/** What the calls of one socket share. */
export interface CallContext {
  readonly plugin: PluginName;
  readonly log: Logger;
  readonly observe?: ObserveCall;
  readonly gate: ReadyGate;
  readonly deadlines: Deadlines;
}

type CallMethod = Extract<Method, { kind: 'call' }>;

/** Answers the calls of one plugin socket and knows which are still running. */
export class CallRunner {
  readonly #context: CallContext;
  readonly #running = new Set<Promise<unknown>>();

  constructor(context: CallContext) {
    this.#context = context;
  }

  /** The answer to one call; never rejects. Returns at the deadline at the latest, while the call goes on. */
  async run(method: Method, body: RequestBody, userAgent: string | undefined): Promise<Reply> {
    const started = performance.now();
    const line = new CallLine(this.#context, method, userAgent, started);
    if (body === TOO_LARGE) {
      return line.rejected(failure(413, `request body is larger than ${MAX_BODY_BYTES} bytes`));
    }
    if (method.kind === 'constant') return line.done({ status: 200, body: JSON.stringify(method.answer) });
    let phase: Phase = 'reading';
    try {
      const value = body === undefined ? undefined : parseJsonBody(body);
      if (value === undefined) return line.rejected(emptyBody(method));
      const prepared = method.prepare(value);
      line.about(prepared);
      phase = 'performing';
      const answer = await this.#withDeadline(this.#perform(prepared), method, line);
      return line.done({ status: 200, body: JSON.stringify(answer) });
    } catch (error) {
      const reply = line.failed(error, phase);
      return phase === 'performing' && method.onFailure !== undefined
        ? { status: 200, body: JSON.stringify(method.onFailure) }
        : reply;
    }
  }

  /** Resolves when no call runs, those that were answered at their deadline included. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async #perform(prepared: PreparedCall): Promise<object> {
    await this.#context.gate.pass(this.#context.deadlines.readyMs);
    return prepared.perform();
  }

  async #withDeadline(work: Promise<object>, method: CallMethod, line: CallLine): Promise<object> {
    this.#running.add(work);
    let timer: NodeJS.Timeout | undefined;
    const { callMs } = this.#context.deadlines;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        line.answeredEarly(work);
        reject(new Unavailable(`${method.name} has not finished after ${callMs / 1000} s; it goes on`));
      }, callMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
      work.then(
        () => this.#running.delete(work),
        () => this.#running.delete(work),
      );
    }
  }
}

/**
 * What an engine sends after a connection broke under a call: the same path, the body already consumed. Answered with
 * success, the engine would take the network for created (moby pkg/plugins/client.go).
 */
function emptyBody(method: Method): Reply {
  return failure(
    500,
    `${method.name} came with an empty request body, where a JSON object with its arguments is expected`,
  );
}

/** The log line and the measurement of one call. */
class CallLine {
  readonly #context: CallContext;
  readonly #method: Method;
  readonly #started: number;
  #fields: Readonly<Record<string, unknown>>;
  #late = false;

  constructor(context: CallContext, method: Method, userAgent: string | undefined, started: number) {
    this.#context = context;
    this.#method = method;
    this.#started = started;
    this.#fields = { plugin: context.plugin, method: method.name, userAgent };
  }

  about(call: PreparedCall): void {
    this.#fields = { ...this.#fields, ...call.subject };
  }

  done(reply: Reply): Reply {
    const fields = this.#end('ok');
    if (this.#method.kind === 'call' && this.#method.changes) this.#context.log.info(fields, 'call done');
    else this.#context.log.debug(fields, 'call done');
    return reply;
  }

  rejected(reply: Reply): Reply {
    const reason = (JSON.parse(reply.body) as { readonly Err: string }).Err;
    this.#context.log.warn({ ...this.#end('rejected'), reason }, 'call rejected');
    return reply;
  }

  failed(error: unknown, phase: Phase): Reply {
    const { reply, expected } = reportFailure(error, phase);
    const rejected = phase === 'reading' ? error instanceof DecodeError : false;
    const outcome = rejected || error instanceof InvalidArgument ? 'rejected' : this.#failedOutcome();
    const fields = { ...this.#end(outcome), err: error };
    if (expected) this.#context.log.warn(fields, 'call failed');
    else this.#context.log.error(fields, 'call failed unexpectedly');
    return reply;
  }

  /** Says how a call ended whose caller could not wait for it. */
  answeredEarly(work: Promise<object>): void {
    this.#late = true;
    work.then(
      () => this.#context.log.warn(this.#timed(), 'call done after its deadline'),
      (err: unknown) => this.#context.log.warn({ ...this.#timed(), err }, 'call failed after its deadline'),
    );
  }

  #failedOutcome(): CallOutcome {
    return this.#late ? 'late' : 'failed';
  }

  #timed(): Readonly<Record<string, unknown>> {
    return { ...this.#fields, ms: Math.round((performance.now() - this.#started) * 1000) / 1000 };
  }

  #end(outcome: CallOutcome): Readonly<Record<string, unknown>> {
    const seconds = (performance.now() - this.#started) / 1000;
    this.#context.observe?.(this.#method.name, this.#context.plugin, seconds, outcome);
    return { ...this.#timed(), outcome };
  }
}
