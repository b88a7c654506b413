import type { Dispatcher } from 'undici';
import { errorMessage } from '../../core/errors.ts';

/** The longest answer taken, in bytes; etcd's own limit for one request is 1.5 MiB, a page of a list may hold many. */
const MAX_ANSWER_BYTES = 256 << 20;

/** What became of one request. */
export type CallResult =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  /** No whole answer. `sent` says whether any of the request may have reached the other side. */
  | { readonly kind: 'lost'; readonly sent: boolean; readonly reason: string };

export interface Call {
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds from the call to the whole answer. */
  readonly timeoutMs: number;
}

/** POSTs `call.body` and gives the whole answer. Never rejects. */
export function postCall(dispatcher: Dispatcher, call: Call): Promise<CallResult> {
  return new Promise((resolve) => {
    new PendingCall(dispatcher, call, resolve);
  });
}

/**
 * Dispatched directly, because only the handler tells whether a request that failed had been put on a connection.
 */
class PendingCall implements Dispatcher.DispatchHandler {
  readonly #resolve: (result: CallResult) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #bytes = 0;
  #done = false;

  constructor(dispatcher: Dispatcher, call: Call, resolve: (result: CallResult) => void) {
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#lose(`no answer within ${call.timeoutMs} ms`), call.timeoutMs);
    const { path, body, headers } = call;
    try {
      dispatcher.dispatch({ method: 'POST', path, body, headers }, this);
    } catch (error) {
      this.#lose(errorMessage(error));
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited for a connection: it must not be sent any more.
    if (this.#done) controller.abort(new Error('given up'));
    else this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) this.#lose(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#finish({ kind: 'answer', status: this.#status, text: Buffer.concat(this.#chunks).toString() });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#lose(connectionError(error));
  }

  #lose(reason: string): void {
    const controller = this.#controller;
    this.#finish({ kind: 'lost', sent: controller !== undefined, reason });
    controller?.abort(new Error(reason));
  }

  #finish(result: CallResult): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    this.#resolve(result);
  }
}

/** What went wrong with a connection, in words; the errors of several addresses of one name are joined. */
export function connectionError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(errorMessage))].join(', ');
  }
  return errorMessage(error);
}
