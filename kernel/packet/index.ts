/**
/**
 * Frames of our own making on a link: announcements of addresses (gratuitous ARP, unsolicited neighbour advertisement),
 * probes (ARP probe, duplicate address detection) with what is heard of them, and DHCP for clients whose links are
 * elsewhere. Knows links by index only. Part of the kernel layer.
 */
export { Announcer, announceInside } from './announcer.ts';
export { type AddressClaim, arpClaim, encodeArpProbe } from './arp.ts';
export { DHCP_REPLIES } from './dhcp-filter.ts';
export { type DhcpDatagram, DhcpSocket } from './dhcp-socket.ts';
export { discoveryClaim, encodeDadSolicitation } from './duplicate-address.ts';
export { encodeGratuitousArp } from './gratuitous-arp.ts';
export { PROBE_TIMING } from './probe-socket.ts';
export { Prober } from './prober.ts';
export { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from './udp-frame.ts';
export { encodeUnsolicitedNa } from './unsolicited-na.ts';
