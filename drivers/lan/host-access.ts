import { BITS, cidrRange, familyOf, type IfAddress, ipFromBigint } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { NetworkRequest, Subnet } from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';

/** Name of the auxiliary address (`--aux-address`) that the host's own link takes. */
const HOST = 'weft.host';

/** In a subnet of so many bits nobody but the host meets an address that is derived from the network's id. */
const ROOMY = 64;

/** What decides which addresses the host's own link has. */
export interface HostPlace {
  readonly request: Pick<NetworkRequest, 'id' | 'ipv4' | 'ipv6'>;
  /** The network is on no LAN: its gateway's address is no other machine's. */
  readonly ownParent: boolean;
}

/**
 * Addresses of the host's own link: those set aside for it, the gateway's where the network is on no LAN, and in wide
 * IPv6 subnets one derived from the network's id. An IPv4 macvlan link on a LAN needs none: the host speaks with an
 * address that it has already, and answers ARP for it there.
 */
export function hostAddresses(place: HostPlace): readonly IfAddress[] {
  const { ipv4, ipv6 } = place.request;
  return [...ipv4, ...ipv6].flatMap((subnet) => addressIn(place, subnet));
}

function addressIn({ request, ownParent }: HostPlace, subnet: Subnet): readonly IfAddress[] {
  const family = familyOf(subnet.pool);
  const ip = subnet.aux[HOST] ?? (ownParent ? subnet.gateway?.ip : undefined);
  if (ip !== undefined) return [{ ip, prefix: BITS[family] }];
  return family === 6 ? derivedAddress(request.id, subnet) : [];
}

function derivedAddress(id: string, { pool }: Subnet): readonly IfAddress[] {
  const { first, prefix } = cidrRange(pool);
  if (prefix > ROOMY) return [];
  // The network's MAC as EUI-64 (RFC 4291 appendix A), which differs from host to host as Docker's ids do.
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = derivedMac(`${id} host`)
    .split(':')
    .map((byte) => BigInt(Number.parseInt(byte, 16)));
  const bytes = [a ^ 2n, b, c, 0xffn, 0xfen, d, e, f];
  const suffix = bytes.reduce((sum, byte) => (sum << 8n) | byte, 0n);
  return [{ ip: ipFromBigint(first | suffix, 6), prefix: BITS[6] }];
}

/** Why the host has no link beside those of the containers, for the kinds of links that are not `bridge`. */
const APART: Readonly<Record<'private' | 'vepa', string>> = {
  private: 'reach none of their parent',
  vepa: 'reach each other by a switch that sends frames back, and the host has no way to know of one',
};

/** How the containers' links of a network reach each other. */
export interface Reach {
  /** The option that says so. */
  readonly key: 'macvlan_mode' | 'ipvlan_flag';
  readonly value: string;
  /** Whether the host's link needs an address of its own for IPv4 as well. */
  readonly needsAddress: boolean;
}

/**
 * @throws {InvalidArgument} when the host can have no link there, saying why, or a subnet has no address for it.
 */
export function checkHostAccess(place: HostPlace, { key, value, needsAddress }: Reach): void {
  const why = withoutHost(key, value);
  if (why !== undefined) {
    throw new InvalidArgument(`option weft.host_access is true: ${why}; it needs ${key}=bridge`, {
      field: 'weft.host_access',
    });
  }
  checkHostAddresses(place, needsAddress);
}

function withoutHost(key: Reach['key'], value: string): string | undefined {
  if (value === 'passthru') return 'a parent in mode "passthru" has one link only';
  if (value !== 'private' && value !== 'vepa') return undefined;
  return `links ${key === 'macvlan_mode' ? 'in mode' : 'with the flag'} "${value}" ${APART[value]}`;
}

function checkHostAddresses(place: HostPlace, needsAddress: boolean): void {
  const { ipv4, ipv6 } = place.request;
  const needing = needsAddress || place.ownParent ? [...ipv4, ...ipv6] : ipv6;
  const lacking = needing.filter((subnet) => addressIn(place, subnet).length === 0);
  for (const { pool } of lacking) {
    throw new InvalidArgument(
      `option weft.host_access: the host needs an address in subnet ${pool}: --aux-address ${HOST}=ADDRESS sets one aside`,
      { field: 'weft.host_access' },
    );
  }
}
