import { readFileSync } from 'node:fs';
import { Unavailable } from '../core/errors.ts';

/** include/uapi/linux/capability.h */
const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_ADMIN: 21 } as const;

/** @throws {Unavailable} naming the capabilities weftd lacks and how to give them. */
export function assertPrivileges(): void {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const bits = BigInt(`0x${effective}`);
  const missing = Object.entries(CAPABILITIES).filter(([, bit]) => ((bits >> BigInt(bit)) & 1n) === 0n);
  if (missing.length > 0) {
    throw new Unavailable(
      `weftd lacks ${missing.map(([name]) => name).join(', ')}: run it as root or grant them`,
    );
  }
}
