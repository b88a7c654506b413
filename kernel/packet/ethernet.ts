import type { Mac } from '../../core/ids.ts';

/** EtherTypes (include/uapi/linux/if_ether.h: ETH_P_…). */
export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** The six bytes of a MAC address. */
export function macToBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** @param bytes six. */
export function macFromBytes(bytes: Uint8Array): Mac {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
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
