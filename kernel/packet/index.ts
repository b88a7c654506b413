/**
 * Announcements of addresses on a link: gratuitous ARP and unsolicited neighbour advertisement. Receives nothing,
 * and knows links by index only. Part of the kernel layer.
 */
export { Announcer } from './announcer.ts';
export { encodeGratuitousArp } from './gratuitous-arp.ts';
export { encodeUnsolicitedNa } from './unsolicited-na.ts';
