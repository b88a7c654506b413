import { type Family, familyOf, ipToBytes } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { PortBinding } from '../../core/ports.ts';
import { type NetlinkTransport, openTransport } from '../netlink/index.ts';
import { isUnspecified } from './port-table.ts';

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const IPPROTO_TCP = 6;
/** 1 << TCP_BOUND_INACTIVE (include/net/tcp_states.h), since Linux 6.8; older kernels list nothing for it. */
const TCPF_BOUND_INACTIVE = 1 << 13;
/** struct inet_diag_req_v2: u8 family, protocol, ext, pad; u32 states; struct inet_diag_sockid, 48 bytes. */
const REQUEST = { states: 4, sport: 8, size: 56 } as const;
/** struct inet_diag_msg: u8 family, state, timer, retrans; the sockid; u32 expires, rqueue, wqueue, uid, inode. */
const REPLY = { sport: 4, source: 8, inode: 68, size: 72 } as const;

/**
 * Inodes of TCP sockets that are bound and neither listen nor connect, and stand in the way of a TCP binding. No file
 * in /proc/net shows them. Empty where the kernel cannot tell (include/uapi/linux/inet_diag.h).
 * @throws {KernelError} when the kernel refuses the question.
 */
export async function idleSocketInodes(binding: PortBinding): Promise<readonly number[]> {
  await using transport = openTransport({ protocol: NETLINK_SOCK_DIAG });
  const replies = await dumpIdle(transport, 6, binding.port);
  // A socket of [::] without IPV6_V6ONLY holds the port for IPv4 too.
  if (familyOf(binding.ip) === 4) replies.push(...(await dumpIdle(transport, 4, binding.port)));
  return replies.flatMap((reply) => standsInTheWay(reply, binding) ?? []);
}

async function dumpIdle(transport: NetlinkTransport, family: Family, port: number): Promise<Uint8Array[]> {
  const request = { type: SOCK_DIAG_BY_FAMILY, flags: 0, payload: encodeRequest(family, port) };
  try {
    return (await transport.dump(request)).map(({ payload }) => payload);
  } catch (error) {
    // A kernel without inet_diag for the family (net/core/sock_diag.c: __sock_diag_cmd()).
    if (error instanceof KernelError && error.errno === 'ENOENT') return [];
    throw error;
  }
}

/** A dump request for idle TCP sockets of one family with one local port. */
export function encodeRequest(family: Family, port: number): Uint8Array {
  const bytes = new Uint8Array(REQUEST.size);
  const view = new DataView(bytes.buffer);
  bytes.set([AF[family], IPPROTO_TCP]);
  view.setUint32(REQUEST.states, TCPF_BOUND_INACTIVE, true);
  view.setUint16(REQUEST.sport, port);
  return bytes;
}

/** The inode of the socket in a reply, if it collides with the binding. */
export function standsInTheWay(reply: Uint8Array, binding: PortBinding): number | undefined {
  if (reply.length < REPLY.size) return undefined;
  const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
  if (view.getUint16(REPLY.sport) !== binding.port) return undefined;
  const source = reply.subarray(REPLY.source, REPLY.source + (reply[0] === AF[4] ? 4 : 16));
  const everywhere = source.every((byte) => byte === 0) || isUnspecified(binding.ip);
  if (!everywhere && Buffer.compare(source, ipToBytes(binding.ip)) !== 0) return undefined;
  return view.getUint32(REPLY.inode, true);
}
