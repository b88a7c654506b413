import { type Ip, ipFromBytes, ipToBytes } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { ETHER_TYPE, encodeEthernet, macFromBytes, macToBytes } from './ethernet.ts';
import { internetChecksum } from './internet-checksum.ts';

/** A UDP datagram over IPv4 in an Ethernet frame, with all its addresses. */
export interface UdpFrame {
  readonly source: { readonly mac: Mac; readonly ip: Ip; readonly port: number };
  readonly target: { readonly mac: Mac; readonly ip: Ip; readonly port: number };
  readonly payload: Uint8Array;
}

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const UDP_BYTES = 8;
const IPPROTO_UDP = 17;
const TTL = 64;

/** The frame's bytes, unfragmented, with both checksums (RFC 791, RFC 768); without padding to 60. */
export function encodeUdpFrame({ source, target, payload }: UdpFrame): Uint8Array {
  const length = UDP_BYTES + payload.length;
  const addresses = [...ipToBytes(source.ip), ...ipToBytes(target.ip)];
  const udp = new Uint8Array(length);
  const ports = new DataView(udp.buffer);
  ports.setUint16(0, source.port);
  ports.setUint16(2, target.port);
  ports.setUint16(4, length);
  udp.set(payload, UDP_BYTES);
  const pseudo = Uint8Array.of(...addresses, 0, IPPROTO_UDP, ...uint16(length));
  // A sum of zero is sent as all ones: zero says that there is none.
  ports.setUint16(6, internetChecksum(Uint8Array.of(...pseudo, ...udp)) || 0xffff);
  const header = Uint8Array.of(
    ...[0x45, 0, ...uint16(IPV4_BYTES + length), 0, 0, 0, 0, TTL, IPPROTO_UDP, 0, 0],
    ...addresses,
  );
  header.set(uint16(internetChecksum(header)), 10);
  return encodeEthernet({
    destination: macToBytes(target.mac),
    source: macToBytes(source.mac),
    etherType: ETHER_TYPE.ipv4,
    payload: Uint8Array.of(...header, ...udp),
  });
}

/**
 * Reads a frame as a packet socket gives it; undefined for everything that is not one whole UDP datagram over IPv4 with
 * a good header. The UDP checksum is not looked at: between links of one host (veth, bridge) it has not been computed
 * yet when a packet socket sees the frame, and frames from a wire were checked by the card.
 */
export function decodeUdpFrame(frame: Uint8Array): UdpFrame | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < ETHERNET_BYTES + IPV4_BYTES || view.getUint16(12) !== ETHER_TYPE.ipv4) return undefined;
  const packet = frame.subarray(ETHERNET_BYTES);
  const headerBytes = wholeUdpHeader(packet);
  if (headerBytes === undefined) return undefined;
  const udp = packet.subarray(headerBytes, uint16At(packet, 2));
  const length = uint16At(udp, 4);
  if (udp.length < UDP_BYTES || length < UDP_BYTES || length > udp.length) return undefined;
  return {
    source: {
      mac: macFromBytes(frame.subarray(6, 12)),
      ip: ipFromBytes(packet.subarray(12, 16)),
      port: uint16At(udp, 0),
    },
    target: {
      mac: macFromBytes(frame.subarray(0, 6)),
      ip: ipFromBytes(packet.subarray(16, 20)),
      port: uint16At(udp, 2),
    },
    payload: udp.subarray(UDP_BYTES, length),
  };
}

/** Bytes of the IPv4 header in front of an unfragmented UDP datagram; undefined for anything else. */
function wholeUdpHeader(packet: Uint8Array): number | undefined {
  const [first = 0] = packet;
  const headerBytes = (first & 15) * 4;
  const totalBytes = uint16At(packet, 2);
  const moreOrLater = uint16At(packet, 6) & 0x3fff;
  if (first >> 4 !== 4 || headerBytes < IPV4_BYTES || packet[9] !== IPPROTO_UDP || moreOrLater !== 0)
    return undefined;
  if (totalBytes > packet.length || headerBytes > totalBytes) return undefined;
  return internetChecksum(packet.subarray(0, headerBytes)) === 0 ? headerBytes : undefined;
}

function uint16(value: number): readonly [number, number] {
  return [value >> 8, value & 0xff];
}

function uint16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
