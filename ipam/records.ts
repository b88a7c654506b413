import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { type Cidr, cidrContains, type Ip, parseCidr, parseIp } from '../core/address.ts';
import { DecodeError } from '../core/errors.ts';
import { type PoolId, parseMac } from '../core/ids.ts';
import type { AddressConflict, Lease } from './addresses.ts';

/** A pool as stored under `pool/<space>/<cidr>`. */
export interface PoolRecord {
  readonly subPool?: Cidr;
  /** The user's `--ipam-opt` map, null from swarm. */
  readonly options: Readonly<Record<string, string>> | null;
  /** Was asked for again by swarm: from then on explicit addresses may be, too. */
  readonly repeated: boolean;
  /** Nobody named the subnet: weft chose it. */
  readonly chosen?: true;
  readonly createdAt: number;
  /** The cluster network whose hosts share the subnet. */
  readonly shared?: {
    readonly network: string;
    /** Gateway and auxiliary addresses, the same on every host. */
    readonly reserved: readonly Ip[];
  };
}

/** An address as stored under `lease/<space>/<cidr>/<ip>`; kept after release for as long as it rests. */
export interface LeaseRecord {
  readonly lease: Lease;
  /** When the address may be given automatically again; milliseconds since the epoch. */
  readonly restsUntil?: number;
  /**
   * Somebody else on the LAN has the address: the lease was never given, its MAC is theirs, and its name the link of
   * this host that has it. A weft that does not know of this takes the address for one that rests.
   */
  readonly conflict?: true;
}

const PoolJson = Compile(
  Type.Object({
    subPool: Type.Optional(Type.String()),
    options: Type.Union([Type.Null(), Type.Record(Type.String(), Type.String())]),
    repeated: Type.Boolean(),
    chosen: Type.Optional(Type.Literal(true)),
    createdAt: Type.Number(),
    shared: Type.Optional(
      Type.Object({
        network: Type.String({ minLength: 1, maxLength: 255 }),
        reserved: Type.Array(Type.String()),
      }),
    ),
  }),
);
const LeaseJson = Compile(
  Type.Object({
    kind: Type.Union([Type.Literal('gateway'), Type.Literal('endpoint'), Type.Literal('service')]),
    name: Type.Optional(Type.String()),
    mac: Type.Optional(Type.String()),
    createdAt: Type.Number(),
    restsUntil: Type.Optional(Type.Number()),
    conflict: Type.Optional(Type.Literal(true)),
  }),
);

export const POOL_PREFIX = 'pool/';
export const LEASE_PREFIX = 'lease/';
/** The /48 of this installation as text. */
export const ULA_KEY = 'ula';

export function poolKey(id: PoolId): string {
  return `${POOL_PREFIX}${id}`;
}

export function leaseKey(id: PoolId, ip: Ip): string {
  return `${LEASE_PREFIX}${id}/${ip}`;
}

/** @throws {DecodeError} */
export function parsePoolKey(key: string): {
  readonly id: PoolId;
  readonly space: string;
  readonly pool: Cidr;
} {
  const [, id, space, cidr] = /^pool\/(([^/]+)\/([^/]+\/\d+))$/.exec(key) ?? [];
  return decoding(`pool key ${key}`, () => {
    if (id === undefined || space === undefined || parseCidr(cidr, 'pool') !== cidr)
      throw new DecodeError('not canonical');
    return { id: id as PoolId, space, pool: cidr as Cidr };
  });
}

/** @throws {DecodeError} */
export function parseLeaseKey(key: string): { readonly id: PoolId; readonly ip: Ip } {
  const [, id, cidr, ip] = /^lease\/([^/]+\/([^/]+\/\d+))\/([^/]+)$/.exec(key) ?? [];
  return decoding(`lease key ${key}`, () => {
    if (
      id === undefined ||
      parseIp(ip, 'address') !== ip ||
      !cidrContains(parseCidr(cidr, 'pool'), ip as Ip)
    ) {
      throw new DecodeError('not canonical');
    }
    return { id: id as PoolId, ip: ip as Ip };
  });
}

export function encodePool(record: PoolRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

/** @throws {DecodeError} */
export function decodePool(key: string, value: Uint8Array): PoolRecord {
  return decoding(key, () => {
    const { subPool, shared, ...rest } = PoolJson.Parse(parseJson(value));
    return {
      ...rest,
      ...(subPool === undefined ? {} : { subPool: parseCidr(subPool, 'subPool') }),
      ...(shared === undefined
        ? {}
        : { shared: { ...shared, reserved: shared.reserved.map((ip) => parseIp(ip, 'reserved')) } }),
    };
  });
}

export function encodeLease({ lease, restsUntil, conflict }: LeaseRecord): Uint8Array {
  const { ip: _, ...rest } = lease;
  return new TextEncoder().encode(JSON.stringify({ ...rest, restsUntil, conflict }));
}

/** The record of an address that somebody else has. */
export function conflictRecord({ ip, mac, dev, foundAt, until }: AddressConflict): LeaseRecord {
  return {
    lease: { ip, kind: 'endpoint', mac, createdAt: foundAt, ...(dev === undefined ? {} : { name: dev }) },
    restsUntil: until,
    conflict: true,
  };
}

/** What a record says of somebody else; undefined when it is about weft's own lease. */
export function conflictOf({ lease, restsUntil, conflict }: LeaseRecord): AddressConflict | undefined {
  const { ip, mac, name, createdAt } = lease;
  if (conflict === undefined || restsUntil === undefined || mac === undefined) return undefined;
  const dev = name === undefined ? {} : { dev: name };
  return { ip, mac, ...dev, foundAt: createdAt, until: restsUntil };
}

/** @throws {DecodeError} */
export function decodeLease(key: string, ip: Ip, value: Uint8Array): LeaseRecord {
  return decoding(key, () => {
    const { restsUntil, mac, name, kind, createdAt, conflict } = LeaseJson.Parse(parseJson(value));
    const lease = {
      ip,
      kind,
      createdAt,
      ...(name === undefined ? {} : { name }),
      ...(mac === undefined ? {} : { mac: parseMac(mac, 'mac') }),
    };
    return {
      lease,
      ...(restsUntil === undefined ? {} : { restsUntil }),
      ...(conflict === undefined ? {} : { conflict }),
    };
  });
}

function parseJson(value: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
}

function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new DecodeError(`${what} is not readable`, {}, { cause: error });
  }
}
