import type { FlowFilter, Protocol } from '../../../core/ports.ts';
import { CTA_FILTER_F, type EntryFields, encodeTuple, IPS_SEEN_REPLY, type Tuple } from './tuple.ts';

/** IPPROTO_* of include/uapi/linux/in.h. */
const NUMBER: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

const { CTA_FILTER_F_IP_SRC, CTA_FILTER_F_IP_DST } = CTA_FILTER_F;
const { CTA_FILTER_F_PROTO_NUM, CTA_FILTER_F_PROTO_SRC_PORT, CTA_FILTER_F_PROTO_DST_PORT } = CTA_FILTER_F;

/**
 * Attributes that make the kernel dump only what the filter matches (CTA_FILTER, Linux 5.8). Older kernels ignore
 * them, so the result is compared again by `matches`.
 */
export function kernelFilter(filter: FlowFilter): EntryFields {
  const number = NUMBER[filter.protocol];
  const { originalPort: toPort, replyPort: fromPort } = filter;
  // For IPv6 the kernel compares addresses the wrong way round and leaves out what is equal
  // (net/netfilter/nf_conntrack_netlink.c: ctnetlink_filter_match_tuple(), as of Linux 6.18).
  const to = filter.family === 4 ? filter.originalDestination : undefined;
  const from = filter.family === 4 ? filter.replySource : undefined;
  const original: Tuple = {
    ...(to === undefined ? {} : { addresses: { destination: to } }),
    protocol: { number, ...(toPort === undefined ? {} : { destinationPort: toPort }) },
  };
  const reply: Tuple = {
    ...(from === undefined ? {} : { addresses: { source: from } }),
    protocol: { number, ...(fromPort === undefined ? {} : { sourcePort: fromPort }) },
  };
  return {
    original: encodeTuple(original),
    reply: encodeTuple(reply),
    filter: {
      originalFlags:
        CTA_FILTER_F_PROTO_NUM | bit(to, CTA_FILTER_F_IP_DST) | bit(toPort, CTA_FILTER_F_PROTO_DST_PORT),
      replyFlags:
        CTA_FILTER_F_PROTO_NUM | bit(from, CTA_FILTER_F_IP_SRC) | bit(fromPort, CTA_FILTER_F_PROTO_SRC_PORT),
    },
  };
}

function bit(field: unknown, flag: number): number {
  return field === undefined ? 0 : flag;
}

/**
 * Whether an entry with these two directions is what the filter selects.
 * @param status of the entry: IPS_*.
 */
export function matches(filter: FlowFilter, original: Tuple, reply: Tuple, status: number): boolean {
  if (filter.unanswered === true && (status & IPS_SEEN_REPLY) !== 0) return false;
  const to = original.addresses?.destination ?? original.addresses?.destination6;
  const from = reply.addresses?.source ?? reply.addresses?.source6;
  return (
    original.protocol?.number === NUMBER[filter.protocol] &&
    (filter.originalPort === undefined || original.protocol.destinationPort === filter.originalPort) &&
    (filter.originalDestination === undefined || to === filter.originalDestination) &&
    (filter.replyPort === undefined || reply.protocol?.sourcePort === filter.replyPort) &&
    (filter.replySource === undefined || from === filter.replySource)
  );
}
