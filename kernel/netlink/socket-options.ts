import { bindSocket, setSocketOption, socketAddress } from '../libc/index.ts';
import { NETLINK_OPTION, SOCKET_OPTION } from './netlink-header.ts';

/** SO_RCVBUF in bytes; the kernel doubles it. Room for about 3 500 link notifications. */
const RECEIVE_BUFFER = 4 << 20;
/** SO_SNDBUF in bytes: no message or batch can be longer (net/netlink/af_netlink.c: netlink_sendmsg()). */
const SEND_BUFFER = 32 << 20;

/**
 * Room, extended acknowledgements, strict checks, and no error state after an overrun.
 * @throws {KernelError} when one is refused (no CAP_NET_ADMIN).
 */
export function setOptions(fd: number): void {
  const { SOL_NETLINK, SOL_SOCKET, SO_RCVBUFFORCE, SO_SNDBUFFORCE } = SOCKET_OPTION;
  for (const option of Object.values(NETLINK_OPTION)) setSocketOption(fd, SOL_NETLINK, option, int(1));
  setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, int(RECEIVE_BUFFER));
  setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, int(SEND_BUFFER));
}

function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/**
 * Lets the kernel choose the socket's port.
 * @returns it (struct sockaddr_nl, nl_pid).
 * @throws {KernelError}
 */
export function bindAnywhere(fd: number): number {
  // struct sockaddr_nl: u16 family, u16 padding, u32 nl_pid, u32 nl_groups.
  const address = Buffer.alloc(12);
  address.writeUInt16LE(SOCKET_OPTION.AF_NETLINK, 0);
  bindSocket(fd, address);
  socketAddress(fd, address);
  return address.readUInt32LE(4);
}
