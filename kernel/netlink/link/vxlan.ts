import { ip, u8, u16Be, u32 } from '../attribute-codecs.ts';
import type { AttributesOf } from '../attributes.ts';
import { IFLA_VXLAN } from './if-link.ts';

/**
 * IFLA_INFO_DATA of a VXLAN device (drivers/net/vxlan/vxlan_core.c: vxlan_nl2conf(); RFC 7348). `id` is the VNI,
 * `link` the underlay's ifindex, `port` the UDP port in host order, `ageing` in seconds. Flags are 0 or 1.
 */
export const VXLAN = {
  id: [IFLA_VXLAN.IFLA_VXLAN_ID, u32],
  group: [IFLA_VXLAN.IFLA_VXLAN_GROUP, ip],
  group6: [IFLA_VXLAN.IFLA_VXLAN_GROUP6, ip],
  link: [IFLA_VXLAN.IFLA_VXLAN_LINK, u32],
  local: [IFLA_VXLAN.IFLA_VXLAN_LOCAL, ip],
  local6: [IFLA_VXLAN.IFLA_VXLAN_LOCAL6, ip],
  ttl: [IFLA_VXLAN.IFLA_VXLAN_TTL, u8],
  tos: [IFLA_VXLAN.IFLA_VXLAN_TOS, u8],
  learning: [IFLA_VXLAN.IFLA_VXLAN_LEARNING, u8],
  ageing: [IFLA_VXLAN.IFLA_VXLAN_AGEING, u32],
  limit: [IFLA_VXLAN.IFLA_VXLAN_LIMIT, u32],
  proxy: [IFLA_VXLAN.IFLA_VXLAN_PROXY, u8],
  l2miss: [IFLA_VXLAN.IFLA_VXLAN_L2MISS, u8],
  l3miss: [IFLA_VXLAN.IFLA_VXLAN_L3MISS, u8],
  port: [IFLA_VXLAN.IFLA_VXLAN_PORT, u16Be],
  udpChecksum: [IFLA_VXLAN.IFLA_VXLAN_UDP_CSUM, u8],
  udpZeroChecksum6Tx: [IFLA_VXLAN.IFLA_VXLAN_UDP_ZERO_CSUM6_TX, u8],
  udpZeroChecksum6Rx: [IFLA_VXLAN.IFLA_VXLAN_UDP_ZERO_CSUM6_RX, u8],
  collectMetadata: [IFLA_VXLAN.IFLA_VXLAN_COLLECT_METADATA, u8],
  df: [IFLA_VXLAN.IFLA_VXLAN_DF, u8],
} as const;

export type VxlanData = AttributesOf<typeof VXLAN>;
