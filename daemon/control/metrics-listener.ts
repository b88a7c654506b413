import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { familyOf, type Ip, parseIp } from '../../core/address.ts';
import { errorMessage, InvalidArgument, Unavailable } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { Exposition } from './metrics.ts';

// An import of node:http reads all its exports, one of which loads the fetch client: 20 ms at every start.
const { createServer } = process.getBuiltinModule('node:http');

/** Where a TCP server listens. */
export interface ListenAddress {
  readonly ip: Ip;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

/** A running listener for scrapes. */
export interface MetricsListener extends AsyncDisposable {
  /** Where it listens, with the port the kernel chose. */
  readonly address: ListenAddress;
  /** Never rejects. */
  close(): Promise<void>;
}

/**
 * The value of a listening flag: `ADDRESS:PORT`, `[ADDRESS]:PORT` for IPv6, or `off` (undefined).
 * @param flag its name, for messages: `--metrics`.
 * @throws {InvalidArgument} for anything else.
 */
export function parseListenAddress(text: string, flag: string): ListenAddress | undefined {
  if (text === 'off') return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new InvalidArgument(`${flag} ${quote(text)} is not ADDRESS:PORT, [IPv6]:PORT or off`, { flag });
  }
  const ip = parseIp(match[1] ?? match[2], flag);
  if ((match[1] === undefined) !== (familyOf(ip) === 4)) {
    throw new InvalidArgument(`${flag} ${quote(text)}: brackets are for IPv6 addresses`, { flag });
  }
  return { ip, port };
}

/**
 * Serves GET /metrics over HTTP.
 * @throws {Unavailable} when the address cannot be had: in use, or not on this host.
 */
export async function listenMetrics(address: ListenAddress, metrics: Exposition): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    void answer(request, response, metrics);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error) =>
    reject(
      new Unavailable(
        `listen for metrics on ${address.ip} port ${address.port}: ${errorMessage(error)}`,
        { ip: address.ip, port: address.port },
        { cause: error },
      ),
    ),
  );
  server.listen(address.port, address.ip, resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.close();
    server.closeAllConnections();
    await server[Symbol.asyncDispose]().catch(() => {});
  };
  return { address: { ip: address.ip, port }, close, [Symbol.asyncDispose]: close };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: Exposition,
): Promise<void> {
  const path = request.url?.split('?')[0];
  if (path !== '/metrics') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('weftd serves /metrics here\n');
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  try {
    const text = await metrics.render();
    response
      .writeHead(200, { 'content-type': metrics.contentType })
      .end(request.method === 'HEAD' ? '' : text);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' }).end(`${errorMessage(error)}\n`);
  }
}
