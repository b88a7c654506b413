import { type Ip, ipToBytes } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { macToBytes } from './ethernet.ts';
import { ALL_NODES, encodeDiscovery, ND, ND_OPTION } from './neighbour-discovery.ts';

/** Flags of an advertisement: O, replace the entry that receivers have (RFC 4861 section 4.4). */
const OVERRIDE = 0x20;

/**
 * The unsolicited neighbour advertisement of an IPv6 address (RFC 4861 section 7.2.6): from the address itself to all
 * nodes of the link, override set, solicited and router clear, with the target's MAC. 86 bytes.
 */
export function encodeUnsolicitedNa(ip: Ip, mac: Mac): Uint8Array {
  // The option is one unit of eight bytes.
  const message = [ND.advertisement, 0, 0, 0, OVERRIDE, 0, 0, 0, ...ipToBytes(ip), ND_OPTION.targetMac, 1];
  return encodeDiscovery({
    sender: mac,
    source: ip,
    group: ALL_NODES,
    message: Uint8Array.of(...message, ...macToBytes(mac)),
  });
}
