import { ip, raw, u32 } from './attribute-codecs.ts';
import { type AttributesOf, encodeAttributes, fromAttributes, toAttributes } from './attributes.ts';
import { type StructOf, structCodec } from './fixed-header.ts';

/** Attribute numbers of include/uapi/linux/rtnetlink.h: enum rtattr_type_t. */
export const RTA = {
  RTA_DST: 1,
  RTA_SRC: 2,
  RTA_OIF: 4,
  RTA_GATEWAY: 5,
  RTA_PRIORITY: 6,
  RTA_PREFSRC: 7,
  RTA_METRICS: 8,
  RTA_MULTIPATH: 9,
  RTA_TABLE: 15,
} as const;

/** Numbers of a route's metrics (include/uapi/linux/rtnetlink.h: RTAX_*). */
export const RTAX = { RTAX_MTU: 2 } as const;

const LAYOUT = {
  family: 'u8',
  destinationPrefix: 'u8',
  sourcePrefix: 'u8',
  tos: 'u8',
  table: 'u8',
  protocol: 'u8',
  scope: 'u8',
  type: 'u8',
  flags: 'u32',
} as const;
const header = structCodec('rtmsg', LAYOUT);

const ROUTE = {
  destination: [RTA.RTA_DST, ip],
  source: [RTA.RTA_SRC, ip],
  oif: [RTA.RTA_OIF, u32],
  gateway: [RTA.RTA_GATEWAY, ip],
  priority: [RTA.RTA_PRIORITY, u32],
  preferredSource: [RTA.RTA_PREFSRC, ip],
  metrics: [RTA.RTA_METRICS, raw],
  multipath: [RTA.RTA_MULTIPATH, raw],
  table: [RTA.RTA_TABLE, u32],
} as const;

/** struct rtmsg. Its 8-bit table is superseded by the field of the same name. */
export type RouteHeader = StructOf<typeof LAYOUT>;
/** `destination` is absent for a default route; `oif` is an ifindex. */
export type RouteFields = AttributesOf<typeof ROUTE>;

/** RTM_NEWROUTE, RTM_DELROUTE or RTM_GETROUTE without its netlink header. */
export interface RouteMessage {
  readonly header: RouteHeader;
  readonly fields: RouteFields;
}

export function encodeRoute(values: Partial<RouteHeader>, fields: RouteFields): Uint8Array {
  return encodeAttributes(toAttributes(ROUTE, fields), header.encode(values));
}

/** @throws {DecodeError} when the bytes are no route message. */
export function decodeRoute(bytes: Uint8Array): RouteMessage {
  return { header: header.decode(bytes), fields: fromAttributes(ROUTE, bytes.subarray(header.length)) };
}

const NEXT_HOP = structCodec('rtnexthop', { length: 'u16', flags: 'u8', hops: 'u8', index: 'u32' });

/**
 * The ifindexes of a multipath route's next hops (struct rtnexthop, each followed by its own attributes).
 * @throws {DecodeError} when a length does not fit.
 */
export function decodeNextHops(multipath: Uint8Array): number[] {
  const indexes: number[] = [];
  let rest = multipath;
  while (rest.length >= NEXT_HOP.length) {
    const { length, index } = NEXT_HOP.decode(rest);
    indexes.push(index);
    rest = rest.subarray(Math.max(NEXT_HOP.length, (length + 3) & ~3));
  }
  return indexes;
}
