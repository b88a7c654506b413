import type { Server, Socket } from 'node:net';
import type { Answerer } from './answerer.ts';
import type { SandboxLimits } from './limits.ts';
import type { DiscoveryLog } from './log.ts';
import { TcpConnection } from './tcp-connection.ts';

/** Answers the queries that come by a listening socket, made with `allowHalfOpen`. It owns it from now on. */
export class TcpListener implements AsyncDisposable {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(server: Server, answerer: Answerer, limits: SandboxLimits, log: DiscoveryLog) {
    this.#server = server;
    server.maxConnections = limits.connections;
    server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
      new TcpConnection(socket, answerer, limits);
    });
    server.on('error', (error) => log.warn({ error: error.message }, 'a resolver socket failed'));
    server.once('close', () => this.#closed.resolve());
  }

  /** Takes no further connection; resolves when all have ended. */
  async drained(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    await this.#closed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#connections) socket.destroy();
    await this.#closed.promise;
  }
}
