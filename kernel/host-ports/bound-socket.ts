import { familyOf, ipToBytes } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { PortBinding, Protocol } from '../../core/ports.ts';
import { bindSocket, closeFd, openSocket, setSocketOption } from '../libc/index.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const ON = Uint8Array.of(1, 0, 0, 0);
const OFF = Uint8Array.of(0, 0, 0, 0);

/** Socket type and IPPROTO_… of a transport. */
const TRANSPORT: Readonly<Record<Protocol, readonly [type: number, protocol: number]>> = {
  tcp: [SOCK_STREAM, 6],
  udp: [SOCK_DGRAM, 17],
  sctp: [SOCK_STREAM, 132],
};

/**
 * A descriptor of a socket bound to exactly this address and port, never listening, so that nothing can connect.
 *
 * A TCP port that is refused is asked for again with SO_REUSEADDR, on for that bind only. With it the port of a server
 * that has just ended can be had while connections of that server are in TIME_WAIT (60 s), as every server does. Left on,
 * it would be no reservation: any other program that sets it could bind the same port, and then listen, because ours does
 * not; off again, the kernel refuses them (net/ipv4/inet_connection_sock.c: inet_bind_conflict()). Not at once with it:
 * a kernel as 6.1 remembers for the port that its first socket had it (fastreuse), and lets others bind, if not listen.
 * A port also counts as taken while an outgoing connection of the host uses it as its local port. IP_FREEBIND stays off so
 * that an address of another host is refused here and now.
 * @throws {KernelError} `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `EPROTONOSUPPORT`, `EMFILE`, …
 */
export function openBoundSocket(binding: PortBinding): number {
  const family = familyOf(binding.ip);
  const [type, protocol] = TRANSPORT[binding.protocol];
  const fd = openSocket(family === 4 ? AF_INET : AF_INET6, type, protocol);
  try {
    if (family === 6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, ON);
    bind(fd, binding);
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return fd;
}

function bind(fd: number, binding: PortBinding): void {
  const address = encodeSockaddr(binding);
  try {
    bindSocket(fd, address);
  } catch (error) {
    const isTaken = error instanceof KernelError && error.errno === 'EADDRINUSE';
    if (!isTaken || binding.protocol !== 'tcp') throw error;
    setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, ON);
    bindSocket(fd, address);
    setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, OFF);
  }
}

/**
 * struct sockaddr_in: u16 family; be16 port; be32 address; 8 bytes zero. struct sockaddr_in6: u16 family; be16 port;
 * be32 flow; address; u32 scope.
 */
export function encodeSockaddr({ ip, port }: Pick<PortBinding, 'ip' | 'port'>): Uint8Array {
  const address = ipToBytes(ip);
  const v4 = address.length === 4;
  const bytes = new Uint8Array(v4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address, v4 ? 4 : 8);
  return bytes;
}
