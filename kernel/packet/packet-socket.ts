import { close } from 'node:fs';
import {
  attachFilter,
  BPF,
  type BpfInstruction,
  bindSocket,
  inNamespace,
  openSocket,
  setSocketOption,
} from '../libc/index.ts';
import { ETHER_HEADER_BYTES, ETHER_TYPE } from './ethernet.ts';
import { IPPROTO_ICMPV6, IPV6_HEADER_BYTES, ND } from './neighbour-discovery.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
/** Protocol 0 of a packet socket: it receives nothing, so no frame ever waits in it. */
const NO_PROTOCOL = 0;
/** include/uapi/linux/if_packet.h */
export const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_DROP_MEMBERSHIP = 2;
const PACKET_MR_MULTICAST = 0;
const PACKET_OTHERHOST = 3;
/** include/uapi/linux/filter.h: SKF_AD_OFF + SKF_AD_PKTTYPE, the place of a packet's type for a filter. */
const PACKET_TYPE_AT = 0xfffff000 + 4;
const WHOLE_FRAME = 0xffff;

/** A packet socket that sends and receives nothing. @throws {KernelError} `EPERM` without CAP_NET_RAW. */
export function openPacketSocket(namespace?: string): number {
  const open = () => openSocket(AF_PACKET, SOCK_RAW, NO_PROTOCOL);
  return namespace === undefined ? open() : inNamespace(namespace, open);
}

/**
 * struct sockaddr_ll (include/uapi/linux/if_packet.h): u16 family; be16 protocol; int ifindex; u16 hatype;
 * u8 pkttype; u8 halen; u8 addr[8]. The frame carries its own destination, so the address stays zero.
 */
export function linkAddress(ifindex: number, etherType: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, etherType);
  view.setInt32(4, ifindex, true);
  return bytes;
}

/**
 * Begins to receive a link's ARP, or its neighbour solicitations and advertisements. The filter comes first: else all
 * IPv6 traffic of the link would wait in the socket. A frame of a VLAN that has no device here comes to its parent as
 * if it were untagged, but as another host's (net/core/dev.c: __netif_receive_skb_core()).
 * @throws {KernelError}
 */
export function listenTo(fd: number, ifindex: number, etherType: number): void {
  attachFilter(fd, etherType === ETHER_TYPE.arp ? NOT_OF_OTHERS : DISCOVERY);
  bindSocket(fd, linkAddress(ifindex, etherType));
}

/**
 * Begins, or ceases, to receive a multicast group from the device, as often as it was begun.
 * struct packet_mreq (include/uapi/linux/if_packet.h): int ifindex; u16 type; u16 length; u8 address[8].
 * @throws {KernelError}
 */
export function setMembership(fd: number, ifindex: number, mac: Uint8Array, member: boolean): void {
  const request = new Uint8Array(16);
  const view = new DataView(request.buffer);
  view.setInt32(0, ifindex, true);
  view.setUint16(4, PACKET_MR_MULTICAST, true);
  view.setUint16(6, mac.length, true);
  request.set(mac, 8);
  setSocketOption(fd, SOL_PACKET, member ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, request);
}

/** Closes a socket on a thread of its own: the kernel waits for RCU (net/packet/af_packet.c: packet_release()). */
export function closeLater(fd: number): void {
  close(fd, () => undefined);
}

const NOT_OF_OTHERS: readonly BpfInstruction[] = [
  [BPF.loadWord, 0, 0, PACKET_TYPE_AT],
  [BPF.ifEqual, 0, 1, PACKET_OTHERHOST],
  [BPF.return, 0, 0, 0],
  [BPF.return, 0, 0, WHOLE_FRAME],
];

/** Neighbour discovery has no extension headers in practice; a fragment of it must be dropped (RFC 6980 section 5). */
const DISCOVERY: readonly BpfInstruction[] = [
  [BPF.loadWord, 0, 0, PACKET_TYPE_AT],
  [BPF.ifEqual, 6, 0, PACKET_OTHERHOST],
  [BPF.loadByte, 0, 0, ETHER_HEADER_BYTES + 6],
  [BPF.ifEqual, 0, 4, IPPROTO_ICMPV6],
  [BPF.loadByte, 0, 0, ETHER_HEADER_BYTES + IPV6_HEADER_BYTES],
  [BPF.ifEqual, 1, 0, ND.solicitation],
  [BPF.ifEqual, 0, 1, ND.advertisement],
  [BPF.return, 0, 0, WHOLE_FRAME],
  [BPF.return, 0, 0, 0],
];
