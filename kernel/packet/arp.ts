import { type Ip, ipFromBytes, ipToBytes } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import {
  BROADCAST,
  ETHER_HEADER_BYTES,
  ETHER_TYPE,
  encodeEthernet,
  macFromBytes,
  macToBytes,
} from './ethernet.ts';

/** Hardware type Ethernet, protocol IPv4, lengths 6 and 4 (RFC 826). */
const ETHERNET_IPV4 = [0, 1, 8, 0, 6, 4];
const REQUEST = [0, 1];
const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_IP = 24;
const ARP_BYTES = 28;
const UNSPECIFIED = '0.0.0.0' as Ip;

/** A broadcast ARP request whose target hardware address is zero. 42 bytes, without padding to 60. */
export function encodeArpRequest(sender: Mac, senderIp: Ip, target: Ip): Uint8Array {
  const mac = macToBytes(sender);
  return encodeEthernet({
    destination: BROADCAST,
    source: mac,
    etherType: ETHER_TYPE.arp,
    payload: Uint8Array.of(
      ...ETHERNET_IPV4,
      ...REQUEST,
      ...mac,
      ...ipToBytes(senderIp),
      ...[0, 0, 0, 0, 0, 0],
      ...ipToBytes(target),
    ),
  });
}

/** An ARP probe (RFC 5227 section 1.1): a request that names no sender address, so that no neighbour learns one. */
export function encodeArpProbe(sender: Mac, target: Ip): Uint8Array {
  return encodeArpRequest(sender, UNSPECIFIED, target);
}

/** That a station has an address, or is about to take it. */
export interface AddressClaim {
  readonly ip: Ip;
  readonly mac: Mac;
}

/**
 * What an ARP frame says of addresses (RFC 5227 section 2.1.1): whoever names an address as its own has it, in requests
 * and replies alike, and who asks without one is about to take what it asks for. Anything else claims nothing.
 */
export function arpClaim(frame: Uint8Array): AddressClaim | undefined {
  const arp = frame.subarray(ETHER_HEADER_BYTES, ETHER_HEADER_BYTES + ARP_BYTES);
  if (arp.length < ARP_BYTES || ETHERNET_IPV4.some((byte, index) => arp[index] !== byte)) return undefined;
  const mac = macFromBytes(arp.subarray(SENDER_MAC, SENDER_IP));
  const sender = ipFromBytes(arp.subarray(SENDER_IP, SENDER_IP + 4));
  if (sender !== UNSPECIFIED) return { ip: sender, mac };
  const isRequest = REQUEST.every((byte, index) => arp[6 + index] === byte);
  return isRequest ? { ip: ipFromBytes(arp.subarray(TARGET_IP, ARP_BYTES)), mac } : undefined;
}
