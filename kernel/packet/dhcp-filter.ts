import { BPF, type BpfInstruction } from '../libc/index.ts';

/** The UDP port of DHCP clients (RFC 2131 section 4.1). */
export const CLIENT_PORT = 68;

const ETHER_TYPE_AT = 12;
const FRAGMENT_AT = 20;
const PROTOCOL_AT = 23;
const IPV4_AT = 14;
const UDP_TARGET_PORT = 2;

/** What a packet socket passes on, as tcpdump -dd prints it: `udp dst port 68` over IPv4, its first fragment only. */
export const DHCP_REPLIES: readonly BpfInstruction[] = [
  [BPF.loadHalf, 0, 0, ETHER_TYPE_AT],
  [BPF.ifEqual, 0, 8, 0x0800],
  [BPF.loadByte, 0, 0, PROTOCOL_AT],
  [BPF.ifEqual, 0, 6, 17],
  [BPF.loadHalf, 0, 0, FRAGMENT_AT],
  [BPF.ifAnyBit, 4, 0, 0x1fff],
  [BPF.indexBehindHeader, 0, 0, IPV4_AT],
  [BPF.loadHalfIndexed, 0, 0, IPV4_AT + UDP_TARGET_PORT],
  [BPF.ifEqual, 0, 1, CLIENT_PORT],
  [BPF.return, 0, 0, 0x40000],
  [BPF.return, 0, 0, 0],
];
