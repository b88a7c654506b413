import type { Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { encodeArpRequest } from './arp.ts';

/**
 * The ARP announcement of an IPv4 address (RFC 5227 section 3): a broadcast request in which sender and target
 * address are the announced one and the target hardware address is zero. 42 bytes, without padding to 60.
 */
export function encodeGratuitousArp(ip: Ip, mac: Mac): Uint8Array {
  return encodeArpRequest(mac, ip, ip);
}
