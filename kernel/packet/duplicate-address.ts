import { type Ip, ipFromBytes, ipToBytes } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import type { AddressClaim } from './arp.ts';
import { ETHER_HEADER_BYTES, macFromBytes, sourceOf } from './ethernet.ts';
import {
  encodeDiscovery,
  HOP_LIMIT,
  IPPROTO_ICMPV6,
  IPV6_HEADER_BYTES,
  ND,
  ND_OPTION,
  solicitedNode,
} from './neighbour-discovery.ts';

const UNSPECIFIED = '::' as Ip;
/** Bytes of a nonce, which with its header makes one unit of eight (RFC 3971 section 5.3.2). */
export const NONCE_BYTES = 6;
const SOURCE = 8;
const TARGET = 8;
const OPTIONS = 24;

/**
 * The solicitation of duplicate address detection (RFC 4862 section 5.4.2): from the unspecified address, without a
 * MAC option. Its nonce tells a looped back copy from another station's (RFC 7527 section 4.1). 86 bytes.
 */
export function encodeDadSolicitation(sender: Mac, target: Ip, nonce: Uint8Array): Uint8Array {
  const message = [ND.solicitation, 0, 0, 0, 0, 0, 0, 0, ...ipToBytes(target), ND_OPTION.nonce, 1, ...nonce];
  return encodeDiscovery({
    sender,
    source: UNSPECIFIED,
    group: solicitedNode(target),
    message: Uint8Array.from(message),
  });
}

/** What a frame says of an address, with the nonce of a solicitation that has one. */
export interface DiscoveryClaim extends AddressClaim {
  readonly nonce?: Uint8Array;
}

/**
 * What a frame of neighbour discovery says of addresses (RFC 4862 section 5.4.3 and 5.4.4): an advertisement claims its
 * target, a solicitation from the unspecified address is about to take its target, any other shows that its source is in
 * use. The checksum is not looked at: a damaged frame must not hide a claim, and the device has checked the rest.
 */
export function discoveryClaim(frame: Uint8Array): DiscoveryClaim | undefined {
  const packet = frame.subarray(ETHER_HEADER_BYTES);
  const message = packet.subarray(IPV6_HEADER_BYTES);
  if (message.length < OPTIONS || packet[6] !== IPPROTO_ICMPV6 || packet[7] !== HOP_LIMIT) return undefined;
  const sender = sourceOf(frame);
  const source = ipFromBytes(packet.subarray(SOURCE, SOURCE + 16));
  const target = ipFromBytes(message.subarray(TARGET, OPTIONS));
  const options = message.subarray(OPTIONS);
  if (message[0] === ND.advertisement) {
    const mac = option(options, ND_OPTION.targetMac);
    return { ip: target, mac: mac?.length === 6 ? macFromBytes(mac) : sender };
  }
  if (message[0] !== ND.solicitation) return undefined;
  if (source !== UNSPECIFIED) return { ip: source, mac: sender };
  const nonce = option(options, ND_OPTION.nonce);
  return { ip: target, mac: sender, ...(nonce === undefined ? {} : { nonce }) };
}

/** Bytes of the first option of a type after its header; undefined when there is none that is whole. */
function option(options: Uint8Array, type: number): Uint8Array | undefined {
  for (let at = 0; at + 8 <= options.length; ) {
    const length = 8 * (options[at + 1] ?? 0);
    if (length === 0 || at + length > options.length) return undefined;
    if (options[at] === type) return options.subarray(at + 2, at + length);
    at += length;
  }
  return undefined;
}
