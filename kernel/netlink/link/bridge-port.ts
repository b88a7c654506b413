import { u8 } from '../attribute-codecs.ts';
import type { AttributesOf } from '../attributes.ts';
import { IFLA_BRPORT } from './if-link.ts';

/**
 * A bridge port's settings: IFLA_INFO_SLAVE_DATA of the port, or IFLA_PROTINFO in messages of AF_BRIDGE
 * (net/bridge/br_netlink.c: br_setport()). Every field is 0 or 1 but `state`.
 */
export const BRIDGE_PORT = {
  state: [IFLA_BRPORT.IFLA_BRPORT_STATE, u8],
  hairpin: [IFLA_BRPORT.IFLA_BRPORT_MODE, u8],
  learning: [IFLA_BRPORT.IFLA_BRPORT_LEARNING, u8],
  unicastFlood: [IFLA_BRPORT.IFLA_BRPORT_UNICAST_FLOOD, u8],
  proxyArp: [IFLA_BRPORT.IFLA_BRPORT_PROXYARP, u8],
  multicastFlood: [IFLA_BRPORT.IFLA_BRPORT_MCAST_FLOOD, u8],
  broadcastFlood: [IFLA_BRPORT.IFLA_BRPORT_BCAST_FLOOD, u8],
  neighSuppress: [IFLA_BRPORT.IFLA_BRPORT_NEIGH_SUPPRESS, u8],
  isolated: [IFLA_BRPORT.IFLA_BRPORT_ISOLATED, u8],
} as const;

export type BridgePort = AttributesOf<typeof BRIDGE_PORT>;
