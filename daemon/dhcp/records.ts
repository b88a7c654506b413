import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Cidr, cidrRange, type Ip, parseCidr, parseIp } from '../../core/address.ts';
import { DecodeError, errorMessage } from '../../core/errors.ts';
import { type IfName, type Mac, type PoolId, parseIfName, parseMac } from '../../core/ids.ts';
import { type DhcpLease, type Identity, NO_IP } from '../../ipam/dhcp/index.ts';

/** What an address is asked for with. */
export interface DhcpAsk {
  readonly pool: { readonly id: PoolId; readonly subnet: Cidr };
  /** The host's device on whose LAN the server is. */
  readonly device: IfName;
  /** The MAC that the container's link will have. */
  readonly mac: Mac;
  /** Option 61; servers give the same client the same address again. */
  readonly clientId: Uint8Array;
  /** Option 12. */
  readonly hostname?: string;
  /** This address and no other. */
  readonly wanted?: Ip;
}

/** A lease of the LAN's DHCP server as stored under `dhcp/<space>/<subnet>/<ip>`: enough to go on after a restart. */
export interface DhcpRecord {
  readonly poolId: PoolId;
  readonly subnet: Cidr;
  /** The host's device through which the server is reached. */
  readonly device: IfName;
  readonly mac: Mac;
  /** Option 61 in hex. */
  readonly clientId: string;
  readonly hostname?: string;
  readonly lease: DhcpLease;
  /** Present while no server grants the address that a container still has. */
  readonly lost?: { readonly since: number; readonly reason: string };
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export const DHCP_PREFIX = 'dhcp/';

const Json = Type.Object({
  device: Type.String(),
  mac: Type.String(),
  clientId: Type.String({ pattern: '^([0-9a-f]{2}){2,255}$' }),
  hostname: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
  lease: Type.Object({
    prefix: Type.Integer({ minimum: 0, maximum: 32 }),
    router: Type.Optional(Type.String()),
    server: Type.String(),
    serverMac: Type.String(),
    renewAt: Type.Number(),
    rebindAt: Type.Number(),
    expiresAt: Type.Number(),
  }),
  lost: Type.Optional(Type.Object({ since: Type.Number(), reason: Type.String() })),
  createdAt: Type.Number(),
});

export function dhcpKey(poolId: PoolId, ip: Ip): string {
  return `${DHCP_PREFIX}${poolId}/${ip}`;
}

export function encodeDhcpRecord({ poolId: _, subnet: __, ...record }: DhcpRecord): Uint8Array {
  const { ip: ___, ...lease } = record.lease;
  return new TextEncoder().encode(JSON.stringify({ ...record, lease }));
}

/** @throws {DecodeError} naming the key and what is wrong. */
export function decodeDhcpRecord(key: string, value: Uint8Array): DhcpRecord {
  try {
    const [, poolId, cidr, address] = /^dhcp\/([^/]+\/([^/]+\/\d+))\/([^/]+)$/.exec(key) ?? [];
    const read = Value.Parse(Json, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value)));
    const { device, mac, lease, ...rest } = read;
    const { router, server, serverMac, ...numbers } = lease;
    return {
      ...rest,
      poolId: poolId as PoolId,
      subnet: parseCidr(cidr, 'subnet'),
      device: parseIfName(device, 'device'),
      mac: parseMac(mac, 'mac'),
      lease: {
        ...numbers,
        ip: parseIp(address, 'address'),
        ...(router === undefined ? {} : { router: parseIp(router, 'router') }),
        server: parseIp(server, 'server'),
        serverMac: parseMac(serverMac, 'serverMac'),
      },
    };
  } catch (cause) {
    throw new DecodeError(`store record ${key}: ${errorMessage(cause)}`, { key }, { cause });
  }
}

/** The record of a lease that was asked for. @param now milliseconds since the epoch. */
export function recordOf(
  { pool, device, mac, clientId, hostname }: DhcpAsk,
  lease: DhcpLease,
  now: number,
): DhcpRecord {
  return {
    poolId: pool.id,
    subnet: pool.subnet,
    device,
    mac,
    clientId: Buffer.from(clientId).toString('hex'),
    ...(hostname === undefined ? {} : { hostname }),
    lease,
    createdAt: now,
  };
}

/** Who asks the server. */
export function identityOfAsk({ mac, clientId, hostname }: DhcpAsk): Identity {
  return { mac, clientId, ...(hostname === undefined ? {} : { hostname }) };
}

export function identityOf({ mac, clientId, hostname }: DhcpRecord): Identity {
  const id = Uint8Array.from(Buffer.from(clientId, 'hex'));
  return { mac, clientId: id, ...(hostname === undefined ? {} : { hostname }) };
}

/** Stands for a lease of which nothing but the address is known; it is over. */
export function unknownLease(subnet: Cidr, ip: Ip): DhcpLease {
  return {
    ip,
    prefix: cidrRange(subnet).prefix,
    server: NO_IP,
    serverMac: '02:00:00:00:00:00' as Mac,
    renewAt: 0,
    rebindAt: 0,
    expiresAt: 0,
  };
}
