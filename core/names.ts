import { createHash } from 'node:crypto';
import { InvalidArgument } from './errors.ts';
import { type IfName, type Mac, quote } from './ids.ts';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Links that begin so are weft's: bridge, VXLAN, host end and container end of a veth pair; a container's link on a LAN,
 * the parent of an internal network's links, the host's own link on a LAN.
 */
export type LinkPrefix = 'wb' | 'wx' | 'wv' | 'wc' | 'wl' | 'wp' | 'wh';

/** Matches names that nobody else may give, and says so in a message. */
export const OWN_NAME = /^w[bxvclph]-/;
export const OWN_NAMES = 'names that begin with wb-, wx-, wv-, wc-, wl-, wp- or wh-';

/** Matches every link name that `linkName` can give. */
export const DERIVED_NAME = /^w[bxvclph]-[a-z2-7]{10}$/;

/**
 * A link name derived from an id: the same after a restart, 13 bytes, 50 bits of SHA-256, so that two of a million
 * ids share a name with a chance of one in two thousand (eight hex digits: certainly).
 */
export function linkName(prefix: LinkPrefix, id: string): IfName {
  return `${prefix}-${suffixOf(id)}` as IfName;
}

/** The id asked for last and its suffix: entries of one network are planned many thousand at a time. */
let last = { id: '', suffix: '' };

function suffixOf(id: string): string {
  if (last.id !== id) last = { id, suffix: derivedSuffix(id) };
  return last.suffix;
}

function derivedSuffix(id: string): string {
  const digest = createHash('sha256').update(id).digest();
  let bits = digest.readBigUInt64BE(0) >> 14n;
  let text = '';
  for (let i = 0; i < 10; i++) {
    text = BASE32.charAt(Number(bits & 31n)) + text;
    bits >>= 5n;
  }
  return text;
}

/** A locally administered unicast MAC derived from an id (IEEE 802-2014 section 8.4). */
export function derivedMac(id: string): Mac {
  const digest = createHash('sha256').update('mac ').update(id).digest();
  const bytes = [((digest[0] ?? 0) & 0xfc) | 0x02, ...digest.subarray(1, 6)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}

const NETWORK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/**
 * The cluster-wide name of an overlay network: what Docker takes for a name (moby: daemon/names), at most 63 characters,
 * so that it is a part of a key in the store and a label in DNS.
 * @throws {InvalidArgument} naming the field, the value and what is accepted.
 */
export function parseNetworkName(text: unknown, field: string): string {
  if (typeof text === 'string' && NETWORK_NAME.test(text)) return text;
  throw new InvalidArgument(
    `${field} is ${quote(text)}: expected 1–63 letters, digits, ".", "_" or "-", beginning with a letter or digit`,
    { field },
  );
}
