import { type Agent, request } from 'node:http';
import { connect } from 'node:net';

/** An answer as it came: the body is text, `json` its value or undefined when it is none. */
export interface Answer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly connection: string | undefined;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** One request; absent parts are as an engine sends them. */
export interface Exchange {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent: `Content-Length: 0`. */
  readonly body?: string | Buffer;
  readonly agent?: Agent;
}

const ENGINE_HEADERS = {
  Host: 'plugin.moby.localhost',
  'User-Agent': 'Go-http-client/1.1',
  Accept: 'application/vnd.docker.plugins.v1.2+json',
};

/** Sends one request to a Unix socket with exactly the headers given, as an engine does by default. */
export function exchange(
  socketPath: string,
  { method, path, headers, body, agent }: Exchange,
): Promise<Answer> {
  const bytes = Buffer.from(body ?? '');
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        socketPath,
        path,
        method: method ?? 'POST',
        setHost: false,
        headers: { 'Content-Length': bytes.length, ...(headers ?? ENGINE_HEADERS) },
        agent: agent ?? false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('end', () =>
          resolve(
            answerOf(
              incoming.statusCode ?? 0,
              incoming.headers['content-type'],
              incoming.headers.connection,
              Buffer.concat(chunks).toString(),
            ),
          ),
        );
      },
    );
    outgoing.once('error', reject);
    outgoing.end(bytes);
  });
}

/** Calls one method as an engine does: `call(socket, 'NetworkDriver.Join', {…})`. */
export function call(socketPath: string, method: string, argument?: object): Promise<Answer> {
  return exchange(socketPath, {
    path: `/${method}`,
    ...(argument === undefined ? {} : { body: `${JSON.stringify(argument)}\n` }),
  });
}

/** Writes bytes to a Unix socket and gives everything that comes back until the other side ends. */
export function rawExchange(socketPath: string, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(socketPath, () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

function answerOf(
  status: number,
  contentType: string | undefined,
  connection: string | undefined,
  text: string,
): Answer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const isObject = typeof json === 'object' && json !== null;
  return {
    status,
    contentType,
    connection,
    text,
    json: isObject ? (json as Record<string, unknown>) : undefined,
  };
}
