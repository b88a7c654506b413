import { familyOf } from '../../core/address.ts';
import type { Network } from '../../core/model.ts';
import { LEAST_MTU } from '../segment/index.ts';
import type { OverlayOptions } from './options.ts';

/** What Ethernet carries, for as long as the underlay's own MTU is not known. */
const ETHERNET_MTU = 1500;

/**
 * Bytes VXLAN adds to each inner packet: outer IP header (20 or 40), UDP 8, VXLAN 8, inner Ethernet 14 (RFC 7348
 * section 5). No 802.1Q tag, because these bridges forward none.
 */
export const VXLAN_OVERHEAD = { 4: 50, 6: 70 } as const;

/**
 * MTU of everything in an overlay network, in bytes: the one asked for, or what the underlay carries in one packet. No
 * less than the family needs, below which the kernel would take IPv6 off the links; the underlay fragments then.
 */
export function overlayMtu({ options, request, tunnel }: Network<OverlayOptions>): number {
  if (options.mtu !== undefined) return options.mtu;
  const underlay = tunnel === undefined ? 4 : familyOf(tunnel.local);
  const carried = (tunnel?.underlayMtu ?? ETHERNET_MTU) - VXLAN_OVERHEAD[underlay];
  return Math.max(carried, LEAST_MTU[request.ipv6.length > 0 ? 6 : 4]);
}
