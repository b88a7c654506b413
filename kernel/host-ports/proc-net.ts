import { type Ip, ipToBytes } from '../../core/address.ts';
import { isUnspecified } from './port-table.ts';

/** One socket of /proc/net/{tcp,udp}[6] that uses a port of interest. */
export interface ProcSocket {
  /** `TCP_LISTEN` is 10, `TCP_TIME_WAIT` 6, an unconnected UDP socket 7 (include/net/tcp_states.h). */
  readonly state: number;
  /** 0 when no process has it any more. */
  readonly inode: number;
}

/** An address as /proc/net shows it: each 32-bit word in the byte order of a little-endian host, in hex. */
export function procAddress(ip: Ip): string {
  const bytes = Buffer.from(ipToBytes(ip));
  return bytes.swap32().toString('hex').toUpperCase();
}

const ANY = ['00000000', '0'.repeat(32)];

/**
 * Makes a reader of lines of /proc/net/{tcp,tcp6,udp,udp6} (net/ipv4/tcp_ipv4.c: get_tcp4_sock()) that gives the
 * socket when it stands in the way of binding `ip` and `port`, and undefined for other lines and the heading.
 */
export function procSocketReader(ip: Ip, port: number): (line: string) => ProcSocket | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const address = procAddress(ip);
  const everywhere = isUnspecified(ip);
  return (line) => {
    if (!line.includes(suffix)) return undefined;
    const fields = line.trim().split(/\s+/);
    const [local, state, inode] = [fields[1], fields[3], fields[9]];
    if (local === undefined || state === undefined || inode === undefined || !local.endsWith(suffix)) {
      return undefined;
    }
    const bound = local.slice(0, -suffix.length);
    if (!everywhere && bound !== address && !ANY.includes(bound)) return undefined;
    return { state: Number.parseInt(state, 16), inode: Number(inode) };
  };
}
