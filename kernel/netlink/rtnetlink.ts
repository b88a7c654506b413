import type { Family } from '../../core/address.ts';

/** Values of include/uapi/linux/rtnetlink.h and its neighbours, in the headers' spelling. */

export const RTM = {
  RTM_NEWLINK: 16,
  RTM_DELLINK: 17,
  RTM_GETLINK: 18,
  RTM_SETLINK: 19,
  RTM_NEWADDR: 20,
  RTM_DELADDR: 21,
  RTM_GETADDR: 22,
  RTM_NEWROUTE: 24,
  RTM_DELROUTE: 25,
  RTM_GETROUTE: 26,
  RTM_NEWNEIGH: 28,
  RTM_DELNEIGH: 29,
  RTM_GETNEIGH: 30,
  RTM_NEWNETCONF: 80,
  RTM_DELNETCONF: 81,
} as const;

export const RTNLGRP = {
  RTNLGRP_LINK: 1,
  RTNLGRP_NEIGH: 3,
  RTNLGRP_IPV4_IFADDR: 5,
  RTNLGRP_IPV4_ROUTE: 7,
  RTNLGRP_IPV6_IFADDR: 9,
  RTNLGRP_IPV6_ROUTE: 11,
  RTNLGRP_IPV4_NETCONF: 24,
  RTNLGRP_IPV6_NETCONF: 25,
} as const;

/** include/linux/socket.h */
export const AF = {
  AF_UNSPEC: 0,
  AF_INET: 2,
  AF_BRIDGE: 7,
  AF_INET6: 10,
} as const;

export function addressFamily(family: Family): number {
  return family === 4 ? AF.AF_INET : AF.AF_INET6;
}

/** include/uapi/linux/if.h */
export const IFF = {
  IFF_UP: 0x1,
} as const;

export const RTN = {
  RTN_UNICAST: 1,
} as const;

/** `RTPROT_WEFT` is weft's own: the header leaves numbers above RTPROT_STATIC to routing programs. */
export const RTPROT = {
  RTPROT_KERNEL: 2,
  RTPROT_BOOT: 3,
  RTPROT_STATIC: 4,
  RTPROT_WEFT: 119,
} as const;

export const RT_SCOPE = {
  RT_SCOPE_UNIVERSE: 0,
  RT_SCOPE_LINK: 253,
  RT_SCOPE_HOST: 254,
} as const;

export const RT_TABLE = {
  RT_TABLE_UNSPEC: 0,
  RT_TABLE_MAIN: 254,
  RT_TABLE_LOCAL: 255,
} as const;

export const RTEXT_FILTER = {
  RTEXT_FILTER_SKIP_STATS: 1 << 3,
} as const;
