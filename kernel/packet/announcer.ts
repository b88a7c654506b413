import { familyOf, type Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { closeFd, inNamespace, openSocket, sendTo } from '../libc/index.ts';
import { ETHER_TYPE } from './ethernet.ts';
import { encodeGratuitousArp } from './gratuitous-arp.ts';
import { encodeUnsolicitedNa } from './unsolicited-na.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
/** Protocol 0 of a packet socket: it receives nothing, so no frame ever waits in it. */
const NO_PROTOCOL = 0;

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
    const open = () => openSocket(AF_PACKET, SOCK_RAW, NO_PROTOCOL);
    this.#fd = namespace === undefined ? open() : inNamespace(namespace, open);
  }

  /**
   * Sends one frame: a gratuitous ARP for IPv4, an unsolicited neighbour advertisement for IPv6. It is not repeated.
   * @throws {KernelError} `ENXIO` or `ENODEV` when no link has the index, `ENETDOWN` when it is down.
   */
  announce(ifindex: number, ip: Ip, mac: Mac): void {
    const ipv4 = familyOf(ip) === 4;
    const frame = ipv4 ? encodeGratuitousArp(ip, mac) : encodeUnsolicitedNa(ip, mac);
    sendTo(this.#fd, frame, linkAddress(ifindex, ipv4 ? ETHER_TYPE.arp : ETHER_TYPE.ipv6));
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
  }
}

/**
 * struct sockaddr_ll (include/uapi/linux/if_packet.h): u16 family; be16 protocol; int ifindex; u16 hatype;
 * u8 pkttype; u8 halen; u8 addr[8]. The frame carries its own destination, so the address stays zero.
 */
function linkAddress(ifindex: number, etherType: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, etherType);
  view.setInt32(4, ifindex, true);
  return bytes;
}
