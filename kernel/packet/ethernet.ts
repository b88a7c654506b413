import type { Mac } from '../../core/ids.ts';

/** EtherTypes (include/uapi/linux/if_ether.h: ETH_P_…). */
export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
/** Destination, source and EtherType; frames come from the kernel without tag. */
export const ETHER_HEADER_BYTES = 14;
export const BROADCAST = new Uint8Array(6).fill(0xff);

/** The six bytes of a MAC address. */
export function macToBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** @param bytes six of them. */
export function macFromBytes(bytes: Uint8Array): Mac {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}

/** Who sent a frame of at least the header's length. */
export function sourceOf(frame: Uint8Array): Mac {
  return macFromBytes(frame.subarray(6, 12));
}

/** An Ethernet II frame without tag, padding or check sequence, which the device adds (IEEE 802.3 section 3.2). */
export function encodeEthernet(frame: {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  readonly etherType: number;
  readonly payload: Uint8Array;
}): Uint8Array {
  const type = [frame.etherType >> 8, frame.etherType & 0xff];
  return Uint8Array.of(...frame.destination, ...frame.source, ...type, ...frame.payload);
}
