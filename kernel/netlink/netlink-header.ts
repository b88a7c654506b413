/** Values of include/uapi/linux/netlink.h, in the header's spelling and base. */

export const NETLINK_PROTOCOL = {
  NETLINK_ROUTE: 0,
  NETLINK_NETFILTER: 12,
} as const;

export const NLMSG = {
  NLMSG_NOOP: 0x1,
  NLMSG_ERROR: 0x2,
  NLMSG_DONE: 0x3,
  NLMSG_OVERRUN: 0x4,
} as const;

export const NLM_F = {
  NLM_F_REQUEST: 0x01,
  NLM_F_MULTI: 0x02,
  NLM_F_ACK: 0x04,
  NLM_F_ECHO: 0x08,
  NLM_F_DUMP_INTR: 0x10,
  NLM_F_DUMP_FILTERED: 0x20,
  NLM_F_DUMP: 0x300,
  NLM_F_REPLACE: 0x100,
  NLM_F_EXCL: 0x200,
  NLM_F_CREATE: 0x400,
  NLM_F_APPEND: 0x800,
  NLM_F_CAPPED: 0x100,
  NLM_F_ACK_TLVS: 0x200,
} as const;

export const NLMSGERR_ATTR = {
  NLMSGERR_ATTR_MSG: 1,
  NLMSGERR_ATTR_OFFS: 2,
} as const;

/** Socket options at level SOL_NETLINK. */
export const NETLINK_OPTION = {
  NETLINK_NO_ENOBUFS: 5,
  NETLINK_CAP_ACK: 10,
  NETLINK_EXT_ACK: 11,
  NETLINK_GET_STRICT_CHK: 12,
} as const;

/** Socket options (include/uapi/asm-generic/socket.h, include/uapi/linux/sock_diag.h for SK_MEMINFO_*). */
export const SOCKET_OPTION = {
  SOL_SOCKET: 1,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_SNDBUFFORCE: 32,
  SO_RCVBUFFORCE: 33,
  SO_PROTOCOL: 38,
  SO_DOMAIN: 39,
  SO_MEMINFO: 55,
  SK_MEMINFO_RMEM_ALLOC: 0,
  SK_MEMINFO_RCVBUF: 1,
  SK_MEMINFO_DROPS: 8,
  SK_MEMINFO_VARS: 9,
  SOL_NETLINK: 270,
  AF_NETLINK: 16,
} as const;

/** Bytes of struct nlmsghdr; messages begin at multiples of NLMSG_ALIGNTO. */
export const NLMSG_HDRLEN = 16;
const NLMSG_ALIGNTO = 4;

/** Bytes a message of `length` takes with its padding. */
export function nlmsgAlign(length: number): number {
  return (length + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1);
}
