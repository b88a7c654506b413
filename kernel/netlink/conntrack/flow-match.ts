import type { FlowFilter } from '../../../core/ports.ts';
import type { Reading } from './readings.ts';
import { CTA_FILTER_F, type EntryFields, encodeTuple, IPS_SEEN_REPLY, type Tuple } from './tuple.ts';

/** IPPROTO_* of include/uapi/linux/in.h and in6.h. */
const NUMBER = { tcp: 6, udp: 17, sctp: 132, icmp: { 4: 1, 6: 58 } } as const;

const { CTA_FILTER_F_IP_SRC, CTA_FILTER_F_IP_DST } = CTA_FILTER_F;
const { CTA_FILTER_F_PROTO_NUM, CTA_FILTER_F_PROTO_SRC_PORT, CTA_FILTER_F_PROTO_DST_PORT } = CTA_FILTER_F;

/**
 * Attributes that make the kernel dump only what the filter matches (CTA_FILTER, Linux 5.8). Older kernels ignore
 * them, so the result is compared again by `matches`. None for a reading of every family.
 */
export function kernelFilter(reading: Reading): EntryFields {
  const { family, protocol } = reading;
  if (family === undefined) return {};
  const number = protocol && numberOf(family, protocol);
  // The kernel compares no ports where it is not told of which protocol.
  const { originalPort: toPort, replyPort: fromPort } = number === undefined ? {} : reading;
  // For IPv6 the kernel compares addresses the wrong way round and leaves out what is equal
  // (net/netfilter/nf_conntrack_netlink.c: ctnetlink_filter_match_tuple(), as of Linux 6.18).
  const { originalDestination: to, replySource: from } = family === 4 ? reading : {};
  const original: Tuple = {
    ...(to === undefined ? {} : { addresses: { destination: to } }),
    ...(number === undefined
      ? {}
      : { protocol: { number, ...(toPort === undefined ? {} : { destinationPort: toPort }) } }),
  };
  const reply: Tuple = {
    ...(from === undefined ? {} : { addresses: { source: from } }),
    ...(number === undefined
      ? {}
      : { protocol: { number, ...(fromPort === undefined ? {} : { sourcePort: fromPort }) } }),
  };
  return {
    original: encodeTuple(original),
    reply: encodeTuple(reply),
    filter: {
      originalFlags:
        bit(number, CTA_FILTER_F_PROTO_NUM) |
        bit(to, CTA_FILTER_F_IP_DST) |
        bit(toPort, CTA_FILTER_F_PROTO_DST_PORT),
      replyFlags:
        bit(number, CTA_FILTER_F_PROTO_NUM) |
        bit(from, CTA_FILTER_F_IP_SRC) |
        bit(fromPort, CTA_FILTER_F_PROTO_SRC_PORT),
    },
  };
}

function numberOf(family: FlowFilter['family'], protocol: FlowFilter['protocol']): number {
  return protocol === 'icmp' ? NUMBER.icmp[family] : NUMBER[protocol];
}

function bit(field: unknown, flag: number): number {
  return field === undefined ? 0 : flag;
}

/**
 * Whether an entry of the filter's family with these two directions is what it selects.
 * @param status of the entry: IPS_*.
 */
export function matches(filter: FlowFilter, original: Tuple, reply: Tuple, status: number): boolean {
  if (filter.unanswered === true && (status & IPS_SEEN_REPLY) !== 0) return false;
  const to = original.addresses?.destination ?? original.addresses?.destination6;
  const from = reply.addresses?.source ?? reply.addresses?.source6;
  return (
    original.protocol?.number === numberOf(filter.family, filter.protocol) &&
    (filter.originalPort === undefined || original.protocol.destinationPort === filter.originalPort) &&
    (filter.originalDestination === undefined || to === filter.originalDestination) &&
    (filter.replyPort === undefined || reply.protocol?.sourcePort === filter.replyPort) &&
    (filter.replyPortNot === undefined || reply.protocol?.sourcePort !== filter.replyPortNot) &&
    (filter.replySource === undefined || from === filter.replySource)
  );
}
