import { createHash, randomUUID } from 'node:crypto';
import type { IfName, Mac, PoolId } from '../../core/ids.ts';
import { derivedMac } from '../../core/names.ts';
import type { DhcpLeases } from './dhcp-leases.ts';

/** RFC 1035 section 2.3.4. */
const LONGEST_NAME = 63;

/** How a DHCP server knows a container. */
export interface ClientNames {
  readonly mac: Mac;
  readonly clientId: Uint8Array;
  readonly hostname?: string;
}

/**
 * A container of the same name on the same network of this host is the same client, and gets the same address again
 * where the server remembers it; one without a known name is a new one, and so is one whose name is still that of a
 * lease, as of a container that was renamed.
 */
export function clientNames(
  { leases, hostId }: { readonly leases: DhcpLeases; readonly hostId: string },
  {
    device,
    poolId,
    name,
  }: { readonly device: IfName; readonly poolId: PoolId; readonly name: string | undefined },
): ClientNames {
  const hostname = hostnameOf(name);
  const named = hostname === undefined ? {} : { hostname };
  if (name !== undefined && name !== '') {
    const known = clientOf(`${hostId} ${poolId} ${name}`);
    if (!leases.isTaken({ device, ...known })) return { ...known, ...named };
  }
  return { ...clientOf(randomUUID()), ...named };
}

/** MAC and client identifier (option 61) of a client: type 0, which is neither a MAC nor anything else (RFC 2132). */
function clientOf(seed: string): { readonly mac: Mac; readonly clientId: Uint8Array } {
  const digest = createHash('sha256').update('dhcp ').update(seed).digest('hex').slice(0, 16);
  return { mac: derivedMac(`dhcp ${seed}`), clientId: Uint8Array.of(0, ...Buffer.from(`weft-${digest}`)) };
}

/** A container's name as a host name (RFC 952, RFC 1123 section 2.1); undefined when nothing is left of it. */
export function hostnameOf(name: string | undefined): string | undefined {
  const text = (name ?? '')
    .replace(/[^A-Za-z0-9-]+/g, '-')
    .slice(0, LONGEST_NAME)
    .replace(/^-+|-+$/g, '');
  return text === '' ? undefined : text;
}
