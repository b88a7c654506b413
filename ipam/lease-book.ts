import type { Ip } from '../core/address.ts';
import { Conflict, NotFound } from '../core/errors.ts';
import { KeyedMutex } from '../core/keyed-mutex.ts';
import type { Clock } from '../core/ports.ts';
import type { AddressOptions } from './address-options.ts';
import type { Lease } from './addresses.ts';
import type { PoolState } from './pool-state.ts';
import type { RecordStore } from './record-store.ts';
import { encodeLease, poolKey } from './records.ts';

/** Records deleted in one commit: etcd takes 128 operations, and a turn stays short. */
const DELETES_IN_ONE_COMMIT = 100;

/** Gives and takes back the addresses of pools, each change durable before it is answered. */
export class LeaseBook {
  readonly #records: RecordStore;
  readonly #clock: Clock;
  readonly #restMs: number;
  readonly #queue = new KeyedMutex();

  constructor(records: RecordStore, clock: Clock, restMs: number) {
    this.#records = records;
    this.#clock = clock;
    this.#restMs = restMs;
  }

  /**
   * The next free address.
   * @throws {Exhausted} when none is left; {Unavailable} when finding one takes the cluster and it does not answer.
   */
  async giveAny(pool: PoolState, asked: AddressOptions): Promise<Ip> {
    const { sharing } = pool;
    if (sharing === undefined) {
      const ip = pool.addresses.next(this.#clock.now());
      await this.#hold(pool, ip, asked);
      return ip;
    }
    const deadline = sharing.deadline();
    for (;;) {
      const ip = sharing.takeNext();
      if (ip !== undefined) {
        await this.#hold(pool, ip, asked);
        return ip;
      }
      const single = await sharing.room(deadline);
      using _ = single?.wanted;
      assertNotReleased(pool);
      pool.wake(this.#clock.now());
      if (single === undefined || pool.addresses.held.has(single.ip)) continue;
      await this.#hold(pool, single.ip, asked);
      return single.ip;
    }
  }

  /**
   * The gateway's address when the request names none.
   * @param defined the one that the cluster network's definition says.
   */
  async giveGateway(pool: PoolState, asked: AddressOptions, defined: Ip | undefined): Promise<Ip> {
    const free = defined !== undefined && !pool.addresses.held.has(defined);
    const ip = free ? defined : pool.addresses.nextGateway(this.#clock.now());
    if (pool.sharing === undefined) await this.#hold(pool, ip, asked);
    else await this.giveThis(pool, ip, asked);
    return ip;
  }

  /**
   * @throws {InvalidArgument} for an address no host of the pool can have; {Conflict} for one that is held, naming
   * the holder; {Unavailable} when only another host could give it and does not answer.
   */
  async giveThis(pool: PoolState, address: Ip, asked: AddressOptions): Promise<void> {
    pool.addresses.assertUsable(address);
    await this.#queue.run(pool.keyOf(address), async () => {
      if (isRepeat(pool, address, asked)) return;
      using _wanted = await pool.sharing?.acquire(address);
      assertNotReleased(pool);
      // While the cluster was asked, another request may have been given it.
      if (!isRepeat(pool, address, asked)) await this.#hold(pool, address, asked);
    });
  }

  /**
   * Frees an address, which then rests.
   * @param only frees this very lease and no later one of the address.
   * @returns whether it was held.
   */
  async release(pool: PoolState, ip: Ip, only?: Lease): Promise<boolean> {
    return this.#queue.run(pool.keyOf(ip), async () => {
      const lease = pool.addresses.held.get(ip);
      if (lease === undefined || pool.closing || (only !== undefined && lease !== only)) return false;
      const now = this.#clock.now();
      pool.wake(now);
      const restsUntil = now + this.#restMs;
      await this.#put(pool, ip, encodeLease({ lease, restsUntil }));
      if (pool.addresses.held.get(ip) === lease) pool.addresses.rest(ip, restsUntil);
      return true;
    });
  }

  /**
   * Deletes all records of a pool, its own last: a crash in between leaves a smaller pool, which can be released
   * again.
   */
  async deleteAll(pool: PoolState): Promise<void> {
    for (;;) {
      const ips = pool.recorded().slice(0, DELETES_IN_ONE_COMMIT);
      const last = ips.length < DELETES_IN_ONE_COMMIT;
      const keys = [...ips.map((ip) => pool.keyOf(ip)), ...(last ? [poolKey(pool.id)] : [])];
      await this.#records.delete(keys);
      for (const ip of ips) pool.forget(ip);
      if (last) return;
    }
  }

  /** Takes the address in memory at once, so that no other request can, and gives it back if storing it fails. */
  async #hold(pool: PoolState, ip: Ip, { kind, name, mac }: AddressOptions): Promise<void> {
    const lease: Lease = {
      ip,
      kind,
      createdAt: this.#clock.now(),
      ...(name === undefined ? {} : { name }),
      ...(mac === undefined ? {} : { mac }),
    };
    const restsUntil = pool.addresses.resting.get(ip);
    const wasStale = pool.stale.delete(ip);
    pool.addresses.hold(lease);
    try {
      await this.#put(pool, ip, encodeLease({ lease }));
    } catch (error) {
      if (pool.addresses.held.get(ip) === lease) pool.addresses.drop(ip);
      if (restsUntil !== undefined) pool.addresses.rest(ip, restsUntil);
      if (wasStale) pool.stale.add(ip);
      throw error;
    }
    // ReleasePool came in between and has deleted the record with all others.
    if (pool.addresses.held.get(ip) !== lease) throw released(pool);
  }

  /** Stores one address, and deletes some records that have served their time in the same commit. */
  async #put(pool: PoolState, ip: Ip, value: Uint8Array): Promise<void> {
    const stale = pool.takeStale();
    try {
      await this.#records.put(
        pool.keyOf(ip),
        value,
        stale.map((gone) => pool.keyOf(gone)),
      );
    } catch (error) {
      for (const gone of stale) if (!pool.addresses.held.has(gone)) pool.stale.add(gone);
      throw error;
    }
  }
}

function released(pool: PoolState): NotFound {
  return new NotFound(`pool ${pool.id} was released`, { poolId: pool.id });
}

function assertNotReleased(pool: PoolState): void {
  if (pool.released || pool.closing) throw released(pool);
}

/** Whether the address is held and the request a legitimate repeat. */
function isRepeat(pool: PoolState, address: Ip, asked: AddressOptions): boolean {
  const holder = pool.addresses.held.get(address);
  if (holder !== undefined) assertRepeat(pool, holder, asked);
  return holder !== undefined;
}

/** Swarm asks again for what it has: managers with a mark, nodes after asking for the pool again. */
function assertRepeat(pool: PoolState, holder: Lease, { kind, serial }: AddressOptions): void {
  if ((serial || pool.record.repeated) && kind === holder.kind) return;
  throw new Conflict(
    `${kind === 'gateway' ? 'gateway ' : ''}address ${holder.ip} of pool ${pool.cidr} is in use by ${holderText(holder)}`,
    {
      ip: holder.ip,
      pool: pool.cidr,
    },
  );
}

function holderText({ kind, name }: Lease): string {
  switch (kind) {
    case 'gateway':
      return 'the gateway';
    case 'endpoint':
      return `endpoint ${name ?? 'without a name'}`;
    case 'service':
      return `service ${name ?? 'without a name'}, as its virtual IP`;
  }
}
