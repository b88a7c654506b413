import { DecodeError } from '../../core/errors.ts';
import type { NftFamily } from '../../core/nft.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import { attributeU32, joinBytes } from './attribute.ts';

/** include/uapi/linux/netfilter/nf_tables.h: enum nf_tables_msg_types. */
export const NFT_MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  GETSET: 10,
  DELSET: 11,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  NEWGEN: 15,
  GETGEN: 16,
} as const;

export type NftMessageType = (typeof NFT_MSG)[keyof typeof NFT_MSG];

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_BATCH_GENID = 1;

/** include/uapi/linux/netlink.h. */
export const NLM_F = { REQUEST: 0x1, ACK: 0x4, EXCL: 0x200, CREATE: 0x400, APPEND: 0x800 } as const;

/** include/uapi/linux/netfilter.h: enum nf_inet_hooks' families. */
export const NFPROTO: Readonly<Record<NftFamily, number>> = {
  ip: 2,
  ip6: 10,
  bridge: 7,
  netdev: 5,
};

const NFPROTO_UNSPEC = 0;

/** One nf_tables message: nlmsg type, NLM_F_REQUEST plus `flags`, struct nfgenmsg and the attributes. */
export function nftMessage(
  type: NftMessageType,
  family: NftFamily | undefined,
  flags: number,
  attributes: readonly Uint8Array[],
): NetlinkRequest {
  const payload = joinBytes(attributes, 4);
  payload[0] = family === undefined ? NFPROTO_UNSPEC : NFPROTO[family];
  return { type: (NFNL_SUBSYS_NFTABLES << 8) | type, flags: NLM_F.REQUEST | flags, payload };
}

/**
 * Opens a transaction (net/netfilter/nfnetlink.c: nfnetlink_rcv_batch()).
 * @param generation when given, the kernel refuses the batch with ERESTART unless the ruleset still has it.
 */
export function batchBegin(generation?: number): NetlinkRequest {
  const attributes = generation === undefined ? [] : [attributeU32(NFNL_BATCH_GENID, generation)];
  return batchMessage(NFNL_MSG_BATCH_BEGIN, attributes);
}

/** Commits a transaction. */
export function batchEnd(): NetlinkRequest {
  return batchMessage(NFNL_MSG_BATCH_END, []);
}

function batchMessage(type: number, attributes: readonly Uint8Array[]): NetlinkRequest {
  const payload = joinBytes(attributes, 4);
  // res_id, big-endian: the subsystem that the batch is for.
  payload[3] = NFNL_SUBSYS_NFTABLES;
  return { type, flags: NLM_F.REQUEST, payload };
}

/** What an nf_tables message from the kernel is and where its attributes are. `family` is absent when not ours. */
export interface NftReply {
  readonly type: number;
  readonly family?: NftFamily;
  readonly attributes: Uint8Array;
}

/** @throws {DecodeError} when the payload is shorter than struct nfgenmsg or not of nf_tables. */
export function decodeNftMessage(reply: { readonly type: number; readonly payload: Uint8Array }): NftReply {
  if (reply.type >> 8 !== NFNL_SUBSYS_NFTABLES || reply.payload.length < 4) {
    throw new DecodeError(`message type ${reply.type} of ${reply.payload.length} bytes is not of nf_tables`);
  }
  const base = { type: reply.type & 0xff, attributes: reply.payload.subarray(4) };
  const family = reply.payload[0];
  if (family === NFPROTO.ip) return { ...base, family: 'ip' };
  if (family === NFPROTO.ip6) return { ...base, family: 'ip6' };
  if (family === NFPROTO.bridge) return { ...base, family: 'bridge' };
  if (family === NFPROTO.netdev) return { ...base, family: 'netdev' };
  return base;
}
