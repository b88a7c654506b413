import { type AnswerRecord, RCODE } from '../record.ts';
import { answerBytes, minimalAny, OPT_BYTES, writeAnswer, writeOpt } from './dns-packet.ts';
import { FLAG, HEADER_BYTES, writeHeader } from './header.ts';
import type { Asker } from './read-query.ts';

/** Largest datagram weft asks for and sends: no fragments on any link (DNS flag day 2020). */
export const ADVERTISED_SIZE = 1232;
const PLAIN_SIZE = 512;
const MAX_TCP = 65_535;

export type Transport = 'udp' | 'tcp';

/** Bytes that a reply to a query may have. */
export function sizeLimit({ edns }: Pick<Asker, 'edns'>, transport: Transport): number {
  if (transport === 'tcp') return MAX_TCP;
  return Math.min(edns?.size ?? PLAIN_SIZE, ADVERTISED_SIZE);
}

export interface Reply {
  readonly rcode: number;
  readonly answers: readonly AnswerRecord[];
  /** Bytes; answers that do not fit are left out, and TC says so. */
  readonly limit: number;
}

/** A reply made here: question and OPT are those of the query, every answer is owned by the name asked for. */
export function writeReply(asker: Asker, { rcode, answers, limit }: Reply): Buffer {
  const start = HEADER_BYTES + (asker.question?.bytes.length ?? 0);
  const room = limit - (asker.edns === undefined ? 0 : OPT_BYTES);
  let end = start;
  let count = 0;
  const sizes = answers.map(answerBytes);
  for (const size of sizes) {
    if (end + size > room) break;
    end += size;
    count += 1;
  }
  const reply = Buffer.allocUnsafe(end + (limit - room));
  let offset = start;
  for (const [index, answer] of answers.slice(0, count).entries()) {
    writeAnswer(reply, offset, answer, answer.ttl);
    offset += sizes[index] ?? 0;
  }
  writeFrame(reply, asker, { rcode, truncated: count < answers.length, counts: [count, 0, 0] });
  return reply;
}

/** The answer to a question for every type at once, about a name of ours. */
export function writeMinimalAny(asker: Asker): Buffer {
  const record = minimalAny();
  const start = HEADER_BYTES + (asker.question?.bytes.length ?? 0);
  const reply = Buffer.alloc(start + record.length + (asker.edns === undefined ? 0 : OPT_BYTES));
  record.copy(reply, start);
  writeFrame(reply, asker, { rcode: RCODE.NOERROR, truncated: false, counts: [1, 0, 0] });
  return reply;
}

export interface Frame {
  readonly rcode: number;
  readonly truncated: boolean;
  /** The records are authentic by DNSSEC, says who gave them. */
  readonly authentic?: boolean;
  /** Answers, authorities and additionals, without OPT. */
  readonly counts: readonly [number, number, number];
}

/** Writes what every reply has: header and question at its start, and an OPT at its end if the query had one. */
export function writeFrame(reply: Buffer, asker: Asker, frame: Frame): void {
  const { id, flags, question, edns } = asker;
  const kept = flags & (FLAG.OPCODE | FLAG.RD | FLAG.CD);
  const authentic = frame.authentic === true && (edns?.dnssecOk === true || (flags & FLAG.AD) !== 0);
  const said = (frame.truncated ? FLAG.TC : 0) | (authentic ? FLAG.AD : 0);
  const [answers, authorities, additionals] = frame.counts;
  writeHeader(reply, {
    id,
    flags: FLAG.QR | FLAG.RA | kept | said | (frame.rcode & FLAG.RCODE),
    questions: question === undefined ? 0 : 1,
    answers,
    authorities,
    additionals: additionals + (edns === undefined ? 0 : 1),
  });
  question?.bytes.copy(reply, HEADER_BYTES);
  if (edns === undefined) return;
  const opt = { size: ADVERTISED_SIZE, dnssecOk: edns.dnssecOk, extendedRcode: frame.rcode >> 4 };
  writeOpt(reply, reply.length - OPT_BYTES, opt);
}
