/**
 * Frames of our own making on a link: announcements of addresses (gratuitous ARP, unsolicited neighbour advertisement),
 * and DHCP for clients whose links are elsewhere. Part of the kernel layer.
 */
export { Announcer } from './announcer.ts';
export { DHCP_REPLIES } from './dhcp-filter.ts';
export { type DhcpDatagram, DhcpSocket } from './dhcp-socket.ts';
export { encodeGratuitousArp } from './gratuitous-arp.ts';
export { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from './udp-frame.ts';
export { encodeUnsolicitedNa } from './unsolicited-na.ts';
