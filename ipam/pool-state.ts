import type { Cidr, Ip } from '../core/address.ts';
import { Unsupported } from '../core/errors.ts';
import type { PoolId } from '../core/ids.ts';
import { AddressAllocator, type Lease } from './addresses.ts';
import type { SharedSubnet } from './cluster/shared-subnet.ts';
import { leaseKey, type PoolRecord } from './records.ts';

/** Expired records taken along by one commit: few, so that no call pays for many others. */
const STALE_IN_ONE_COMMIT = 16;
/** Addresses looked at for the end of their rest in one call. */
const WOKEN_IN_ONE_CALL = 64;

/** One held pool in memory: its record, its addresses, and which stored records have served their time. */
export class PoolState {
  readonly id: PoolId;
  readonly space: string;
  readonly cidr: Cidr;
  readonly addresses: AddressAllocator;
  record: PoolRecord;
  /** The cluster's part, while the subnet belongs to a cluster network. */
  sharing: SharedSubnet | undefined;
  /** ReleasePool has been answered: the pool is no more. */
  released = false;
  /** Set while ReleasePool is under way. */
  closing = false;
  /** Records of addresses that have rested or were set aside, and wait to be deleted. */
  readonly stale = new Set<Ip>();

  constructor(
    where: { readonly id: PoolId; readonly space: string; readonly pool: Cidr },
    record: PoolRecord,
  ) {
    this.id = where.id;
    this.space = where.space;
    this.cidr = where.pool;
    this.record = record;
    this.addresses = new AddressAllocator(where.pool, record.subPool);
  }

  keyOf(ip: Ip): string {
    return leaseKey(this.id, ip);
  }

  /**
   * Without the cluster nobody knows which addresses of a shared pool are free.
   * @throws {Unsupported}
   */
  assertGivable(): void {
    if (this.sharing !== undefined || this.record.shared === undefined) return;
    const { network } = this.record.shared;
    throw new Unsupported(`pool ${this.id} belongs to cluster network ${network}, and there is no cluster`);
  }

  /** Ends the rest, or the setting aside, of addresses whose time has come. */
  wake(now: number, limit = WOKEN_IN_ONE_CALL): void {
    for (const ip of this.addresses.wake(now, limit)) this.stale.add(ip);
  }

  /**
   * Holds an address in memory.
   * @returns puts back what it was before, unless it is held by somebody else by then.
   */
  take(lease: Lease): () => void {
    const { addresses } = this;
    const { ip } = lease;
    const restsUntil = addresses.resting.get(ip);
    const conflict = addresses.conflicts.get(ip);
    const wasStale = this.stale.delete(ip);
    addresses.hold(lease);
    return () => {
      if ((addresses.held.get(ip) ?? lease) !== lease) return;
      addresses.forget(ip);
      if (restsUntil !== undefined) addresses.rest(ip, restsUntil);
      if (conflict !== undefined) addresses.setAside(conflict);
      if (wasStale) this.stale.add(ip);
    };
  }

  /** Takes some records to delete along with another change. */
  takeStale(): readonly Ip[] {
    const taken: Ip[] = [];
    for (const ip of this.stale) {
      if (taken.push(ip) === STALE_IN_ONE_COMMIT) break;
    }
    for (const ip of taken) this.stale.delete(ip);
    return taken;
  }

  /** Addresses of every stored record of the pool. */
  recorded(): readonly Ip[] {
    const { held, resting, conflicts } = this.addresses;
    return [...held.keys(), ...resting.keys(), ...conflicts.keys(), ...this.stale];
  }

  /** Drops an address, whatever its state, once its record is gone. */
  forget(ip: Ip): void {
    this.addresses.forget(ip);
    this.stale.delete(ip);
  }
}
