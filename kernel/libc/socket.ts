import { checked, lastErrno, libcFunction } from './call.ts';

/** SOCK_CLOEXEC (include/linux/net.h): no socket of weftd may live on in a process that it starts. */
const SOCK_CLOEXEC = 0o2000000;

const socket = libcFunction<[number, number, number]>('int socket(int domain, int type, int protocol)');
const bind = libcFunction<[number, Uint8Array, number]>(
  'int bind(int fd, const void *address, uint32_t length)',
);
const getsockname = libcFunction<[number, Uint8Array, Uint32Array]>(
  'int getsockname(int fd, void *address, uint32_t *length)',
);
const sendto = libcFunction<[number, Uint8Array, number, number, Uint8Array, number]>(
  'intptr_t sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t addressLength)',
);
const recv = libcFunction<[number, Uint8Array, number, number]>(
  'intptr_t recv(int fd, void *buffer, size_t length, int flags)',
);
const setsockopt = libcFunction<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int fd, int level, int option, const void *value, uint32_t length)',
);
const getsockopt = libcFunction<[number, number, number, Uint8Array, Uint32Array]>(
  'int getsockopt(int fd, int level, int option, void *value, uint32_t *length)',
);
const poll = libcFunction<[Uint8Array, number, number]>(
  'int poll(void *descriptors, unsigned long count, int timeout)',
);
const fcntl = libcFunction<[number, number, number]>('int fcntl(int fd, int command, int argument)');
const nameToIndex = libcFunction<[string]>('int if_nametoindex(const char *name)');
const close = libcFunction<[number]>('int close(int fd)');

/**
 * A new socket, closed on exec, in the network namespace of the calling thread (socket(2)).
 * @throws {KernelError} `EPROTONOSUPPORT` or `EAFNOSUPPORT` where the kernel lacks the protocol.
 */
export function openSocket(domain: number, type: number, protocol: number): number {
  return checked(socket(domain, type | SOCK_CLOEXEC, protocol), `socket(${domain}, ${type}, ${protocol})`);
}

/**
 * Gives a socket its local address (bind(2)).
 * @param sockaddr the bytes of the family's struct sockaddr.
 * @throws {KernelError}
 */
export function bindSocket(fd: number, sockaddr: Uint8Array): void {
  checked(bind(fd, sockaddr, sockaddr.length), 'bind');
}

/**
 * Reads a socket's local address into `sockaddr` (getsockname(2)).
 * @returns how many bytes the address has.
 * @throws {KernelError}
 */
export function socketAddress(fd: number, sockaddr: Uint8Array): number {
  const length = Uint32Array.of(sockaddr.length);
  checked(getsockname(fd, sockaddr, length), 'getsockname');
  return length[0] ?? 0;
}

/**
 * Sends one datagram or frame without waiting (sendto(2) with MSG_DONTWAIT); says how many bytes went.
 * @throws {KernelError} `EAGAIN` when the socket's send buffer is full.
 */
export function sendTo(fd: number, bytes: Uint8Array, sockaddr: Uint8Array): number {
  const dontWait = 0x40;
  return checked(sendto(fd, bytes, bytes.length, dontWait, sockaddr, sockaddr.length), 'sendto');
}

/**
 * Takes one datagram without waiting (recv(2) with MSG_DONTWAIT); says how many bytes of `buffer` it filled, undefined
 * when there is none.
 * @throws {KernelError}
 */
export function receiveNow(fd: number, buffer: Uint8Array): number | undefined {
  const dontWait = 0x40;
  const size = recv(fd, buffer, buffer.length, dontWait);
  // Nothing there is the usual end of a reading: an exception would cost ten times the call.
  return size < 0 && lastErrno() === 'EAGAIN' ? undefined : checked(size, 'recv');
}

/**
 * Those of the descriptors at which something waits to be read or accepted, without waiting for it (poll(2)).
 * @throws {KernelError}
 */
export function readableNow(fds: readonly number[]): ReadonlySet<number> {
  const pollIn = 1;
  // struct pollfd: i32 descriptor; i16 events asked for; i16 events there are.
  const list = Buffer.alloc(8 * fds.length);
  for (const [index, fd] of fds.entries()) {
    list.writeInt32LE(fd, 8 * index);
    list.writeInt16LE(pollIn, 8 * index + 4);
  }
  checked(poll(list, fds.length, 0), 'poll');
  return new Set(fds.filter((_, index) => (list.readInt16LE(8 * index + 6) & pollIn) !== 0));
}

/** @throws {KernelError} when the kernel refuses the option or its value (setsockopt(2)). */
export function setSocketOption(fd: number, level: number, option: number, value: Uint8Array): void {
  checked(setsockopt(fd, level, option, value, value.length), `setsockopt(${level}, ${option})`);
}

/**
 * Reads an option into `buffer`, which may carry a request to the kernel (getsockopt(2)).
 * @returns how many bytes of the buffer the kernel says it filled.
 * @throws {KernelError}
 */
export function getSocketOption(fd: number, level: number, option: number, buffer: Uint8Array): number {
  const length = Uint32Array.of(buffer.length);
  checked(getsockopt(fd, level, option, buffer, length), `getsockopt(${level}, ${option})`);
  return length[0] ?? 0;
}

/** @throws {KernelError} `EBADF` for a descriptor that is not open: closing twice is a bug of the caller. */
export function closeFd(fd: number): void {
  checked(close(fd), `close(${fd})`);
}

/**
 * Another descriptor of this process for the same socket or file, closed on exec (fcntl(2): F_DUPFD_CLOEXEC).
 * @throws {KernelError}
 */
export function duplicateFd(fd: number): number {
  const duplicate = 1030;
  return checked(fcntl(fd, duplicate, 0), `fcntl(${fd}, F_DUPFD_CLOEXEC)`);
}

/** The index of a link in the network namespace of the calling thread (if_nametoindex(3)); undefined when there is none. */
export function linkIndex(name: string): number | undefined {
  const index = nameToIndex(name);
  return index === 0 ? undefined : index;
}
