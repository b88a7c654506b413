import { BITS, cidrRange, type Family, type IfAddress, ipFromBigint } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { NetworkRequest, Subnet } from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';

/** Name of the auxiliary address (`--aux-address`) that the host's own link takes. */
const HOST = 'weft.host';

/** In a subnet of so many bits nobody but the host meets an address that is derived from the network's id. */
const ROOMY = 64;

/**
 * Addresses of the host's own link: those set aside for it, and in wide IPv6 subnets one derived from the network's id.
 * An IPv4 macvlan link needs none: the host speaks with an address that it has already, and answers ARP for it there.
 */
export function hostAddresses({
  id,
  ipv4,
  ipv6,
}: Pick<NetworkRequest, 'id' | 'ipv4' | 'ipv6'>): readonly IfAddress[] {
  return [
    ...ipv4.flatMap((subnet) => asideFor(subnet, 4)),
    ...ipv6.flatMap((subnet) => {
      const aside = asideFor(subnet, 6);
      return aside.length > 0 ? aside : derivedAddress(id, subnet);
    }),
  ];
}

function asideFor({ aux }: Subnet, family: Family): readonly IfAddress[] {
  const ip = aux[HOST];
  return ip === undefined ? [] : [{ ip, prefix: BITS[family] }];
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
export function checkHostAccess(request: NetworkRequest, { key, value, needsAddress }: Reach): void {
  const why = withoutHost(key, value);
  if (why !== undefined) {
    throw new InvalidArgument(`option weft.host_access is true: ${why}; it needs ${key}=bridge`, {
      field: 'weft.host_access',
    });
  }
  checkHostAddresses(request, needsAddress);
}

function withoutHost(key: Reach['key'], value: string): string | undefined {
  if (value === 'passthru') return 'a parent in mode "passthru" has one link only';
  if (value !== 'private' && value !== 'vepa') return undefined;
  return `links ${key === 'macvlan_mode' ? 'in mode' : 'with the flag'} "${value}" ${APART[value]}`;
}

function checkHostAddresses(request: NetworkRequest, needsAddress: boolean): void {
  const lacking = [
    ...(needsAddress ? request.ipv4.filter(({ aux }) => aux[HOST] === undefined) : []),
    ...request.ipv6.filter(
      (subnet) => asideFor(subnet, 6).length + derivedAddress(request.id, subnet).length === 0,
    ),
  ];
  for (const { pool } of lacking) {
    throw new InvalidArgument(
      `option weft.host_access: the host needs an address in subnet ${pool}: --aux-address ${HOST}=ADDRESS sets one aside`,
      { field: 'weft.host_access' },
    );
  }
}
