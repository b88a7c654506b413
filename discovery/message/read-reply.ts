import { DecodeError } from '../../core/errors.ts';
import { TYPE } from '../record.ts';
import { soaMinimum } from './dns-packet.ts';
import { FLAG, HEADER_BYTES, type Header, readHeader } from './header.ts';
import { type QuestionBytes, readQuestion } from './question.ts';

/** Offsets of a record in `UpstreamReply.records`. */
interface RecordPlace {
  readonly ttlAt: number;
  readonly end: number;
}

/** A resolver's reply, ready to be given to anybody who asks the same. */
export interface UpstreamReply {
  /** With the upper bits of its OPT. */
  readonly rcode: number;
  readonly truncated: boolean;
  readonly authentic: boolean;
  /** Records of each section, without OPT. */
  readonly counts: readonly [number, number, number];
  /** Their bytes, which follow the question: names in them may point into it. */
  readonly records: Buffer;
  readonly places: readonly RecordPlace[];
  /** Smallest TTL of the answers, in seconds; absent when there is none. */
  readonly answerTtl?: number;
  /** How long it may be kept that there is no such record (RFC 2308 section 5); absent without an SOA. */
  readonly negativeTtl?: number;
}

/** Whether a packet is a reply to this question under this id; says nothing of its records. */
export function isReplyTo(packet: Buffer, id: number, question: QuestionBytes): boolean {
  const header = readHeader(packet);
  if (header === undefined || header.id !== id || header.questions !== 1) return false;
  if ((header.flags & (FLAG.QR | FLAG.OPCODE)) !== FLAG.QR) return false;
  return readQuestion(packet)?.key === question.key;
}

/** Whether a reply says that it is not whole. */
export function isTruncated(reply: Buffer): boolean {
  return ((readHeader(reply)?.flags ?? 0) & FLAG.TC) !== 0;
}

/**
 * The reply to a question. What it costs is bounded by the size of the packet.
 * @throws {DecodeError} when it is a reply to something else or does not follow its format.
 */
export function readReply(packet: Buffer, id: number, question: QuestionBytes): UpstreamReply {
  const header = readHeader(packet);
  if (header === undefined || !isReplyTo(packet, id, question)) {
    throw new DecodeError('read a reply of a resolver: it answers something else');
  }
  return new RecordWalk(packet, HEADER_BYTES + question.bytes.length).reply(header);
}

/** One pass over the records of a reply. An OPT ends it: records behind one could not be moved without rewriting. */
class RecordWalk {
  readonly #packet: Buffer;
  readonly #start: number;
  readonly #places: RecordPlace[] = [];
  readonly #counts: [number, number, number] = [0, 0, 0];
  #at: number;
  #answerTtl: number | undefined;
  #negativeTtl: number | undefined;
  #extendedRcode = 0;

  constructor(packet: Buffer, start: number) {
    this.#packet = packet;
    this.#start = start;
    this.#at = start;
  }

  reply(header: Header): UpstreamReply {
    this.#section(0, header.answers);
    this.#section(1, header.authorities);
    this.#section(2, header.additionals);
    return {
      rcode: (header.flags & FLAG.RCODE) | (this.#extendedRcode << 4),
      truncated: (header.flags & FLAG.TC) !== 0,
      authentic: (header.flags & FLAG.AD) !== 0,
      counts: this.#counts,
      // A copy, so that a large receive buffer is not kept alive by what the cache holds.
      records: Buffer.from(this.#packet.subarray(this.#start, this.#at)),
      places: this.#places,
      ...(this.#answerTtl === undefined ? {} : { answerTtl: this.#answerTtl }),
      ...(this.#negativeTtl === undefined ? {} : { negativeTtl: this.#negativeTtl }),
    };
  }

  #section(section: 0 | 1 | 2, count: number): void {
    for (let i = 0; i < count; i++) {
      const start = this.#at;
      const fixed = this.#skipName(start);
      if (fixed + 10 > this.#packet.length) throw new DecodeError('read a reply: a record is cut short');
      const type = this.#packet.readUInt16BE(fixed);
      const end = fixed + 10 + this.#packet.readUInt16BE(fixed + 8);
      if (end > this.#packet.length) throw new DecodeError('read a reply: the data of a record is cut short');
      if (type === TYPE.OPT) {
        if (section !== 2) throw new DecodeError('read a reply: an OPT is among its answers');
        this.#extendedRcode = this.#packet.readUInt8(fixed + 4);
        return;
      }
      this.#count(section, type, fixed);
      this.#at = end;
      this.#places.push({ ttlAt: fixed + 4 - this.#start, end: end - this.#start });
    }
  }

  #count(section: 0 | 1 | 2, type: number, fixed: number): void {
    this.#counts[section] += 1;
    const ttl = ttlAt(this.#packet, fixed + 4);
    if (section === 0) this.#answerTtl = Math.min(this.#answerTtl ?? ttl, ttl);
    if (section === 1 && type === TYPE.SOA && this.#negativeTtl === undefined) {
      this.#negativeTtl = Math.min(ttl, soaMinimum(this.#packet, fixed + 8));
    }
  }

  /** Where a name ends; pointers are not followed. */
  #skipName(start: number): number {
    let at = start;
    for (;;) {
      const length = this.#packet[at];
      if (length === undefined) throw new DecodeError('read a reply: a name is cut short');
      if (length === 0) return at + 1;
      if (length >= 0xc0) return at + 2;
      if (length > 63) throw new DecodeError('read a reply: a label is of an unknown kind');
      at += 1 + length;
    }
  }
}

/** A TTL with its highest bit set means 0 (RFC 2181 section 8). */
function ttlAt(packet: Buffer, offset: number): number {
  const ttl = packet.readUInt32BE(offset);
  return ttl > 0x7fff_ffff ? 0 : ttl;
}
