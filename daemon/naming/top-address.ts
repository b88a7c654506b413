import { type Cidr, cidrRange, type Ip, ipFromBigint, usableRange } from '../../core/address.ts';

/** Addresses looked at before a subnet counts as full. */
const MOST_LOOKED_AT = 65_536n;

/**
 * The highest free address of a subnet: Docker's own IPAM gives from the bottom, and cannot be told to leave one out.
 * @returns undefined when there is none among the 65,536 highest.
 */
export function topAddress(subnet: Cidr, isTaken: (ip: Ip) => boolean): Ip | undefined {
  const { family } = cidrRange(subnet);
  const { first, last } = usableRange(subnet);
  for (let at = last; at >= first && last - at < MOST_LOOKED_AT; at--) {
    const ip = ipFromBigint(at, family);
    if (!isTaken(ip)) return ip;
  }
  return undefined;
}
