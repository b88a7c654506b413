import type { Ip } from '../core/address.ts';
import { Conflict, NotFound, Unavailable } from '../core/errors.ts';
import { KeyedMutex } from '../core/keyed-mutex.ts';
import type { Clock } from '../core/ports.ts';
import type { AddressOptions } from './address-options.ts';
import type { AddressConflict, Lease } from './addresses.ts';
import type { AskLan } from './ask-lan.ts';
import type { PoolState } from './pool-state.ts';
import type { RecordStore } from './record-store.ts';
import { conflictRecord, encodeLease, poolKey } from './records.ts';

/** Records deleted in one commit: etcd takes 128 operations, and a turn stays short. */
const DELETES_IN_ONE_COMMIT = 100;

/**
 * How long one request goes on trying addresses that turn out to be others'. Docker waits, and gives up after 15 s;
 * what was tried is set aside, so that the next request begins behind it.
 */
const TRYING_MS = 5_000;

export interface LeaseBookOptions {
  readonly clock: Clock;
  /** How long a released address is not given automatically. */
  readonly restMs: number;
  /** How long an address that somebody else has is not tried again, while others are free. */
  readonly conflictRestMs: number;
  /** Who has an address of a pool that is about to be given; undefined: nobody, or nobody can be asked. */
  readonly holderOf: AskLan;
}

/** Gives and takes back the addresses of pools, each change durable before it is answered. */
export class LeaseBook {
  readonly #records: RecordStore;
  readonly #options: LeaseBookOptions;
  readonly #clock: Clock;
  readonly #queue = new KeyedMutex();

  constructor(records: RecordStore, options: LeaseBookOptions) {
    this.#records = records;
    this.#options = options;
    this.#clock = options.clock;
  }

  /**
   * The next free address.
   * @throws {Exhausted} when none is left; {Unavailable} when finding one takes the cluster and it does not answer, or
   * one after the other turns out to be somebody else's.
   */
  async giveAny(pool: PoolState, asked: AddressOptions): Promise<Ip> {
    const { sharing } = pool;
    if (sharing === undefined) return this.#giveUntaken(pool, asked);
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

  /** The next free address that nobody on the LAN has; with none left, one that somebody had when last asked. */
  async #giveUntaken(pool: PoolState, asked: AddressOptions): Promise<Ip> {
    const deadline = this.#clock.now() + TRYING_MS;
    const others = new Set<Ip>();
    for (;;) {
      const ip = pool.addresses.nextFree() ?? pool.addresses.longestAside(others);
      if (ip === undefined) throw pool.addresses.full(this.#clock.now());
      if ((await this.#hold(pool, ip, asked)) === undefined) return ip;
      others.add(ip);
      if (this.#clock.now() < deadline) continue;
      throw new Unavailable(
        `the ${others.size} addresses of pool ${pool.cidr} tried in ${TRYING_MS / 1000} s are all in use by others on the LAN; ask again, or keep them out by --ip-range`,
        { pool: pool.cidr },
      );
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
      if (isRepeat(pool, address, asked)) return;
      const conflict = await this.#hold(pool, address, asked);
      if (conflict !== undefined) throw othersAddress(pool, conflict);
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
      const restsUntil = now + this.#options.restMs;
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

  /**
   * Takes the address in memory at once, so that no other request can, and gives it back if storing it fails.
   * @returns who has it, if somebody else does: it is set aside then, and not taken.
   */
  async #hold(pool: PoolState, ip: Ip, asked: AddressOptions): Promise<AddressConflict | undefined> {
    const { kind, name, mac } = asked;
    const lease: Lease = {
      ip,
      kind,
      createdAt: this.#clock.now(),
      ...(name === undefined ? {} : { name }),
      ...(mac === undefined ? {} : { mac }),
    };
    const giveBack = pool.take(lease);
    try {
      const conflict = await this.#conflictWith(pool, ip, asked);
      assertNotReleased(pool);
      assertHeld(pool, lease);
      if (conflict === undefined) await this.#put(pool, ip, encodeLease({ lease }));
      else await this.#setAside(pool, conflict);
      if (conflict !== undefined) return conflict;
    } catch (error) {
      giveBack();
      throw error;
    }
    assertHeld(pool, lease);
    return undefined;
  }

  async #setAside(pool: PoolState, conflict: AddressConflict): Promise<void> {
    pool.addresses.setAside(conflict);
    await this.#put(pool, conflict.ip, encodeLease(conflictRecord(conflict)));
  }

  /** A gateway is a router's on purpose, and on a cluster network nobody is but its hosts. */
  async #conflictWith(
    pool: PoolState,
    ip: Ip,
    { kind, isInUse }: AddressOptions,
  ): Promise<AddressConflict | undefined> {
    if (kind === 'gateway' || isInUse === true || pool.sharing !== undefined) return undefined;
    const holder = await this.#options.holderOf({ space: pool.space, pool: pool.cidr, ip, kind });
    if (holder === undefined) return undefined;
    const foundAt = this.#clock.now();
    return { ip, ...holder, foundAt, until: foundAt + this.#options.conflictRestMs };
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

function othersAddress(pool: PoolState, { ip, mac, dev }: AddressConflict): Conflict {
  const whose = dev === undefined ? '' : `, this host’s ${dev}`;
  return new Conflict(`address ${ip} of pool ${pool.cidr} is in use on the LAN by ${mac}${whose}`, {
    ip,
    pool: pool.cidr,
    mac,
  });
}

function released(pool: PoolState): NotFound {
  return new NotFound(`pool ${pool.id} was released`, { poolId: pool.id });
}

/** Not so when ReleasePool came in between: it has deleted the record with all others. */
function assertHeld(pool: PoolState, lease: Lease): void {
  if (pool.addresses.held.get(lease.ip) !== lease) throw released(pool);
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
