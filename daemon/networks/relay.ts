import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Ip } from '../../core/address.ts';
import { Conflict, InvalidArgument } from '../../core/errors.ts';
import type { PortBinding, PortReservation } from '../../core/ports.ts';

/** Opens listeners that pass TCP connections on to an address of the other family. */
export interface RelayFactory {
  /**
   * Listens on the binding, which is thereby held.
   * @throws {Conflict} when the port is taken. {InvalidArgument} when the address is not this host's.
   */
  open(binding: PortBinding, target: { readonly ip: Ip; readonly port: number }): Promise<PortReservation>;
}

/** Relays inside this process; a restart of weftd ends the connections that run through one (docs/limits.md). */
export const tcpRelays: RelayFactory = {
  async open(binding, target) {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      relay(client, target, sockets),
    );
    await listen(server, binding);
    return {
      binding,
      release: () => {
        server.close();
        for (const socket of sockets) socket.destroy();
      },
    };
  },
};

function relay(
  client: Socket,
  target: { readonly ip: Ip; readonly port: number },
  sockets: Set<Socket>,
): void {
  const upstream = createConnection({
    host: target.ip,
    port: target.port,
    allowHalfOpen: true,
    noDelay: true,
  });
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    sockets.add(socket);
    socket.unref();
    // A reset on one side is passed on as a reset: there is nobody else to tell.
    socket.on('error', () => other.resetAndDestroy());
    socket.on('close', () => sockets.delete(socket));
    socket.pipe(other);
  }
}

function listen(server: Server, { ip, port }: PortBinding): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new Conflict(`port ${port} on ${ip} is in use`));
      else if (error.code === 'EADDRNOTAVAIL') {
        reject(new InvalidArgument(`host address ${ip} is not an address of this host`, { field: 'HostIP' }));
      } else reject(error);
    });
    server.listen({ host: ip, port, ipv6Only: true }, () => {
      // weftd ends on SIGTERM while ports stay published: what listens for them must not keep it.
      server.unref();
      resolve();
    });
  });
}
