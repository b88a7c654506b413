import { u8, u16, u32 } from '../attribute-codecs.ts';
import type { AttributesOf } from '../attributes.ts';
import { IFLA_BR } from './if-link.ts';

/** IFLA_INFO_DATA of a bridge (net/bridge/br_netlink.c: br_changelink()). Times are in 1/100 s. */
export const BRIDGE = {
  forwardDelay: [IFLA_BR.IFLA_BR_FORWARD_DELAY, u32],
  helloTime: [IFLA_BR.IFLA_BR_HELLO_TIME, u32],
  maxAge: [IFLA_BR.IFLA_BR_MAX_AGE, u32],
  ageingTime: [IFLA_BR.IFLA_BR_AGEING_TIME, u32],
  stpState: [IFLA_BR.IFLA_BR_STP_STATE, u32],
  priority: [IFLA_BR.IFLA_BR_PRIORITY, u16],
  vlanFiltering: [IFLA_BR.IFLA_BR_VLAN_FILTERING, u8],
  multicastSnooping: [IFLA_BR.IFLA_BR_MCAST_SNOOPING, u8],
  nfCallIptables: [IFLA_BR.IFLA_BR_NF_CALL_IPTABLES, u8],
  nfCallIp6tables: [IFLA_BR.IFLA_BR_NF_CALL_IP6TABLES, u8],
} as const;

export type BridgeData = AttributesOf<typeof BRIDGE>;
