import { type Ip, ipToBytes } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { ETHER_TYPE, encodeEthernet, macToBytes } from './ethernet.ts';
import { internetChecksum } from './internet-checksum.ts';

/** Types of ICMPv6 messages (RFC 4861 sections 4.3 and 4.4). */
export const ND = { solicitation: 135, advertisement: 136 } as const;
/** Types of options (RFC 4861 section 4.6, RFC 3971 section 5.3.2). */
export const ND_OPTION = { targetMac: 2, nonce: 14 } as const;
export const IPPROTO_ICMPV6 = 58;
export const IPV6_HEADER_BYTES = 40;
/** Receivers drop neighbour discovery with another one, which a router has lowered (RFC 4861 section 7.1). */
export const HOP_LIMIT = 255;

/** The MAC to which frames for an IPv6 multicast address go (RFC 2464 section 7). */
export function multicastMac(group: Uint8Array): Uint8Array {
  return Uint8Array.of(0x33, 0x33, ...group.subarray(12, 16));
}

/** ff02::1, all nodes of the link. */
export const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** The group that whoever has an address listens to (RFC 4291 section 2.7.1: ff02::1:ff00:0/104). */
export function solicitedNode(ip: Ip): Uint8Array {
  return Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...ipToBytes(ip).subarray(13));
}

/**
 * A frame with a neighbour discovery message to a multicast group.
 * @param message an even number of bytes, its checksum zero.
 */
export function encodeDiscovery(packet: {
  readonly sender: Mac;
  readonly source: Ip;
  readonly group: Uint8Array;
  readonly message: Uint8Array;
}): Uint8Array {
  const { sender, group, message } = packet;
  const source = ipToBytes(packet.source);
  const pseudoHeader = [...source, ...group, 0, 0, 0, message.length, 0, 0, 0, IPPROTO_ICMPV6];
  // The pseudo-header comes first (RFC 8200 section 8.1).
  const checksum = internetChecksum(Uint8Array.of(...pseudoHeader, ...message));
  const header = [0x60, 0, 0, 0, 0, message.length, IPPROTO_ICMPV6, HOP_LIMIT];
  return encodeEthernet({
    destination: multicastMac(group),
    source: macToBytes(sender),
    etherType: ETHER_TYPE.ipv6,
    payload: Uint8Array.of(
      ...header,
      ...source,
      ...group,
      ...message.subarray(0, 2),
      ...[checksum >> 8, checksum & 0xff],
      ...message.subarray(4),
    ),
  });
}
