import { hardwareAddress, text, u32 } from '../attribute-codecs.ts';
import {
  type AttributeCodec,
  type AttributesOf,
  encodeAttributes,
  fromAttributes,
  toAttributes,
} from '../attributes.ts';
import { IFLA, VETH_INFO_PEER } from './if-link.ts';
import { type InterfaceHeader, interfaceHeader } from './interface-header.ts';

const PEER = {
  name: [IFLA.IFLA_IFNAME, text],
  address: [IFLA.IFLA_ADDRESS, hardwareAddress],
  mtu: [IFLA.IFLA_MTU, u32],
  netNsFd: [IFLA.IFLA_NET_NS_FD, u32],
} as const;

/** The other end of a veth pair that is being created: a link message inside the link message. */
export interface VethPeer extends AttributesOf<typeof PEER> {
  readonly header?: InterfaceHeader;
}

const peer: AttributeCodec<VethPeer> = {
  encode: ({ header, ...fields }) =>
    encodeAttributes(toAttributes(PEER, fields), interfaceHeader.encode(header ?? {})),
  decode: (bytes) => ({
    header: interfaceHeader.decode(bytes),
    ...fromAttributes(PEER, bytes.subarray(interfaceHeader.length)),
  }),
};

/** IFLA_INFO_DATA of a veth link (drivers/net/veth.c: veth_newlink()). */
export const VETH = {
  peer: [VETH_INFO_PEER, peer],
} as const;

export type VethData = AttributesOf<typeof VETH>;
