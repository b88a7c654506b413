import { BITS, type Cidr, cidrRange, cidrsOverlap, type Family, ipFromBigint } from '../core/address.ts';
import { InvalidArgument } from '../core/errors.ts';
import type { HostRoute } from '../core/ports.ts';

/** A range from which automatic pools are carved. */
export interface PoolSource {
  readonly base: Cidr;
  /** Prefix length of a pool when the request names none. */
  readonly prefix: number;
}

/**
 * Where automatic IPv4 pools come from, in this order.
 *
 * 10.64.0.0/12 in /24s: 4,096 networks of 254 addresses, in a part of 10/8 away from what others take by default:
 * the low tenths of office and cloud networks (10.0–10.31), Weave (10.32/12), k3s (10.42, 10.43), podman (10.88,
 * 10.89), Kubernetes services (10.96/12), Google's VPCs (10.128/9), flannel (10.244/16). 172.16.0.0/16 comes second
 * because a VPN may route all of 10/8; Docker's own defaults begin at 172.17 and fill 192.168/16.
 */
export const DEFAULT_IPV4_SOURCES: readonly PoolSource[] = [
  { base: '10.64.0.0/12' as Cidr, prefix: 24 },
  { base: '172.16.0.0/16' as Cidr, prefix: 24 },
];

/** Prefix length of IPv6 pools when the request names none (RFC 4291 section 2.5.1). */
export const IPV6_PREFIX = 64;

/**
 * The /48 of RFC 4193 section 3.2.
 * @param globalId 5 random bytes.
 */
export function ulaPrefix(globalId: Uint8Array): Cidr {
  let value = 0xfdn;
  for (const byte of globalId.subarray(0, 5)) value = (value << 8n) | BigInt(byte);
  return `${ipFromBigint(value << 80n, 6)}/48` as Cidr;
}

/**
 * Routes that a pool must stay clear of: all but the default route, in one piece (`0.0.0.0/0`, `::/0`) or in the
 * two halves that VPN programs use (`0.0.0.0/1`, `128.0.0.0/1`). Everything else counts, whatever its table.
 */
export function occupyingRoutes(routes: readonly HostRoute[]): readonly HostRoute[] {
  return routes.filter(({ destination }) => cidrRange(destination).prefix > 1);
}

/**
 * The first subnet of the sources that overlaps nothing in `avoid`, in the order of the sources and upwards within
 * one; undefined when there is none. Costs what sorting `avoid` costs, not what the range holds.
 * @param prefix length of the pool; undefined takes each source's own.
 * @throws {InvalidArgument} when no source is as large as the pool asked for.
 */
export function choosePool(
  sources: readonly PoolSource[],
  prefix: number | undefined,
  avoid: readonly Cidr[],
): Cidr | undefined {
  const roomy = sources.filter(({ base }) => prefix === undefined || prefix >= cidrRange(base).prefix);
  if (roomy.length === 0) {
    const bases = sources.map(({ base }) => base).join(', ');
    throw new InvalidArgument(`no pool of size /${prefix} fits in ${bases}: give a subnet`);
  }
  for (const source of roomy) {
    const found = firstFree(source.base, prefix ?? source.prefix, avoid);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstFree(base: Cidr, prefix: number, avoid: readonly Cidr[]): Cidr | undefined {
  const { first, last, family } = cidrRange(base);
  const size = 1n << BigInt(BITS[family] - prefix);
  let at = first;
  for (const blocked of blockedRanges(base, avoid)) {
    if (blocked.last < at) continue;
    if (blocked.first > at + size - 1n) break;
    at = (blocked.last / size + 1n) * size;
  }
  return at + size - 1n <= last ? cidrAt(at, prefix, family) : undefined;
}

function blockedRanges(
  base: Cidr,
  avoid: readonly Cidr[],
): readonly { readonly first: bigint; readonly last: bigint }[] {
  const ranges = avoid.filter((cidr) => cidrsOverlap(base, cidr)).map((cidr) => cidrRange(cidr));
  return ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
}

function cidrAt(first: bigint, prefix: number, family: Family): Cidr {
  return `${ipFromBigint(first, family)}/${prefix}` as Cidr;
}
