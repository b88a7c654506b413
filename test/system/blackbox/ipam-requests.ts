import type { WeftdProcess, Wire } from './weftd-process.ts';

export const LOCAL = 'WeftLocal';
export const GLOBAL = 'WeftGlobal';
export const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' };

/** What RequestPool carries, in short; the rest is as an engine sends it. */
export interface PoolParts {
  readonly pool?: string;
  readonly subPool?: string;
  readonly space?: string;
  readonly v6?: boolean;
  readonly options?: object | null;
}

/** RequestPool's arguments. */
export function poolBody({ pool = '', subPool = '', space = LOCAL, v6, options = {} }: PoolParts): object {
  return {
    AddressSpace: space,
    Pool: pool,
    SubPool: subPool,
    Options: options,
    V6: v6 ?? pool.includes(':'),
  };
}

/** Asks for a pool; its id and its subnet. */
export async function requestPool(
  weftd: WeftdProcess,
  parts: PoolParts,
): Promise<{ readonly id: string; readonly pool: string }> {
  const { PoolID, Pool } = await weftd.ipam('RequestPool', poolBody(parts));
  return { id: String(PoolID), pool: String(Pool) };
}

/** The Err of a request for a pool that must fail. */
export async function poolError(weftd: WeftdProcess, parts: PoolParts): Promise<string> {
  return errorOf(await weftd.tryIpam('RequestPool', poolBody(parts)));
}

/** Asks for an address; the one asked for, or one chosen. */
export async function requestAddress(
  weftd: WeftdProcess,
  poolId: string,
  address = '',
  options: object | null = null,
): Promise<string> {
  const { Address } = await weftd.ipam('RequestAddress', {
    PoolID: poolId,
    Address: address,
    Options: options,
  });
  return String(Address);
}

/** The Err of a request for an address that must fail. */
export async function addressError(
  weftd: WeftdProcess,
  poolId: string,
  address = '',
  options: object | null = null,
): Promise<string> {
  return errorOf(
    await weftd.tryIpam('RequestAddress', { PoolID: poolId, Address: address, Options: options }),
  );
}

export function releaseAddress(weftd: WeftdProcess, poolId: string, address: string): Promise<Wire> {
  return weftd.ipam('ReleaseAddress', { PoolID: poolId, Address: address.split('/')[0] });
}

export function releasePool(weftd: WeftdProcess, poolId: string): Promise<Wire> {
  return weftd.ipam('ReleasePool', { PoolID: poolId });
}

/** One pool with its leases, as the control API shows it. */
export function poolDetail(weftd: WeftdProcess, poolId: string): Promise<PoolDetail> {
  return weftd.control(`/v1/ipam/${encodeURIComponent(poolId)}`);
}

/** What tests look at of `GET /v1/ipam/ID`. */
export interface PoolDetail {
  readonly used: number;
  readonly resting: number;
  readonly usable: number;
  readonly gateway?: string;
  readonly leases: readonly {
    readonly address: string;
    readonly kind: string;
    readonly mac?: string;
    readonly name?: string;
  }[];
}

/** @throws {Error} when the request was a success. */
function errorOf({ status, json, text }: { status: number; json: Wire | undefined; text: string }): string {
  if (status === 200 || json?.['Err'] !== json?.['Error'])
    throw new Error(`expected an error: ${status} ${text}`);
  return String(json?.['Err']);
}
