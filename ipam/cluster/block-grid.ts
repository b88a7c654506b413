import { createHash } from 'node:crypto';
import {
  BITS,
  type Cidr,
  cidrRange,
  type Family,
  familyOf,
  type Ip,
  ipFromBigint,
  ipToBigint,
  parseIp,
} from '../../core/address.ts';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { Range } from '../range.ts';

/**
 * Prefix length of the blocks of a subnet: about as many blocks as addresses in each, so at least 16 blocks where
 * that leaves them 4 addresses. /24 → /28, /16 → /24, IPv6 /64 → /96; /26 → /30; a /30 and less is one block.
 */
export function blockPrefix(pool: Cidr): number {
  const { prefix, family } = cidrRange(pool);
  const hostBits = BITS[family] - prefix;
  const parts = Math.max(4, Math.floor(hostBits / 2));
  return Math.max(prefix, Math.min(prefix + parts, BITS[family] - 2));
}

/** The blocks of one subnet of a network, numbered from 0. */
export class BlockGrid {
  readonly pool: Cidr;
  readonly count: bigint;
  readonly #prefix: string;
  readonly #length: number;
  readonly #family: Family;
  readonly #first: bigint;
  readonly #last: bigint;
  readonly #bits: bigint;

  constructor(network: string, pool: Cidr) {
    const { first, last, family, prefix } = cidrRange(pool);
    this.pool = pool;
    this.#length = blockPrefix(pool);
    this.#bits = BigInt(BITS[family] - this.#length);
    this.count = 1n << BigInt(this.#length - prefix);
    this.#prefix = blockPrefixOf(network);
    this.#family = family;
    this.#first = first;
    this.#last = last;
  }

  contains(ip: Ip): boolean {
    const value = ipToBigint(ip);
    return familyOf(ip) === this.#family && value >= this.#first && value <= this.#last;
  }

  indexOf(ip: Ip): bigint {
    return this.indexAt(ipToBigint(ip));
  }

  indexAt(value: bigint): bigint {
    return (value - this.#first) >> this.#bits;
  }

  range(index: bigint): Range {
    const first = this.#first + (index << this.#bits);
    return { first, last: first + (1n << this.#bits) - 1n };
  }

  cidrAt(index: bigint): Cidr {
    return `${ipFromBigint(this.range(index).first, this.#family)}/${this.#length}` as Cidr;
  }

  keyAt(index: bigint): string {
    return this.#prefix + this.cidrAt(index);
  }

  /** Number of the block that a key names; undefined when it is none of this grid. */
  parseKey(key: string): bigint | undefined {
    return key.startsWith(this.#prefix) ? this.parseCidr(key.slice(this.#prefix.length)) : undefined;
  }

  /** Number of a block; undefined when the text is no block of this grid. */
  parseCidr(text: string): bigint | undefined {
    const [base, length] = text.split('/');
    if (length !== String(this.#length) || !isCanonical(base)) return undefined;
    if (!this.contains(base)) return undefined;
    const value = ipToBigint(base);
    const index = this.indexAt(value);
    return this.range(index).first === value ? index : undefined;
  }
}

function isCanonical(text: string | undefined): text is Ip {
  try {
    return text !== undefined && parseIp(text, 'block') === text;
  } catch (error) {
    if (error instanceof InvalidArgument) return false;
    throw error;
  }
}

/** Where the keys of a network's blocks begin. */
export function blockPrefixOf(network: string): string {
  return `${CLUSTER_KEYS.block}${network}/`;
}

/** A number that differs from node to node and is the same each time. */
export function preference(...parts: readonly string[]): bigint {
  return createHash('sha256').update(parts.join('\0')).digest().readBigUInt64BE();
}
