import { libcFunction } from './call.ts';
import { addressOf } from './memory.ts';

const recvmmsg = libcFunction<[number, Uint8Array, number, number, null]>(
  'int recvmmsg(int fd, void *headers, unsigned int count, int flags, void *timeout)',
);
const sendmmsg = libcFunction<[number, Uint8Array, number, number]>(
  'int sendmmsg(int fd, void *headers, unsigned int count, int flags)',
);

const MSG_DONTWAIT = 0x40;
/** struct sockaddr_in: u16 family; be16 port; be32 address; 8 bytes zero. */
const ADDRESS_BYTES = 16;
/** struct iovec on 64-bit machines: pointer; length. */
const VECTOR_BYTES = 16;
/**
 * struct mmsghdr on 64-bit machines: pointer to an address; u32 its length, 4 bytes unused; pointer to vectors; their number;
 * pointer to control data; its length; u32 flags, 4 bytes unused; u32 bytes of the datagram, 4 bytes unused.
 */
const HEADER_BYTES = 64;
const VECTORS_AT = 16;
const VECTOR_COUNT_AT = 24;
const DATAGRAM_BYTES_AT = 56;

/** Datagrams of one direction: each with room for its bytes and an IPv4 address. */
class Slots {
  readonly headers: Buffer;
  readonly vectors: Buffer;
  readonly addresses: Buffer;
  readonly bytes: Buffer;
  readonly room: number;

  constructor(count: number, room: number) {
    this.room = room;
    this.headers = Buffer.alloc(count * HEADER_BYTES);
    this.vectors = Buffer.alloc(count * VECTOR_BYTES);
    this.addresses = Buffer.alloc(count * ADDRESS_BYTES);
    this.bytes = Buffer.alloc(count * room);
    const [vectors, addresses, bytes] = [this.vectors, this.addresses, this.bytes].map(addressOf);
    for (let i = 0; i < count; i++) {
      const header = i * HEADER_BYTES;
      this.headers.writeBigUInt64LE((addresses ?? 0n) + BigInt(i * ADDRESS_BYTES), header);
      this.headers.writeUInt32LE(ADDRESS_BYTES, header + 8);
      this.headers.writeBigUInt64LE((vectors ?? 0n) + BigInt(i * VECTOR_BYTES), header + VECTORS_AT);
      this.headers.writeBigUInt64LE(1n, header + VECTOR_COUNT_AT);
      this.vectors.writeBigUInt64LE((bytes ?? 0n) + BigInt(i * room), i * VECTOR_BYTES);
      this.vectors.writeBigUInt64LE(BigInt(room), i * VECTOR_BYTES + 8);
    }
  }
}

/** Datagrams over IPv4 taken from a socket, and their replies given to it, many in one call (recvmmsg(2), sendmmsg(2)). */
export class DatagramBatch {
  readonly size: number;
  readonly #in: Slots;
  readonly #out: Slots;
  #replies = 0;

  /**
   * @param options.size datagrams at most.
   * @param options.room bytes of one that are taken; the rest of a longer one is lost.
   * @param options.replyRoom bytes of a reply at most.
   */
  constructor({
    size,
    room,
    replyRoom,
  }: {
    readonly size: number;
    readonly room: number;
    readonly replyRoom: number;
  }) {
    this.size = size;
    this.#in = new Slots(size, room);
    this.#out = new Slots(size, replyRoom);
  }

  /** Takes what waits, without waiting for it; says how many there are, 0 also when the socket has an error to tell. */
  receive(fd: number): number {
    this.#replies = 0;
    return Math.max(0, recvmmsg(fd, this.#in.headers, this.size, MSG_DONTWAIT, null));
  }

  /** A copy of one that was received last. */
  packet(index: number): Buffer {
    const { headers, bytes, room } = this.#in;
    const length = headers.readUInt32LE(index * HEADER_BYTES + DATAGRAM_BYTES_AT);
    const packet = Buffer.allocUnsafe(length);
    bytes.copy(packet, 0, index * room, index * room + length);
    return packet;
  }

  /** Port of its sender. */
  port(index: number): number {
    return this.#in.addresses.readUInt16BE(index * ADDRESS_BYTES + 2);
  }

  /** Address of its sender. */
  address(index: number): string {
    const at = index * ADDRESS_BYTES + 4;
    return this.#in.addresses.subarray(at, at + 4).join('.');
  }

  /** Keeps a reply to it for `send`; false when it is too long. */
  reply(index: number, reply: Uint8Array): boolean {
    const { bytes, vectors, addresses, room } = this.#out;
    if (reply.length > room) return false;
    const slot = this.#replies++;
    bytes.set(reply, slot * room);
    vectors.writeUInt32LE(reply.length, slot * VECTOR_BYTES + 8);
    const from = index * ADDRESS_BYTES;
    this.#in.addresses.copy(addresses, slot * ADDRESS_BYTES, from, from + ADDRESS_BYTES);
    return true;
  }

  /** Sends the replies. What cannot be sent is lost, as any datagram may be. */
  send(fd: number): void {
    for (let sent = 0; sent < this.#replies; ) {
      const headers = this.#out.headers.subarray(sent * HEADER_BYTES);
      const count = sendmmsg(fd, headers, this.#replies - sent, MSG_DONTWAIT);
      // Below zero it is the first of them that cannot be sent.
      sent += Math.max(1, count);
    }
    this.#replies = 0;
  }
}
