import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Problem } from '../core/control.ts';
import { EXIT, Failure } from './failure.ts';

// An import of node:http reads all its exports, one of which loads the fetch client: 20 ms at every start.
const { request } = process.getBuiltinModule('node:http');

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Longest wait for an answer, in milliseconds; checks of `doctor` included. Streams may be silent for longer. */
const ANSWER_TIMEOUT_MS = 30_000;

/** Why connect(2) fails on a Unix socket, and what the user can do. */
const CONNECT_ERRORS: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  ENOENT: {
    why: 'there is no such socket',
    hint: 'Is weftd running here? Start it, or say where its socket is with --socket PATH or WEFT_SOCKET.',
  },
  ECONNREFUSED: {
    why: 'nothing listens on that socket',
    hint: 'weftd has stopped without cleaning up. Start it again, or say where its socket is with --socket PATH.',
  },
  EACCES: {
    why: 'this user may not open it',
    hint: 'Run weft with sudo, or add this user to the group weft and restart weftd.',
  },
  ENOTSOCK: { why: 'it is not a socket', hint: 'Say where the socket of weftd is with --socket PATH.' },
};

/** Speaks to weftd: HTTP over its control socket. */
export class Client {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /**
   * A resource. Its shape is trusted: weftd checks it against the schema it comes from.
   * @param path with its query, encoded.
   * @throws {Failure} exit 3 when weftd is not reachable or does not answer in 30 s; 2 when it refuses a value; 1 for
   * any other problem it reports.
   */
  get<T>(path: string): Promise<T> {
    return this.#ask<T>('GET', path);
  }

  /**
   * Removes a resource; what weftd says of it.
   * @param path with its query, encoded.
   * @throws {Failure} as `get` does.
   */
  remove<T>(path: string): Promise<T> {
    return this.#ask<T>('DELETE', path);
  }

  /**
   * Makes a resource; what weftd says of it.
   * @throws {Failure} as `get` does.
   */
  post<T>(path: string, body: object): Promise<T> {
    return this.#ask<T>('POST', path, body);
  }

  /**
   * Changes a resource; what it is then.
   * @throws {Failure} as `get` does.
   */
  patch<T>(path: string, body: object): Promise<T> {
    return this.#ask<T>('PATCH', path, body);
  }

  async #ask<T>(method: Method, path: string, sent?: object): Promise<T> {
    const response = await this.#open(path, { method, ...(sent && { body: JSON.stringify(sent) }) });
    const body = await readText(response);
    const value = this.#parse(body);
    const { statusCode = 0 } = response;
    if (statusCode !== 200 && statusCode !== 201) throw failureOf(value as Partial<Problem>);
    return value as T;
  }

  /**
   * Lines of a stream until it ends or `signal` aborts. A stream that breaks off is an end, too.
   * @throws {Failure} as `get` does, when it cannot be opened.
   */
  async *lines(path: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const response = await this.#open(path, { signal });
    if (response.statusCode !== 200)
      throw failureOf(this.#parse(await readText(response)) as Partial<Problem>);
    response.socket.setTimeout(0);
    const stop = () => response.destroy();
    signal.addEventListener('abort', stop, { once: true });
    let rest = '';
    try {
      for await (const chunk of response.setEncoding('utf8')) {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        yield* parts;
      }
    } catch (error) {
      if (!signal.aborted && !isBroken(error)) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      response.destroy();
    }
  }

  #open(
    path: string,
    {
      method = 'GET',
      body,
      signal,
    }: { readonly method?: Method; readonly body?: string; readonly signal?: AbortSignal },
  ): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const socketPath = this.#socketPath;
    const call: ClientRequest = request({
      socketPath,
      method,
      path,
      agent: false,
      headers: {
        host: 'weft',
        accept: 'application/json',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
      timeout: ANSWER_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    call.once('response', resolve);
    call.once('timeout', () => call.destroy(new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)));
    call.on('error', (error) => reject(unreachable(socketPath, error)));
    call.end(body);
    return promise;
  }

  #parse(body: string): unknown {
    try {
      return JSON.parse(body);
    } catch (cause) {
      const hint = 'Say where the control socket of weftd is with --socket PATH.';
      throw new Failure(EXIT.failed, `what answers on ${this.#socketPath} is not weftd`, hint, { cause });
    }
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
  } catch (cause) {
    throw new Failure(EXIT.unreachable, 'weftd went away while it answered', 'Look at its log.', { cause });
  }
  return text;
}

function unreachable(socketPath: string, error: NodeJS.ErrnoException): Failure {
  const known = CONNECT_ERRORS[error.code ?? ''];
  const why = known?.why ?? error.message;
  return new Failure(EXIT.unreachable, `cannot reach weftd at ${socketPath}: ${why}`, known?.hint, {
    cause: error,
  });
}

function failureOf(problem: Partial<Problem>): Failure {
  const message = problem.message ?? 'weftd refused the request without saying why';
  return new Failure(problem.code === 'invalid_argument' ? EXIT.usage : EXIT.failed, message);
}

function isBroken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}
