import type { Agent, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { Conflict, errorMessage, Unavailable } from '../../core/errors.ts';

// An import of node:http reads all its exports, one of which loads the fetch client: 20 ms at every start.
const http = process.getBuiltinModule('node:http');

/** Longest silence of the other side, milliseconds. */
const TIMEOUT_MS = 10_000;

/** Statuses with which an engine says that it will not, rather than that it cannot now. */
const REFUSALS: ReadonlySet<number> = new Set([403, 404, 409]);

interface CallOptions {
  readonly agent: Agent | false;
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** Requests over a Unix socket, over a few connections that are kept. */
export class UnixHttp implements Disposable {
  readonly #socketPath: string;
  readonly #agent: Agent;

  constructor(socketPath: string, maxSockets = 2) {
    this.#socketPath = socketPath;
    this.#agent = new http.Agent({ keepAlive: true, maxSockets });
  }

  /**
   * The JSON at `path`; undefined for status 404.
   * @throws {Unavailable} for any other status, no answer in 10 s, or what is not JSON.
   */
  async json<Answer>(path: string): Promise<Answer | undefined> {
    try {
      const response = await this.#get(path, { agent: this.#agent, timeout: TIMEOUT_MS });
      const body = await text(response);
      if (response.statusCode === 404) return undefined;
      if (response.statusCode !== 200)
        throw new Error(`status ${response.statusCode}: ${body.slice(0, 200)}`);
      return JSON.parse(body) as Answer;
    } catch (error) {
      throw this.#unavailable(path, error);
    }
  }

  /**
   * Sends JSON and reads JSON; undefined for an answer without content.
   * @throws {Conflict} for status 403, 404 and 409, with what the other side says: it is there and refuses.
   * @throws {Unavailable} for any other status, no answer in 10 s, or what is not JSON.
   */
  async send<Answer>(method: 'POST' | 'DELETE', path: string, body?: object): Promise<Answer | undefined> {
    let status: number | undefined;
    let answer: string;
    try {
      const response = await this.#request(method, path, { agent: this.#agent, timeout: TIMEOUT_MS }, body);
      status = response.statusCode;
      answer = await text(response);
    } catch (error) {
      throw this.#unavailable(path, error);
    }
    if (status !== undefined && REFUSALS.has(status))
      throw new Conflict(`Docker API ${method} ${path}: ${messageIn(answer)}`, { status });
    if (status === undefined || status >= 300)
      throw this.#unavailable(path, new Error(`status ${status}: ${messageIn(answer)}`));
    try {
      return answer === '' ? undefined : (JSON.parse(answer) as Answer);
    } catch (error) {
      throw this.#unavailable(path, error);
    }
  }

  /**
   * Opens a stream of lines, which ends when the other side or `signal` ends it. It has a connection of its own.
   * @returns the lines, once the other side has begun to answer; not to be left unread.
   * @throws {Unavailable} when it cannot be opened, and from the lines when it breaks.
   */
  async lines(path: string, signal: AbortSignal): Promise<AsyncIterable<string>> {
    try {
      const response = await this.#get(path, { agent: false, signal });
      if (response.statusCode === 200) return this.#linesOf(response, path, signal);
      response.destroy();
      throw new Error(`status ${response.statusCode}`);
    } catch (error) {
      throw this.#unavailable(path, error);
    }
  }

  async *#linesOf(response: IncomingMessage, path: string, signal: AbortSignal): AsyncGenerator<string> {
    response.setEncoding('utf8');
    let rest = '';
    try {
      for await (const chunk of response as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line.trim() !== '') yield line;
      }
    } catch (error) {
      if (!signal.aborted) throw this.#unavailable(path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #get(path: string, options: CallOptions): Promise<IncomingMessage> {
    return this.#request('GET', path, options);
  }

  #request(method: string, path: string, options: CallOptions, body?: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = {
        host: 'docker',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      };
      const call = http.request({ socketPath: this.#socketPath, method, path, headers, ...options }, resolve);
      call.once('timeout', () => call.destroy(new Error(`no answer for ${TIMEOUT_MS / 1000} s`)));
      call.once('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #unavailable(path: string, error: unknown): Unavailable {
    return new Unavailable(
      `Docker API ${path} on ${this.#socketPath}: ${errorMessage(error)}`,
      {},
      { cause: error },
    );
  }
}

/** The `message` of an engine's error, or the beginning of what it sent. */
function messageIn(answer: string): string {
  try {
    const { message } = JSON.parse(answer) as { readonly message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Not JSON: a proxy, or another program on the socket.
  }
  return answer.slice(0, 200);
}
