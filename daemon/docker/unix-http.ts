import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { errorMessage, Unavailable } from '../../core/errors.ts';

/** Longest silence of the other side, milliseconds. */
const TIMEOUT_MS = 10_000;

/** GET requests over a Unix socket, one connection kept. */
export class UnixHttp implements Disposable {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
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
   * One item for each chunk that comes, until the other side or `signal` ends it. A stream has a connection of its own.
   * @throws {Unavailable} when it cannot be opened or breaks.
   */
  async *chunks(path: string, signal: AbortSignal): AsyncGenerator<void> {
    try {
      const response = await this.#get(path, { agent: false, signal });
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
      for await (const _chunk of response) yield;
    } catch (error) {
      if (!signal.aborted) throw this.#unavailable(path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #get(
    path: string,
    options: { readonly agent: Agent | false; readonly timeout?: number; readonly signal?: AbortSignal },
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const call = request(
        { socketPath: this.#socketPath, path, headers: { host: 'docker' }, ...options },
        resolve,
      );
      call.once('timeout', () => call.destroy(new Error(`no answer for ${TIMEOUT_MS / 1000} s`)));
      call.once('error', reject);
      call.end();
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
