import { type Ip, ipToBytes } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { ETHER_TYPE, encodeEthernet, macToBytes } from './ethernet.ts';
import { internetChecksum } from './internet-checksum.ts';

/** ff02::1, all nodes of the link, and its multicast MAC (RFC 2464 section 7). */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const IPPROTO_ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;
/** Flags of an advertisement: O, replace the entry that receivers have (RFC 4861 section 4.4). */
const OVERRIDE = 0x20;
/** Option: target link-layer address, one unit of eight bytes (RFC 4861 section 4.6.1). */
const TARGET_LINK_LAYER_ADDRESS = [2, 1];

/**
 * The unsolicited neighbour advertisement of an IPv6 address (RFC 4861 section 7.2.6): from the address itself to all
 * nodes of the link, override set, solicited and router clear, with the target's MAC. 86 bytes.
 */
export function encodeUnsolicitedNa(ip: Ip, mac: Mac): Uint8Array {
  const source = macToBytes(mac);
  const target = ipToBytes(ip);
  const message = Uint8Array.of(
    ...[NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0],
    ...target,
    ...TARGET_LINK_LAYER_ADDRESS,
    ...source,
  );
  // The pseudo-header comes first (RFC 8200 section 8.1).
  const checksum = internetChecksum(
    Uint8Array.of(...target, ...ALL_NODES, 0, 0, 0, message.length, 0, 0, 0, IPPROTO_ICMPV6, ...message),
  );
  message.set([checksum >> 8, checksum & 0xff], 2);
  // Version 6; receivers drop neighbour discovery whose hop limit is not 255 (RFC 4861 section 7.1.2).
  const header = [0x60, 0, 0, 0, 0, message.length, IPPROTO_ICMPV6, 255];
  return encodeEthernet({
    destination: ALL_NODES_MAC,
    source,
    etherType: ETHER_TYPE.ipv6,
    payload: Uint8Array.of(...header, ...target, ...ALL_NODES, ...message),
  });
}
