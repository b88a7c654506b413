import { type Ip, ipToBytes } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { ETHER_TYPE, encodeEthernet, macToBytes } from './ethernet.ts';

const BROADCAST = new Uint8Array(6).fill(0xff);
/** Hardware type Ethernet, protocol IPv4, lengths 6 and 4, operation request (RFC 826). */
const REQUEST = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1);

/**
 * The ARP announcement of an IPv4 address (RFC 5227 section 3): a broadcast request in which sender and target
 * address are the announced one and the target hardware address is zero. 42 bytes, without padding to 60.
 */
export function encodeGratuitousArp(ip: Ip, mac: Mac): Uint8Array {
  const sender = macToBytes(mac);
  const address = ipToBytes(ip);
  return encodeEthernet({
    destination: BROADCAST,
    source: sender,
    etherType: ETHER_TYPE.arp,
    payload: Uint8Array.of(...REQUEST, ...sender, ...address, 0, 0, 0, 0, 0, 0, ...address),
  });
}
