import { Client, type Dispatcher } from 'undici';

/** The Engine refused a request: its status code and its message. */
export class EngineRefused extends Error {
  /** HTTP status, 400–599. */
  readonly status: number;

  constructor(request: string, status: number, message: string) {
    super(`${request}: ${status}: ${message}`);
    this.name = 'EngineRefused';
    this.status = status;
  }
}

/** A JSON object as the Engine sends it; fields keep Docker's names. */
export type EngineObject = Readonly<Record<string, unknown>>;

/** One request to the Engine. */
export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path and query, without a version: the Engine's newest is meant. */
  readonly path: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, as a tar archive. */
  readonly tar?: Uint8Array;
  /** Milliseconds without an answer after which the call rejects; 60,000 if absent. */
  readonly timeoutMs?: number;
}

/** Docker Engine API over a Unix socket: requests, answers and streams, nothing about their meaning. */
export class EngineApi implements AsyncDisposable {
  readonly #socketPath: string;
  #client: Client | undefined;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Drops the connection: for a dockerd that was restarted. */
  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.destroy();
  }

  /**
   * Sends one request and gives the body as text.
   * @throws {EngineRefused} when the status is 400 or more.
   */
  async text(request: EngineRequest): Promise<string> {
    const { body, statusCode } = await this.#send(request);
    const text = await body.text();
    if (statusCode >= 400) throw refused(request, statusCode, text);
    return text;
  }

  /**
   * Sends one request and gives the body as JSON; `undefined` if it is empty. The caller names the shape it needs.
   * @throws {EngineRefused} when the status is 400 or more.
   */
  async json<T>(request: EngineRequest): Promise<T> {
    const text = await this.text(request);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /**
   * Sends one request and gives the body as bytes.
   * @throws {EngineRefused} when the status is 400 or more.
   */
  async bytes(request: EngineRequest): Promise<Buffer> {
    const { body, statusCode } = await this.#send(request);
    if (statusCode >= 400) throw refused(request, statusCode, await body.text());
    return Buffer.from(await body.arrayBuffer());
  }

  /** The lines of an endless answer, each parsed as JSON, until `signal` aborts (then it just ends). */
  async *lines<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
    const client = new Client('http://docker', { socketPath: this.#socketPath, bodyTimeout: 0 });
    try {
      const { body } = await client.request({ method: 'GET', path, signal });
      let rest = '';
      for await (const chunk of body) {
        const parts = (rest + String(chunk)).split('\n');
        rest = parts.pop() ?? '';
        for (const part of parts) if (part !== '') yield JSON.parse(part) as T;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await client.destroy();
    }
  }

  async #send(request: EngineRequest): Promise<Dispatcher.ResponseData> {
    this.#client ??= new Client('http://docker', { socketPath: this.#socketPath, pipelining: 1 });
    const timeout = request.timeoutMs ?? 60_000;
    const headers: Record<string, string> = {};
    let body: string | Uint8Array | null = null;
    if (request.tar) {
      headers['content-type'] = 'application/x-tar';
      body = request.tar;
    } else if (request.json !== undefined) {
      headers['content-type'] = 'application/json';
      body = JSON.stringify(request.json);
    }
    const { method, path } = request;
    return this.#client.request({
      method,
      path,
      headers,
      body,
      headersTimeout: timeout,
      bodyTimeout: timeout,
    });
  }
}

function refused(request: EngineRequest, status: number, text: string): EngineRefused {
  const said = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  const message = said === undefined ? text.trim() : String(JSON.parse(`"${said}"`));
  return new EngineRefused(`${request.method} ${request.path}`, status, message);
}
