import { familyOf, type Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { closeFd, sendTo } from '../libc/index.ts';
import { ETHER_TYPE } from './ethernet.ts';
import { encodeGratuitousArp } from './gratuitous-arp.ts';
import { closeLater, linkAddress, openPacketSocket } from './packet-socket.ts';
import { encodeUnsolicitedNa } from './unsolicited-na.ts';

/**
 * Tells a link's neighbours who has an address now. One socket serves every link and stays open, because closing a
 * packet socket waits for RCU (net/packet/af_packet.c: packet_release()).
 */
export class Announcer implements Disposable {
  readonly #fd: number;

  /**
   * @param namespace namespace file; absent: the process' own.
   * @throws {KernelError} `EPERM` without CAP_NET_RAW.
   */
  constructor(namespace?: string) {
    this.#fd = openPacketSocket(namespace);
  }

  /**
   * Sends one frame: a gratuitous ARP for IPv4, an unsolicited neighbour advertisement for IPv6. It is not repeated.
   * @throws {KernelError} `ENXIO` or `ENODEV` when no link has the index, `ENETDOWN` when it is down.
   */
  announce(ifindex: number, ip: Ip, mac: Mac): void {
    sendAnnouncement(this.#fd, ifindex, ip, mac);
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
  }
}

/**
 * As `Announcer.announce`, once, in a sandbox.
 * @param namespace its namespace file.
 * @throws {KernelError} also when the namespace is gone.
 */
export function announceInside(namespace: string, ifindex: number, ip: Ip, mac: Mac): void {
  const fd = openPacketSocket(namespace);
  try {
    sendAnnouncement(fd, ifindex, ip, mac);
  } finally {
    closeLater(fd);
  }
}

function sendAnnouncement(fd: number, ifindex: number, ip: Ip, mac: Mac): void {
  const ipv4 = familyOf(ip) === 4;
  const frame = ipv4 ? encodeGratuitousArp(ip, mac) : encodeUnsolicitedNa(ip, mac);
  sendTo(fd, frame, linkAddress(ifindex, ipv4 ? ETHER_TYPE.arp : ETHER_TYPE.ipv6));
}
