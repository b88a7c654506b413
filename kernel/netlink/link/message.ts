import { bareText, hardwareAddress, nested, raw, text, u8, u32 } from '../attribute-codecs.ts';
import { type AttributesOf, encodeAttributes, fromAttributes, toAttributes } from '../attributes.ts';
import { AF } from '../rtnetlink.ts';
import { afSpec } from './af-spec.ts';
import { BRIDGE_PORT } from './bridge-port.ts';
import { IFLA } from './if-link.ts';
import { type InterfaceHeader, interfaceHeader } from './interface-header.ts';
import { linkInfo } from './link-info.ts';

const COMMON = {
  address: [IFLA.IFLA_ADDRESS, hardwareAddress],
  broadcast: [IFLA.IFLA_BROADCAST, hardwareAddress],
  name: [IFLA.IFLA_IFNAME, text],
  mtu: [IFLA.IFLA_MTU, u32],
  link: [IFLA.IFLA_LINK, u32],
  master: [IFLA.IFLA_MASTER, u32],
  txQueueLength: [IFLA.IFLA_TXQLEN, u32],
  operState: [IFLA.IFLA_OPERSTATE, u8],
  info: [IFLA.IFLA_LINKINFO, linkInfo],
  alias: [IFLA.IFLA_IFALIAS, bareText],
  group: [IFLA.IFLA_GROUP, u32],
  netNsFd: [IFLA.IFLA_NET_NS_FD, u32],
  extMask: [IFLA.IFLA_EXT_MASK, u32],
  linkNetnsId: [IFLA.IFLA_LINK_NETNSID, u32],
} as const;

const LINK = { ...COMMON, afSpec: [IFLA.IFLA_AF_SPEC, afSpec] } as const;
const BRIDGE_LINK = {
  ...COMMON,
  bridgePort: [IFLA.IFLA_PROTINFO, nested(BRIDGE_PORT)],
  bridgeSpec: [IFLA.IFLA_AF_SPEC, raw],
} as const;
const ALL = { ...LINK, ...BRIDGE_LINK } as const;

/** A link message's fields; `bridgePort` and `bridgeSpec` belong to messages of AF_BRIDGE, `afSpec` to the others. */
export type LinkFields = AttributesOf<typeof ALL>;

/** RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK or RTM_SETLINK without its netlink header. */
export interface LinkMessage {
  readonly header: InterfaceHeader;
  readonly fields: LinkFields;
}

/** The payload of a link message; header fields that are absent are 0. */
export function encodeLink(header: Partial<InterfaceHeader>, fields: LinkFields): Uint8Array {
  return encodeAttributes(toAttributes(ALL, fields), interfaceHeader.encode(header));
}

/** @throws {DecodeError} when the bytes are no link message. */
export function decodeLink(bytes: Uint8Array): LinkMessage {
  const header = interfaceHeader.decode(bytes);
  const rest = bytes.subarray(interfaceHeader.length);
  const fields =
    header.family === AF.AF_BRIDGE ? fromAttributes(BRIDGE_LINK, rest) : fromAttributes(LINK, rest);
  return { header, fields };
}
