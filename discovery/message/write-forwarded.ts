import { OPT_BYTES } from './dns-packet.ts';
import { HEADER_BYTES } from './header.ts';
import type { Query } from './read-query.ts';
import type { UpstreamReply } from './read-reply.ts';
import { writeFrame } from './write-reply.ts';

/** RFC 2181 section 8: what is above means 0. */
const MAX_TTL = 0x7fff_ffff;

/** How old a reply is, or, where it has run out and nothing newer can be had, how long to keep it all the same. */
export type Freshness = { readonly ageSeconds: number } | { readonly staleTtl: number };

/** A resolver's reply as one asker gets it. Cut at a record, with TC, where it does not fit into `limit` bytes. */
export function writeForwarded(
  query: Query,
  reply: UpstreamReply,
  freshness: Freshness,
  limit: number,
): Buffer {
  const start = HEADER_BYTES + query.question.bytes.length;
  const opt = query.edns === undefined ? 0 : OPT_BYTES;
  const fitting = countFitting(reply, limit - start - opt);
  const length = reply.places[fitting - 1]?.end ?? 0;
  const packet = Buffer.allocUnsafe(start + length + opt);
  reply.records.copy(packet, start, 0, length);
  for (const { ttlAt } of reply.places.slice(0, fitting)) {
    const was = reply.records.readUInt32BE(ttlAt);
    packet.writeUInt32BE(ttlNow(was, freshness), start + ttlAt);
  }
  const [answers, authorities] = reply.counts;
  const kept = Math.min(fitting, answers);
  const inAuthority = Math.min(fitting - kept, authorities);
  writeFrame(packet, query, {
    rcode: reply.rcode,
    authentic: reply.authentic,
    // Additional records may be missing without a word (RFC 2181 section 9).
    truncated: reply.truncated || fitting < answers + authorities,
    counts: [kept, inAuthority, fitting - kept - inAuthority],
  });
  return packet;
}

function countFitting({ places }: UpstreamReply, room: number): number {
  const tooLong = places.findIndex(({ end }) => end > room);
  return tooLong < 0 ? places.length : tooLong;
}

function ttlNow(ttl: number, freshness: Freshness): number {
  if ('staleTtl' in freshness) return freshness.staleTtl;
  return ttl > MAX_TTL ? 0 : Math.max(0, ttl - freshness.ageSeconds);
}
