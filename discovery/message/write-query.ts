import { OPT_BYTES, writeOpt } from './dns-packet.ts';
import { FLAG, HEADER_BYTES, writeHeader } from './header.ts';
import type { Query } from './read-query.ts';
import { ADVERTISED_SIZE } from './write-reply.ts';

/**
 * A container's question as it goes on to a resolver: under another id, with an OPT of ours and no option of the
 * container's.
 */
export function writeQuery({ flags, question, edns }: Query, id: number): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + question.bytes.length + OPT_BYTES);
  const kept = flags & (FLAG.AD | FLAG.CD);
  writeHeader(packet, {
    id,
    flags: FLAG.RD | kept,
    questions: 1,
    answers: 0,
    authorities: 0,
    additionals: 1,
  });
  question.bytes.copy(packet, HEADER_BYTES);
  const opt = { size: ADVERTISED_SIZE, dnssecOk: edns?.dnssecOk === true, extendedRcode: 0 };
  writeOpt(packet, packet.length - OPT_BYTES, opt);
  return packet;
}

/** The same for all queries that one answer of a resolver serves. */
export function queryKey({ flags, question, edns }: Query): string {
  return `${flags & FLAG.CD ? 'c' : ''}${edns?.dnssecOk === true ? 'd' : ''} ${question.key}`;
}
