import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { Ip } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { Kernel } from '../../core/ports.ts';

/** Of documentation (RFC 5737, RFC 3849): routed like any address that is not near; nothing is sent there. */
const FAR = [
  { type: 'udp4', address: '192.0.2.1' },
  { type: 'udp6', address: '2001:db8::1' },
] as const;
const LOOPBACK = '127.0.0.1' as Ip;

/** Where this host's tunnels end. */
export interface Underlay {
  readonly address: Ip;
  /** MTU of the link that has the address, bytes; absent where it cannot be told. */
  readonly mtu?: number;
}

/**
 * The underlay: the address asked for, or the one that the default route sends from.
 * @param alone a cluster of one needs no way to others, and makes do with loopback.
 * @throws {InvalidArgument} when there is neither.
 */
export async function findUnderlay(kernel: Kernel, asked: Ip | undefined, alone: boolean): Promise<Underlay> {
  const address = asked ?? (await defaultSource()) ?? (alone ? LOOPBACK : undefined);
  if (address === undefined) {
    throw new InvalidArgument(
      '--address is not given, and this host has no default route to take it from: name the address that other hosts reach',
      { field: 'address' },
    );
  }
  const dev = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some((each) => each.address === address),
  )?.[0];
  const mtu = (await kernel.links()).find(({ name }) => name === dev)?.mtu;
  return { address, ...(mtu === undefined || mtu === 0 ? {} : { mtu }) };
}

/** The kernel chooses a source address when a datagram socket is connected; that sends nothing. */
async function defaultSource(): Promise<Ip | undefined> {
  for (const { type, address } of FAR) {
    const socket = createSocket(type);
    try {
      socket.connect(9, address);
      await once(socket, 'connect');
      return socket.address().address as Ip;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    } finally {
      socket.close();
    }
  }
  return undefined;
}
