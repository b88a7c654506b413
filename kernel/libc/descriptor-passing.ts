import { checked, lastErrno, libcFunction } from './call.ts';
import { addressOf } from './memory.ts';

const socketpair = libcFunction<[number, number, number, Int32Array]>(
  'int socketpair(int domain, int type, int protocol, void *pair)',
);
const sendmsg = libcFunction<[number, Uint8Array, number]>(
  'intptr_t sendmsg(int fd, const void *message, int flags)',
);
const recvmsg = libcFunction<[number, Uint8Array, number]>(
  'intptr_t recvmsg(int fd, void *message, int flags)',
);

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** Where the parts of a message stand in the one array that holds them all, so that they lie in memory together. */
const VECTOR_AT = 56;
const CONTROL_LENGTH_AT = 40;
const CONTROL_AT = 72;
/** struct cmsghdr on 64-bit machines: u64 length with itself; i32 level; i32 type; i32 for each descriptor. */
const CONTROL_BYTES = 16;
const FDS_AT = CONTROL_AT + CONTROL_BYTES;
/** Bytes of one message that are taken, and its descriptors. */
const ROOM = 4096;
const MOST_DESCRIPTORS = 8;

/** Bytes, and descriptors of this process that came with them. */
export interface PassedDescriptors {
  readonly bytes: Buffer;
  readonly fds: readonly number[];
}

/**
 * Two ends of a connection that keeps messages apart and carries descriptors (unix(7): SOCK_SEQPACKET), closed on exec.
 * @throws {KernelError}
 */
export function socketPair(): readonly [number, number] {
  const pair = new Int32Array(2);
  checked(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 'socketpair');
  return [pair[0] ?? -1, pair[1] ?? -1];
}

/**
 * Sends bytes and copies of descriptors, which stay open here, without waiting (sendmsg(2), SCM_RIGHTS).
 * @param bytes at least one, at most 4,096. @param fds at most 8.
 * @throws {KernelError} `EAGAIN` when what the other end has not taken yet is too much, `EPIPE` when it is closed.
 */
export function sendDescriptors(fd: number, bytes: Uint8Array, fds: readonly number[]): void {
  const { message, bytesAt } = messageOf(bytes.length, fds.length);
  message.writeUInt32LE(CONTROL_BYTES + 4 * fds.length, CONTROL_AT);
  message.writeInt32LE(SOL_SOCKET, CONTROL_AT + 8);
  message.writeInt32LE(SCM_RIGHTS, CONTROL_AT + 12);
  for (const [index, each] of fds.entries()) message.writeInt32LE(each, FDS_AT + 4 * index);
  message.set(bytes, bytesAt);
  checked(sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL), 'sendmsg');
}

/**
 * Takes one message without waiting, its descriptors closed on exec (recvmsg(2)); undefined when there is none, and when
 * the other end is closed.
 * @throws {KernelError}
 */
export function receiveDescriptors(fd: number): PassedDescriptors | undefined {
  const { message, bytesAt } = messageOf(ROOM, MOST_DESCRIPTORS);
  const size = recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size === 0 || (size < 0 && lastErrno() === 'EAGAIN')) return undefined;
  checked(size, 'recvmsg');
  const hasControl = message.readUInt32LE(CONTROL_LENGTH_AT) > 0;
  const count = hasControl ? (message.readUInt32LE(CONTROL_AT) - CONTROL_BYTES) / 4 : 0;
  const fds = Array.from({ length: count }, (_, index) => message.readInt32LE(FDS_AT + 4 * index));
  return { bytes: message.subarray(bytesAt, bytesAt + size), fds };
}

/**
 * struct msghdr on 64-bit machines: pointer to an address; u32 its length, 4 bytes unused; pointer to vectors; their
 * number; pointer to control data; its length; i32 flags, 4 bytes unused. Then one struct iovec, pointer and length,
 * the control data, and the bytes.
 */
function messageOf(size: number, fds: number): { readonly message: Buffer; readonly bytesAt: number } {
  const bytesAt = FDS_AT + 4 * fds;
  const message = Buffer.alloc(bytesAt + size);
  const start = addressOf(message);
  message.writeBigUInt64LE(start + BigInt(VECTOR_AT), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(start + BigInt(CONTROL_AT), 32);
  message.writeBigUInt64LE(BigInt(CONTROL_BYTES + 4 * fds), CONTROL_LENGTH_AT);
  message.writeBigUInt64LE(start + BigInt(bytesAt), VECTOR_AT);
  message.writeBigUInt64LE(BigInt(size), VECTOR_AT + 8);
  return { message, bytesAt };
}
