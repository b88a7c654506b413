import dnsPacket, { type Packet } from 'dns-packet';
import { DecodeError } from '../../core/errors.ts';
import { type AnswerData, TYPE } from '../record.ts';

/**
 * The one place that calls dns-packet, since it wants to be called with care (5.6.1): it allocates as many records as a
 * header claims, walks a chain of pointers again for each name that ends in it, throws bare errors, and never
 * compresses. So it gets packets of few records only, and of an answer it writes the data; the owner is ours to write.
 */

/** Bytes of an OPT record without options (RFC 6891 section 6.1.2). */
export const OPT_BYTES = 11;
/** Bytes of a record before its data: a pointer to the question, type, class and TTL. */
const OWNER_BYTES = 10;
/** A pointer to offset 12, where the question's name is (RFC 1035 section 4.1.4). */
const QUESTION_POINTER = 0xc00c;
const CLASS_IN = 1;

/**
 * @param packet one whose header claims few records.
 * @throws {DecodeError} when it does not follow its format.
 */
export function decodePacket(packet: Buffer): Packet {
  try {
    return dnsPacket.decode(packet);
  } catch (error) {
    throw new DecodeError('decode a DNS packet: it does not follow RFC 1035', {}, { cause: error });
  }
}

/** Data of a record as dns-packet wants it. */
function dataOf(answer: AnswerData): unknown {
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return answer.ip;
    case 'PTR':
      return answer.target;
    case 'SRV':
      return { priority: 0, weight: 0, port: answer.port, target: answer.target };
  }
}

/** Bytes that an answer takes in a reply. */
export function answerBytes(answer: AnswerData): number {
  return OWNER_BYTES + dnsPacket.record(answer.type).encodingLength(dataOf(answer));
}

/** Writes an answer whose owner is the name asked for; `reply` has room for `answerBytes` of it at `offset`. */
export function writeAnswer(reply: Buffer, offset: number, answer: AnswerData, ttl: number): void {
  writeOwner(reply, offset, TYPE[answer.type], ttl);
  dnsPacket.record(answer.type).encode(dataOf(answer), reply, offset + OWNER_BYTES);
}

const MINIMAL_ANY = { cpu: 'RFC8482', os: '' };
const MINIMAL_ANY_TTL = 3600;

/** The record that stands for all records of a name (RFC 8482 section 4.2), owned by the name asked for. */
export function minimalAny(): Buffer {
  const codec = dnsPacket.record('HINFO');
  const record = Buffer.alloc(OWNER_BYTES + codec.encodingLength(MINIMAL_ANY));
  writeOwner(record, 0, TYPE.HINFO, MINIMAL_ANY_TTL);
  codec.encode(MINIMAL_ANY, record, OWNER_BYTES);
  return record;
}

/** What an OPT record says apart from options, of which weft sends none. */
export interface Opt {
  /** The largest datagram that its sender takes. */
  readonly size: number;
  readonly dnssecOk: boolean;
  /** Upper eight bits of the reply code. */
  readonly extendedRcode: number;
}

/** Writes `OPT_BYTES` at `offset`. */
export function writeOpt(packet: Buffer, offset: number, { size, dnssecOk, extendedRcode }: Opt): void {
  const flags = dnssecOk ? 0x8000 : 0;
  dnsPacket.answer.encode(
    { type: 'OPT', name: '.', udpPayloadSize: size, extendedRcode, flags, options: [] },
    packet,
    offset,
  );
}

/**
 * How long a negative answer may be kept by its SOA record alone, in seconds (RFC 2308 section 5).
 * @param offset where the length of the record's data is.
 * @throws {DecodeError} when the record does not follow its format.
 */
export function soaMinimum(packet: Buffer, offset: number): number {
  try {
    return (dnsPacket.record('SOA').decode(packet, offset) as { readonly minimum: number }).minimum;
  } catch (error) {
    throw new DecodeError('decode an SOA record: it does not follow RFC 1035', {}, { cause: error });
  }
}

function writeOwner(reply: Buffer, offset: number, type: number, ttl: number): void {
  reply.writeUInt16BE(QUESTION_POINTER, offset);
  reply.writeUInt16BE(type, offset + 2);
  reply.writeUInt16BE(CLASS_IN, offset + 4);
  reply.writeUInt32BE(ttl, offset + 6);
}
