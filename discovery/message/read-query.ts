import { DecodeError } from '../../core/errors.ts';
import { RCODE } from '../record.ts';
import { decodePacket } from './dns-packet.ts';
import { FLAG, type Header, readHeader } from './header.ts';
import { type QuestionBytes, readQuestion } from './question.ts';
import { writeReply } from './write-reply.ts';

/** What a packet without EDNS may hold over UDP (RFC 1035 section 4.2.1). */
const PLAIN_SIZE = 512;
/** An OPT and a signature; Unbound refuses more as well (daemon/worker.c: worker_check_request()). */
const MAX_ADDITIONALS = 2;
const CLASS_IN = 1;

export interface Edns {
  /** Largest datagram the asker takes, at least 512. */
  readonly size: number;
  /** It wants DNSSEC records. */
  readonly dnssecOk: boolean;
}

/** What is needed of a query to reply to it, an erroneous one too. */
export interface Asker {
  readonly id: number;
  /** The header's second word. */
  readonly flags: number;
  /** Absent when it cannot be read. */
  readonly question?: QuestionBytes;
  readonly edns?: Edns;
}

/** One question of class IN. */
export interface Query extends Asker {
  readonly question: QuestionBytes;
  /** As asked; `.` for the root. A label that holds a dot looks like two. */
  readonly name: string;
  /** By name, `UNKNOWN_65` where dns-packet has none for it. */
  readonly type: string;
}

/** `answered`: with an error that needs no look at names. `dropped`: no reply could be right. */
export type ReadQuery =
  | { readonly kind: 'query'; readonly query: Query }
  | { readonly kind: 'answered'; readonly reply: Buffer }
  | { readonly kind: 'dropped' };

/** Reads whatever a container sends. Never throws; what it costs is bounded by the size of the packet. */
export function readQuery(packet: Buffer): ReadQuery {
  const header = readHeader(packet);
  // A reply to a reply could go round for ever.
  if (header === undefined || (header.flags & FLAG.QR) !== 0) return { kind: 'dropped' };
  const asker = { id: header.id, flags: header.flags };
  if ((header.flags & FLAG.OPCODE) !== 0) return refuse(asker, RCODE.NOTIMP);
  if (!hasOneQuestion(header)) return refuse(asker, RCODE.FORMERR);
  const question = readQuestion(packet);
  if (question === undefined) return refuse(asker, RCODE.FORMERR);
  try {
    return readSections(packet, { ...asker, question });
  } catch (error) {
    if (error instanceof DecodeError) return refuse({ ...asker, question }, RCODE.FORMERR);
    throw error;
  }
}

function hasOneQuestion(header: Header): boolean {
  const { questions, answers, authorities, additionals } = header;
  return questions === 1 && answers === 0 && authorities === 0 && additionals <= MAX_ADDITIONALS;
}

function readSections(packet: Buffer, asker: Asker & { readonly question: QuestionBytes }): ReadQuery {
  const { questions, additionals } = decodePacket(packet);
  const [first] = questions;
  const opts = additionals.filter(({ type }) => type === 'OPT');
  const [opt] = opts;
  if (first === undefined || opts.length > 1) return refuse(asker, RCODE.FORMERR);
  if (opt !== undefined && opt.name !== '.') return refuse(asker, RCODE.FORMERR);
  const edns = opt && { size: Math.max(PLAIN_SIZE, opt.udpPayloadSize ?? 0), dnssecOk: opt.flag_do === true };
  const known = edns === undefined ? asker : { ...asker, edns };
  if (opt?.ednsVersion !== undefined && opt.ednsVersion > 0) return refuse(known, RCODE.BADVERS);
  const transfer = first.type === 'AXFR' || first.type === 'IXFR';
  if (asker.question.class !== CLASS_IN || transfer) return refuse(known, RCODE.REFUSED);
  return { kind: 'query', query: { ...known, name: first.name, type: first.type } };
}

function refuse(asker: Asker, rcode: number): ReadQuery {
  return { kind: 'answered', reply: writeReply(asker, { rcode, answers: [], limit: PLAIN_SIZE }) };
}
