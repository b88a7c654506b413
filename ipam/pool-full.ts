import type { Cidr } from '../core/address.ts';
import { Exhausted } from '../core/errors.ts';

/** How full a pool is: numbers of addresses that automatic requests could be given. */
export interface PoolUse {
  readonly pool: Cidr;
  /** What automatic requests are given from, for messages. */
  readonly range: string;
  readonly size: bigint;
  readonly gateway: number;
  readonly endpoint: number;
  readonly service: number;
  readonly resting: number;
  /** Set aside, because others on the LAN have them. */
  readonly conflict: number;
  /** Milliseconds until the first that rests is free. */
  readonly waitMs: number | undefined;
}

/** The error that says so. */
export function poolFull(use: PoolUse): Exhausted {
  const { pool, range, size, gateway, endpoint, service, resting, conflict, waitMs } = use;
  const used = gateway + endpoint + service;
  const services = service === 0 ? '' : `, ${plural(service, 'service')}`;
  const others = conflict === 0 ? '' : `, ${conflict} in use by others on the LAN`;
  const seconds = Math.max(1, Math.ceil((waitMs ?? 0) / 1000));
  const wait = resting > 0 && waitMs !== undefined ? `, the first free in ${seconds} s` : '';
  return new Exhausted(
    `${range} is full: ${used} of ${size} usable addresses in use (${plural(endpoint, 'endpoint')}, ${plural(gateway, 'gateway')}${services})${others}, ${resting} resting${wait}`,
    { pool, used, resting },
  );
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
