import { hardwareAddress, ip, raw, u16, u16Be, u32 } from './attribute-codecs.ts';
import { type AttributesOf, encodeAttributes, fromAttributes, toAttributes } from './attributes.ts';
import { type StructOf, structCodec } from './fixed-header.ts';

/** Attribute numbers and bits of include/uapi/linux/neighbour.h. */
export const NDA = {
  NDA_DST: 1,
  NDA_LLADDR: 2,
  NDA_CACHEINFO: 3,
  NDA_VLAN: 5,
  NDA_PORT: 6,
  NDA_VNI: 7,
  NDA_IFINDEX: 8,
  NDA_MASTER: 9,
  NDA_SRC_VNI: 11,
} as const;

export const NTF = {
  NTF_SELF: 0x02,
  NTF_MASTER: 0x04,
  NTF_EXT_LEARNED: 0x10,
} as const;

export const NUD = {
  NUD_REACHABLE: 0x02,
  NUD_STALE: 0x04,
  NUD_NOARP: 0x40,
  NUD_PERMANENT: 0x80,
} as const;

const LAYOUT = {
  family: 'u8',
  pad1: 'pad8',
  pad2: 'pad16',
  index: 'u32',
  state: 'u16',
  flags: 'u8',
  type: 'u8',
} as const;
const header = structCodec('ndmsg', LAYOUT);

const NEIGHBOUR = {
  destination: [NDA.NDA_DST, ip],
  address: [NDA.NDA_LLADDR, hardwareAddress],
  cacheInfo: [NDA.NDA_CACHEINFO, raw],
  vlan: [NDA.NDA_VLAN, u16],
  port: [NDA.NDA_PORT, u16Be],
  vni: [NDA.NDA_VNI, u32],
  oif: [NDA.NDA_IFINDEX, u32],
  master: [NDA.NDA_MASTER, u32],
  sourceVni: [NDA.NDA_SRC_VNI, u32],
} as const;

/** struct ndmsg: `state` is NUD_*, `flags` NTF_*. */
export type NeighbourHeader = StructOf<typeof LAYOUT>;
/**
 * In an ARP or ND entry `destination` is the address resolved; in a forwarding entry (family AF_BRIDGE) it is the
 * remote VTEP, with `port`, `vni` and `oif` where they differ from the VXLAN device's own.
 */
export type NeighbourFields = AttributesOf<typeof NEIGHBOUR>;

/** RTM_NEWNEIGH, RTM_DELNEIGH or RTM_GETNEIGH without its netlink header. */
export interface NeighbourMessage {
  readonly header: NeighbourHeader;
  readonly fields: NeighbourFields;
}

export function encodeNeighbour(values: Partial<NeighbourHeader>, fields: NeighbourFields): Uint8Array {
  return encodeAttributes(toAttributes(NEIGHBOUR, fields), header.encode(values));
}

/** @throws {DecodeError} when the bytes are no neighbour message. */
export function decodeNeighbour(bytes: Uint8Array): NeighbourMessage {
  return { header: header.decode(bytes), fields: fromAttributes(NEIGHBOUR, bytes.subarray(header.length)) };
}
