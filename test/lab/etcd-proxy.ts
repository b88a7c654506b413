import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback before a port of loopback, which can be made to misbehave. */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mode: 'forward' | 'freeze' | 'refuse' = 'forward';

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const proxy = new TcpProxy(server, port);
    server.on('connection', (client) => proxy.#join(client, targetPort));
    return proxy;
  }

  /** Connections stay up and are acknowledged, and nothing passes, in either direction; new ones are accepted. */
  freeze(): void {
    this.#mode = 'freeze';
    for (const socket of this.#sockets) socket.pause();
  }

  /** As `freeze`, but only for the connections there are: new ones pass, as after a router has lost its state. */
  freezeThese(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  /** What was held back passes, and all that comes. */
  forward(): void {
    this.#mode = 'forward';
    for (const socket of this.#sockets) socket.resume();
  }

  /** Cuts every connection, and each new one as soon as it is made. */
  cut(): void {
    this.#mode = 'refuse';
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#mode = 'refuse';
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, targetPort: number): void {
    if (this.#mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const target = connect(targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('data', (chunk) => other.write(chunk));
      socket.on('error', () => undefined); // 'close' follows
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      if (this.#mode === 'freeze') socket.pause();
    }
  }
}
