import type { Dispatcher } from 'undici';
import { errorMessage } from '../../core/errors.ts';
import { connectionError } from './http-call.ts';

/** A line that is longer is not a watch answer: etcd cuts large ones into fragments of about 2 MiB. */
const MAX_LINE_BYTES = 256 << 20;
/** The connection is not read while so many lines wait for the consumer. */
const MAX_WAITING = 32;

export interface StreamRequest {
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * One HTTP answer that goes on, line by line, on a connection of its own. Iterating ends when the stream does, for
 * whatever reason; `reason` says why.
 */
export class LineStream implements AsyncIterableIterator<string>, Dispatcher.DispatchHandler {
  readonly #connection: Dispatcher;
  #controller: Dispatcher.DispatchController | undefined;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #lines: string[] = [];
  #wake: (() => void) | undefined;
  #reason: string | undefined;

  /** @param connection is destroyed when the stream ends. */
  constructor(connection: Dispatcher, request: StreamRequest) {
    this.#connection = connection;
    const { path, body, headers } = request;
    try {
      connection.dispatch({ method: 'POST', path, body, headers }, this);
    } catch (error) {
      this.end(errorMessage(error));
    }
  }

  /** Why the stream has ended; undefined while it goes on. */
  get reason(): string | undefined {
    return this.#reason;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        if (this.#lines.length === 0 && this.#controller?.paused === true) this.#controller.resume();
        return { done: false, value: line };
      }
      if (this.#reason !== undefined) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ends the stream and its connection; lines that have come are still given. Repeating does nothing. */
  end(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    // Not at once: undici may be in the middle of telling what ended it. Never rejects, destroying only cuts.
    setImmediate(() => void this.#connection.destroy());
    this.#wake?.();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  /** The status says nothing that the lines do not; undici asks for the method. */
  onResponseStart(): void {}

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      this.#partial.push(chunk.subarray(from, at));
      const line = Buffer.concat(this.#partial).toString();
      this.#partial = [];
      this.#partialBytes = 0;
      if (line !== '') this.#lines.push(line);
      from = at + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
    if (this.#lines.length > 0) this.#wake?.();
    if (this.#lines.length > MAX_WAITING) controller.pause();
  }

  onResponseEnd(): void {
    // An answer that is no stream, such as a proxy's error page, need not end in a newline.
    const rest = Buffer.concat(this.#partial).toString();
    if (rest !== '') this.#lines.push(rest);
    this.end('etcd ended the stream');
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.end(connectionError(error));
  }

  #keep(rest: Buffer): void {
    this.#partial.push(rest);
    this.#partialBytes += rest.length;
    if (this.#partialBytes > MAX_LINE_BYTES) this.end(`a line of more than ${MAX_LINE_BYTES} bytes`);
  }
}
