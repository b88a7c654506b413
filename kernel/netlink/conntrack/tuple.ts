import { DecodeError } from '../../../core/errors.ts';
import { ip, nested, raw, u8, u16Be, u32, u32Be } from '../attribute-codecs.ts';
import {
  type AttributesOf,
  encodeAttributes,
  fromAttributes,
  NLA_F_NESTED,
  toAttributes,
} from '../attributes.ts';
import { type StructOf, structCodec } from '../fixed-header.ts';

/** Attribute numbers of include/uapi/linux/netfilter/nfnetlink_conntrack.h. */
export const CTA = {
  CTA_TUPLE_ORIG: 1,
  CTA_TUPLE_REPLY: 2,
  CTA_STATUS: 3,
  CTA_ID: 12,
  CTA_ZONE: 18,
  CTA_FILTER: 25,
  CTA_TUPLE_IP: 1,
  CTA_TUPLE_PROTO: 2,
  CTA_IP_V4_SRC: 1,
  CTA_IP_V4_DST: 2,
  CTA_IP_V6_SRC: 3,
  CTA_IP_V6_DST: 4,
  CTA_PROTO_NUM: 1,
  CTA_PROTO_SRC_PORT: 2,
  CTA_PROTO_DST_PORT: 3,
  CTA_FILTER_ORIG_FLAGS: 1,
  CTA_FILTER_REPLY_FLAGS: 2,
} as const;

/** Which fields of a tuple a filter compares (net/netfilter/nf_internals.h: CTA_FILTER_F_*). */
export const CTA_FILTER_F = {
  CTA_FILTER_F_IP_SRC: 1 << 0,
  CTA_FILTER_F_IP_DST: 1 << 1,
  CTA_FILTER_F_PROTO_NUM: 1 << 3,
  CTA_FILTER_F_PROTO_SRC_PORT: 1 << 4,
  CTA_FILTER_F_PROTO_DST_PORT: 1 << 5,
} as const;

/** include/uapi/linux/netfilter/nf_conntrack_common.h */
export const IPS_SEEN_REPLY = 1 << 1;

/** Message types: NFNL_SUBSYS_CTNETLINK in the high byte, IPCTNL_MSG_CT_* in the low one. */
export const CTNL = {
  IPCTNL_MSG_CT_NEW: 0x100,
  IPCTNL_MSG_CT_GET: 0x101,
  IPCTNL_MSG_CT_DELETE: 0x102,
  IPCTNL_MSG_CT_GET_STATS: 0x105,
} as const;

const ADDRESSES = {
  source: [CTA.CTA_IP_V4_SRC, ip],
  destination: [CTA.CTA_IP_V4_DST, ip],
  source6: [CTA.CTA_IP_V6_SRC, ip],
  destination6: [CTA.CTA_IP_V6_DST, ip],
} as const;
const PROTOCOL = {
  number: [CTA.CTA_PROTO_NUM, u8],
  sourcePort: [CTA.CTA_PROTO_SRC_PORT, u16Be],
  destinationPort: [CTA.CTA_PROTO_DST_PORT, u16Be],
} as const;
const TUPLE = {
  addresses: [CTA.CTA_TUPLE_IP, nested(ADDRESSES)],
  protocol: [CTA.CTA_TUPLE_PROTO, nested(PROTOCOL)],
} as const;

/** One direction of a connection. */
export type Tuple = AttributesOf<typeof TUPLE>;

/** @throws {DecodeError} when the bytes are no tuple. */
export function decodeTuple(bytes: Uint8Array): Tuple {
  return fromAttributes(TUPLE, bytes);
}

export function encodeTuple(tuple: Tuple): Uint8Array {
  return encodeAttributes(toAttributes(TUPLE, tuple));
}

const FILTER = {
  originalFlags: [CTA.CTA_FILTER_ORIG_FLAGS, u32],
  replyFlags: [CTA.CTA_FILTER_REPLY_FLAGS, u32],
} as const;

/** Tuples stay raw, because most entries of a dump are only looked at, and are sent back as they came. */
const ENTRY = {
  original: [CTA.CTA_TUPLE_ORIG, { ...raw, flags: NLA_F_NESTED }],
  reply: [CTA.CTA_TUPLE_REPLY, { ...raw, flags: NLA_F_NESTED }],
  status: [CTA.CTA_STATUS, u32Be],
  id: [CTA.CTA_ID, u32Be],
  zone: [CTA.CTA_ZONE, u16Be],
  filter: [CTA.CTA_FILTER, nested(FILTER)],
} as const;

const LAYOUT = { family: 'u8', version: 'u8', resource: 'pad16' } as const;
const header = structCodec('nfgenmsg', LAYOUT);

export type EntryFields = AttributesOf<typeof ENTRY>;

/** A conntrack message without its netlink header: struct nfgenmsg and attributes. */
export interface EntryMessage {
  readonly header: StructOf<typeof LAYOUT>;
  readonly fields: EntryFields;
}

/** @param family AF_INET or AF_INET6. */
export function encodeEntry(family: number, fields: EntryFields): Uint8Array {
  return encodeAttributes(toAttributes(ENTRY, fields), header.encode({ family }));
}

/** @throws {DecodeError} when the bytes are no conntrack message. */
export function decodeEntry(bytes: Uint8Array): EntryMessage {
  return { header: header.decode(bytes), fields: fromAttributes(ENTRY, bytes.subarray(header.length)) };
}

/** include/uapi/linux/netfilter/nfnetlink_conntrack.h: enum ctattr_stats_global. */
const STATS = { entries: [1, u32Be] } as const;

/** Entries of the namespace. @throws {DecodeError} when the bytes do not say. */
export function decodeCount(bytes: Uint8Array): number {
  const { entries } = fromAttributes(STATS, bytes.subarray(header.length));
  if (entries === undefined) throw new DecodeError('conntrack statistics without a number of entries');
  return entries;
}
