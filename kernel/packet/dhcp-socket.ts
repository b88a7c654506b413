import type { Ip } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { Mac } from '../../core/ids.ts';
import {
  attachFilter,
  bindSocket,
  closeFd,
  getSocketOption,
  linkIndex,
  receiveNow,
  sendTo,
  setSocketOption,
} from '../libc/index.ts';
import { CLIENT_PORT, DHCP_REPLIES } from './dhcp-filter.ts';
import { closeLater, linkAddress, openPacketSocket, SOL_PACKET } from './packet-socket.ts';
import { decodeUdpFrame, encodeUdpFrame } from './udp-frame.ts';

const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const PACKET_IGNORE_OUTGOING = 23;
const SERVER_PORT = 67;
const BROADCAST = { ip: '255.255.255.255' as Ip, mac: 'ff:ff:ff:ff:ff:ff' as Mac };
/** More than any Ethernet frame without segmentation offload. */
const FRAME_BYTES = 2048;

/** A message of a DHCP server as it came in: the payload, and the MAC of who sent the frame. */
export interface DhcpDatagram {
  readonly payload: Uint8Array;
  readonly from: Mac;
}

/**
 * DHCP of any number of clients over one device of the host, that they reach the LAN by. What goes out has the client's
 * MAC as its source, although the client's macvlan link may not exist yet; a switch learns from it where that MAC is.
 *
 * Answers come in two ways. To a client without address the server broadcasts, because its message says so. A renewal is
 * answered to the client's address (RFC 2131 section 4.1), so to the MAC of its macvlan link: the device's receive
 * handler passes such a frame to that link, and no socket for a protocol on the device sees it. Sockets for all protocols
 * do, because they come before that handler (net/core/dev.c: __netif_receive_skb_core()); hence ETH_P_ALL, with a filter
 * in the kernel that leaves nothing but DHCP answers, and without outgoing frames.
 *
 * What is not taken stays in the socket's buffer, and is dropped by the kernel when that is full.
 */
export class DhcpSocket implements Disposable {
  readonly device: string;
  readonly #fd: number;
  readonly #index: number;
  readonly #frame = new Uint8Array(FRAME_BYTES);

  /**
   * @throws {KernelError} `ENODEV` when there is no such device, `EPERM` without CAP_NET_RAW.
   */
  constructor(device: string) {
    this.device = device;
    this.#index = indexOf(device);
    // It receives nothing until the filter is in place.
    this.#fd = openPacketSocket();
    try {
      attachFilter(this.#fd, DHCP_REPLIES);
      setSocketOption(this.#fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, Uint8Array.of(1, 0, 0, 0));
      bindSocket(this.#fd, linkAddress(this.#index, ETH_P_ALL));
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
  }

  /** Whether the device is another one now, or none: then this socket is of no use any more. */
  get stale(): boolean {
    return linkIndex(this.device) !== this.#index;
  }

  /**
   * Sends one message from a client's MAC.
   * @param from the client's address, or 0.0.0.0.
   * @throws {KernelError} `ENXIO` when the device is gone, `ENETDOWN` when it is down, `EAGAIN`.
   */
  send(
    payload: Uint8Array,
    from: { readonly mac: Mac; readonly ip: Ip },
    to: 'broadcast' | { readonly mac: Mac; readonly ip: Ip },
  ): void {
    const target = to === 'broadcast' ? BROADCAST : to;
    const frame = encodeUdpFrame({
      source: { ...from, port: CLIENT_PORT },
      target: { ...target, port: SERVER_PORT },
      payload,
    });
    // That the device was down once is kept for the next call on the socket (net/packet/af_packet.c: packet_notifier()).
    getSocketOption(this.#fd, SOL_SOCKET, SO_ERROR, new Uint8Array(4));
    sendTo(this.#fd, frame, linkAddress(this.#index, ETH_P_ALL));
  }

  /**
   * Takes one frame that has come in, without waiting.
   * @returns no datagram when it is none of DHCP; `more` false when there was no frame.
   * @throws {KernelError} `ENETDOWN`, once, after the device went down.
   */
  receive(): { readonly more: boolean; readonly datagram?: DhcpDatagram } {
    const size = receiveNow(this.#fd, this.#frame);
    if (size === undefined) return { more: false };
    const frame = decodeUdpFrame(this.#frame.slice(0, size));
    if (frame === undefined || frame.target.port !== CLIENT_PORT) return { more: true };
    return { more: true, datagram: { payload: frame.payload, from: frame.source.mac } };
  }

  [Symbol.dispose](): void {
    closeLater(this.#fd);
  }
}

function indexOf(device: string): number {
  const index = linkIndex(device);
  if (index !== undefined) return index;
  throw new KernelError(`there is no device ${device}`, {
    errno: 'ENODEV',
    step: 'open DHCP socket',
  });
}
