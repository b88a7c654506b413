import koffi from 'koffi';

/**
 * TCP over IPv4 by calls that block, for programs of a bench that do nothing else: Node's own sockets take ten times as
 * long as what is measured. Prototypes as in socket(2), connect(2), accept(2), send(2), recv(2), setsockopt(2).
 */
const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connectTo = libc.func('int connect(int fd, const uint8_t *address, uint32_t length)');
const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
const listen = libc.func('int listen(int fd, int backlog)');
const accept = libc.func('int accept(int fd, void *address, void *length)');
const send = libc.func('long send(int fd, const uint8_t *bytes, size_t length, int flags)');
const recv = libc.func('long recv(int fd, _Out_ uint8_t *bytes, size_t length, int flags)');
const setsockopt = libc.func(
  'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
);
const close = libc.func('int close(int fd)');

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_LINGER = 13;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_NOSIGNAL = 0x4000;
const BACKLOG = 4096;

const ONE = Uint8Array.of(1, 0, 0, 0);
/** struct linger: on, 0 seconds: closing sends a reset, and no port waits in TIME_WAIT. */
const RESET = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** @throws {Error} when no connection comes about. */
export function connected(host: string, port: number): number {
  const fd = checked(socket(AF_INET, SOCK_STREAM, 0), 'socket');
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, ONE.length);
  checked(connectTo(fd, sockaddr(host, port), 16), `connect to ${host} port ${port}`);
  return fd;
}

/** A socket that listens on all addresses. @throws {Error} when the port is not to be had. */
export function listening(port: number): number {
  const fd = checked(socket(AF_INET, SOCK_STREAM, 0), 'socket');
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ONE, ONE.length);
  checked(bind(fd, sockaddr('0.0.0.0', port), 16), `bind to port ${port}`);
  checked(listen(fd, BACKLOG), 'listen');
  return fd;
}

/** Waits for a connection; below zero when it ended before it was taken. */
export function accepted(fd: number): number {
  const connection: number = accept(fd, null, null);
  if (connection >= 0) setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, ONE, ONE.length);
  return connection;
}

/** Sends one byte; whether it went. */
export function sendByte(fd: number): boolean {
  return send(fd, ONE, 1, MSG_NOSIGNAL) === 1;
}

const received = new Uint8Array(1);

/** Waits for one byte; false at the end of the connection. */
export function receiveByte(fd: number): boolean {
  return recv(fd, received, 1, 0) === 1;
}

export function closed(fd: number): void {
  close(fd);
}

/** Ends the connection with a reset. */
export function reset(fd: number): void {
  setsockopt(fd, SOL_SOCKET, SO_LINGER, RESET, RESET.length);
  close(fd);
}

/** struct sockaddr_in. */
function sockaddr(host: string, port: number): Uint8Array {
  return Uint8Array.of(
    AF_INET,
    0,
    port >> 8,
    port & 255,
    ...host.split('.').map(Number),
    ...Array(8).fill(0),
  );
}

function checked(result: number, what: string): number {
  if (result < 0) throw new Error(`${what} failed: errno ${koffi.errno()}`);
  return result;
}
