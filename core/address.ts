import { Address4, Address6 } from 'ip-address';
import { InvalidArgument } from './errors.ts';
import { quote } from './ids.ts';

declare const brand: unique symbol;
/** Canonical text of an IPv4 or IPv6 address (RFC 5952 for IPv6), no zone. */
export type Ip = string & { readonly [brand]: 'Ip' };
/** Canonical text of a subnet, host bits zero: `10.0.0.0/24`, `fd00::/64`. */
export type Cidr = string & { readonly [brand]: 'Cidr' };
export type Family = 4 | 6;
/** An address as configured on an interface: the host's address and its subnet's prefix length. */
export interface IfAddress {
  readonly ip: Ip;
  readonly prefix: number;
}

/** Number of bits in an address of the family. */
export const BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

export function familyOf(address: Ip | Cidr): Family {
  return address.includes(':') ? 6 : 4;
}

/**
 * An address of either family in canonical text. IPv4-mapped IPv6 becomes plain IPv6 text.
 * @throws {InvalidArgument} for anything else: leading zeros, a zone, a prefix length, a name.
 */
export function parseIp(text: unknown, field: string): Ip {
  if (typeof text === 'string' && text.length <= 45 && !text.includes('/') && !text.includes('%')) {
    if (text.includes(':')) {
      if (Address6.isValid(text)) return new Address6(text).correctForm() as Ip;
    } else if (/^\d+\.\d+\.\d+\.\d+$/.test(text) && Address4.isValid(text)) {
      return new Address4(text).correctForm() as Ip;
    }
  }
  throw new InvalidArgument(`${field} ${quote(text)} is not an IP address`, { field });
}

/**
 * Splits `address/prefix` as found on an interface; host bits may be set.
 * @throws {InvalidArgument} when either half is wrong or the prefix is out of range for the family.
 */
export function parseIfAddress(text: unknown, field: string): IfAddress {
  if (typeof text !== 'string')
    throw new InvalidArgument(`${field} ${quote(text)} is not address/prefix`, { field });
  const slash = text.indexOf('/');
  const bits = text.slice(slash + 1);
  if (slash < 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) {
    throw new InvalidArgument(`${field} ${quote(text)} is not address/prefix`, { field });
  }
  const ip = parseIp(text.slice(0, slash), field);
  const prefix = Number(bits);
  if (prefix > BITS[familyOf(ip)]) {
    throw new InvalidArgument(
      `${field} ${quote(text)}: prefix length ${prefix} is over ${BITS[familyOf(ip)]}`,
      { field },
    );
  }
  return { ip, prefix };
}

/**
 * The subnet that `text` names, host bits cleared.
 * @throws {InvalidArgument} when it is not address/prefix.
 */
export function parseCidr(text: unknown, field: string): Cidr {
  return subnetOf(parseIfAddress(text, field));
}

export function formatIfAddress(address: IfAddress): string {
  return `${address.ip}/${address.prefix}`;
}

export function subnetOf(address: IfAddress): Cidr {
  const family = familyOf(address.ip);
  const hostBits = BigInt(BITS[family] - address.prefix);
  return `${ipFromBigint((ipToBigint(address.ip) >> hostBits) << hostBits, family)}/${address.prefix}` as Cidr;
}

export function ipToBigint(ip: Ip): bigint {
  return familyOf(ip) === 4 ? new Address4(ip).bigInt() : new Address6(ip).bigInt();
}

/** @param value must be within the family's range; larger values are a bug of the caller. */
export function ipFromBigint(value: bigint, family: Family): Ip {
  return (family === 4 ? Address4.fromBigInt(value) : Address6.fromBigInt(value)).correctForm() as Ip;
}

/** Network-order bytes: 4 or 16. */
export function ipToBytes(ip: Ip): Uint8Array {
  if (familyOf(ip) === 4) return Uint8Array.from(ip.split('.'), Number);
  return bigintToBytes(ipToBigint(ip), 16);
}

/** @param bytes 4 or 16 bytes in network order. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return bytes.join('.') as Ip;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return ipFromBigint(value, 6);
}

function bigintToBytes(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** First and last address of a subnet as numbers, inclusive. */
export function cidrRange(cidr: Cidr): {
  readonly first: bigint;
  readonly last: bigint;
  readonly family: Family;
  readonly prefix: number;
} {
  const [base, bits] = cidr.split('/') as [Ip, string];
  const family = familyOf(cidr);
  const prefix = Number(bits);
  const first = ipToBigint(base);
  return { first, last: first + (1n << BigInt(BITS[family] - prefix)) - 1n, family, prefix };
}

export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  if (familyOf(cidr) !== familyOf(ip)) return false;
  const { first, last } = cidrRange(cidr);
  const value = ipToBigint(ip);
  return value >= first && value <= last;
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  if (familyOf(a) !== familyOf(b)) return false;
  const x = cidrRange(a);
  const y = cidrRange(b);
  return x.first <= y.last && y.first <= x.last;
}

/**
 * First and last address of a subnet that a host may have: without network and broadcast address for IPv4 up to /30
 * (RFC 3021 uses both of a /31), without the subnet-router anycast address for IPv6 up to /126 (RFC 4291 section
 * 2.6.1; RFC 6164 for /127).
 */
export function usableRange(cidr: Cidr): { readonly first: bigint; readonly last: bigint } {
  const { first, last, family, prefix } = cidrRange(cidr);
  if (BITS[family] - prefix < 2) return { first, last };
  return { first: first + 1n, last: family === 4 ? last - 1n : last };
}

/** What an address of the subnet is when no host may have it; undefined when one may. */
export function reservedRole(
  cidr: Cidr,
  ip: Ip,
): 'network' | 'broadcast' | 'subnet-router anycast' | undefined {
  const { first, last } = usableRange(cidr);
  const value = ipToBigint(ip);
  if (value > last) return 'broadcast';
  if (value >= first) return undefined;
  return familyOf(ip) === 4 ? 'network' : 'subnet-router anycast';
}

/** Ranges no subnet of containers may overlap: loopback and multicast. */
export const UNUSABLE_RANGES = [
  '127.0.0.0/8',
  '224.0.0.0/4',
  '::1/128',
  'ff00::/8',
] as readonly string[] as readonly Cidr[];
