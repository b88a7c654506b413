import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { statSync } from 'node:fs';
import { createServer, type Server, Socket as TcpSocket } from 'node:net';
import { type Family, familyOf } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import {
  bindSocket,
  closeFd,
  inNamespace,
  openSocket,
  sendTo,
  setSocketOption,
} from '../../kernel/libc/index.ts';
import { ASKING_ADDRESS, EMBEDDED_RESOLVER } from '../redirect/index.ts';
import type { SocketSource } from '../server/index.ts';
import type { UpstreamServer } from '../upstream/index.ts';

/** <bits/socket.h> */
const AF = { 4: 2, 6: 10 } as const;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/** Descriptors of a sandbox's two sockets, bound to the address of Docker's resolver there. */
export interface BoundSockets {
  /** Inode of the namespace they are in. */
  readonly namespace: number;
  readonly udp: number;
  readonly tcp: number;
}

/**
 * Binds both sockets in the sandbox: to the ports they had, where those are free, else to ones the kernel chooses. Never
 * to 53, which a server in the container may want.
 * @throws {KernelError} `ENOENT` or `EINVAL` while there is no namespace.
 */
export function bindInSandbox(
  key: SandboxKey,
  ports: { readonly udp: number; readonly tcp: number } = { udp: 0, tcp: 0 },
): BoundSockets {
  return inNamespace(key, () => {
    const namespace = statSync('/proc/thread-self/ns/net').ino;
    const udp = bound(SOCK_DGRAM, ports.udp);
    try {
      return { namespace, udp, tcp: bound(SOCK_STREAM, ports.tcp) };
    } catch (error) {
      closeFd(udp);
      throw error;
    }
  });
}

function bound(type: number, port: number): number {
  const fd = openSocket(AF[4], type, 0);
  try {
    // Connections of a process that died linger on the port.
    if (type === SOCK_STREAM) setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, Uint8Array.of(1, 0, 0, 0));
    bindSocket(fd, sockaddr(EMBEDDED_RESOLVER, port));
    return fd;
  } catch (error) {
    closeFd(fd);
    if (port !== 0 && error instanceof KernelError && error.errno === 'EADDRINUSE') return bound(type, 0);
    throw error;
  }
}

/** struct sockaddr_in: u16 family; be16 port; be32 address; 8 bytes zero. */
function sockaddr(address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(Uint8Array.of(AF[4], 0, port >> 8, port & 255));
  bytes.set(address.split('.').map(Number), 4);
  return bytes;
}

/** Takes over a bound descriptor: it receives from now on, and is closed with the socket. */
export function adoptUdp(fd: number, family: Family = 4): UdpSocket {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  socket.bind({ fd });
  return socket;
}

/** Takes over a bound descriptor, which listens from now on. Clients may half-close. */
export function adoptTcp(fd: number): Server {
  return createServer({ allowHalfOpen: true }).listen({ fd });
}

/** Sends a datagram by a bare descriptor. What cannot be sent is lost, as any datagram may be. */
export function sendFrom(
  fd: number,
  reply: Buffer,
  to: { readonly port: number; readonly address: string },
): void {
  try {
    sendTo(fd, reply, sockaddr(to.address, to.port));
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
  }
}

/** Where questions of a sandbox to other resolvers come from: the sandbox itself, so that its routes and rules hold. */
export function sandboxSource(key: SandboxKey): SocketSource {
  const open = (server: UpstreamServer, type: number): number =>
    inNamespace(key, () => {
      const family = familyOf(server.address);
      const fd = openSocket(AF[family], type, 0);
      try {
        if (server.embedded === true) bindSocket(fd, sockaddr(ASKING_ADDRESS, 0));
        else
          bindSocket(fd, family === 4 ? sockaddr('0.0.0.0', 0) : Uint8Array.of(AF[6], ...new Uint8Array(27)));
        return fd;
      } catch (error) {
        closeFd(fd);
        throw error;
      }
    });
  return {
    udp: async (server) => adoptUdp(open(server, SOCK_DGRAM), familyOf(server.address)),
    tcp: (server) => {
      // Reading begins once it is connected.
      const socket = new TcpSocket({
        fd: open(server, SOCK_STREAM),
        readable: true,
        writable: true,
        ...UNREAD,
      });
      return socket.connect(server.port, server.address);
    },
  };
}

/** Of net.Socket, undocumented but older than its `fd`: without it, it reads what is not connected yet. */
const UNREAD = { manualStart: true };
