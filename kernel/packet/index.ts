/**
 * Single frames about addresses: announcements (gratuitous ARP, unsolicited neighbour advertisement), and probes (ARP
 * probe, duplicate address detection) with what is heard of them. Knows links by index only. Part of the kernel layer.
 */
export { Announcer, announceInside } from './announcer.ts';
export { type AddressClaim, arpClaim, encodeArpProbe } from './arp.ts';
export { discoveryClaim, encodeDadSolicitation } from './duplicate-address.ts';
export { encodeGratuitousArp } from './gratuitous-arp.ts';
export { PROBE_TIMING } from './probe-socket.ts';
export { Prober } from './prober.ts';
export { encodeUnsolicitedNa } from './unsolicited-na.ts';
