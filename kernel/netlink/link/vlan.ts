import { u16, u16Be } from '../attribute-codecs.ts';
import type { AttributesOf } from '../attributes.ts';
import { IFLA_VLAN } from './if-link.ts';

/**
 * IFLA_INFO_DATA of an 802.1Q sub-interface (net/8021q/vlan_netlink.c); `protocol` is the EtherType of the tag, absent:
 * 0x8100. The parent is IFLA_LINK of the message.
 */
export const VLAN = {
  id: [IFLA_VLAN.IFLA_VLAN_ID, u16],
  protocol: [IFLA_VLAN.IFLA_VLAN_PROTOCOL, u16Be],
} as const;

export type VlanData = AttributesOf<typeof VLAN>;
