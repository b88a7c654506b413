import {
  type Cidr,
  cidrContains,
  cidrRange,
  type Family,
  type Ip,
  ipFromBigint,
  ipToBigint,
  reservedRole,
  usableRange,
} from '../core/address.ts';
import { type Exhausted, InvalidArgument } from '../core/errors.ts';
import type { Mac } from '../core/ids.ts';
import { IntervalSet } from './interval-set.ts';
import { poolFull } from './pool-full.ts';
import { intersection, type Range } from './range.ts';

/**
 * An auxiliary address is asked for exactly as an endpoint's is by engines up to 28, so it counts as one. `service`: a
 * virtual IP, which Docker knows nothing of.
 */
export type LeaseKind = 'gateway' | 'endpoint' | 'service';

/** One held address. */
export interface Lease {
  readonly ip: Ip;
  readonly kind: LeaseKind;
  /** Container or task name, from engines that say it (29 and later); of a virtual IP its service. */
  readonly name?: string;
  /** MAC address the request named. */
  readonly mac?: Mac;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** An address that somebody else on the LAN has, and that is therefore not given for a while. */
export interface AddressConflict {
  readonly ip: Ip;
  /** Who has it. */
  readonly mac: Mac;
  /** The link of this host that has it. */
  readonly dev?: string;
  /** Milliseconds since the epoch: when it was found out. */
  readonly foundAt: number;
  /** When it may be tried again; before that only when nothing else is free. */
  readonly until: number;
}

/**
 * Chooses and remembers the addresses of one pool. Nothing is enumerated: the cost of a request depends neither on
 * the size of the pool nor, beyond a logarithm, on how many addresses are held.
 */
export class AddressAllocator {
  readonly pool: Cidr;
  readonly #family: Family;
  readonly #usable: Range;
  /** Where automatic endpoint addresses come from: the `--ip-range`, or everything usable. */
  readonly #automatic: Range;
  /** The parts of `#automatic` from which addresses are given, upwards. */
  #ranges: readonly Range[];
  /** Addresses that are never given automatically although nobody here holds them. */
  readonly #withheld = new Map<Ip, bigint>();
  readonly #rangeText: string;
  readonly #held = new Map<Ip, Lease>();
  /** Until when each released address rests, in the order in which they become free. */
  readonly #resting = new Map<Ip, number>();
  /** Set aside, in the order in which they may be tried again. */
  readonly #conflicts = new Map<Ip, AddressConflict>();
  /** Held, resting, set aside and withheld. */
  readonly #taken = new IntervalSet();
  readonly #inRange = { gateway: 0, endpoint: 0, service: 0, resting: 0, conflict: 0 };
  #cursor: bigint;

  /** @param subPool lies within `pool`. */
  constructor(pool: Cidr, subPool?: Cidr) {
    this.pool = pool;
    this.#family = cidrRange(pool).family;
    this.#usable = usableRange(pool);
    this.#automatic = intersection(cidrRange(subPool ?? pool), this.#usable);
    this.#rangeText = subPool === undefined ? `pool ${pool}` : `ip-range ${subPool} of pool ${pool}`;
    this.#cursor = this.#automatic.first;
    this.#ranges = [this.#automatic];
  }

  /** Addresses that automatic requests can be given in all. */
  get size(): bigint {
    const { first, last } = this.#automatic;
    return last < first ? 0n : last - first + 1n;
  }

  get held(): ReadonlyMap<Ip, Lease> {
    return this.#held;
  }

  get resting(): ReadonlyMap<Ip, number> {
    return this.#resting;
  }

  get conflicts(): ReadonlyMap<Ip, AddressConflict> {
    return this.#conflicts;
  }

  /** The next free address after the one given last, so that a released one comes back late; undefined: none is left. */
  nextFree(): Ip | undefined {
    const ip = this.firstFree();
    if (ip !== undefined) this.#cursor = ipToBigint(ip) + 1n;
    return ip;
  }

  /** The free address that comes next, or does from `from` on; nothing is changed by asking. */
  firstFree(from = this.#cursor): Ip | undefined {
    const free = this.#gapFrom(from) ?? this.#gapFrom(this.#automatic.first);
    return free === undefined ? undefined : ipFromBigint(free, this.#family);
  }

  /** The address set aside longest ago that is no exception; undefined when there is none. */
  longestAside(except: ReadonlySet<Ip>): Ip | undefined {
    for (const ip of this.#conflicts.keys()) {
      const { first, last } = this.#automatic;
      const value = ipToBigint(ip);
      if (value >= first && value <= last && !except.has(ip)) return ip;
    }
    return undefined;
  }

  /** The part of a range from which automatic addresses may come in this pool. */
  automaticPart(range: Range): Range {
    return intersection(range, this.#automatic);
  }

  /** From now on automatic addresses come from these ranges only, which are disjoint and in numeric order. */
  giveFrom(ranges: readonly Range[]): void {
    this.#ranges = ranges
      .map((range) => this.automaticPart(range))
      .filter(({ first, last }) => first <= last);
  }

  /** Keeps an address from automatic requests until it is offered again; holding it by name stays possible. */
  withhold(ip: Ip): void {
    const value = ipToBigint(ip);
    this.#withheld.set(ip, value);
    this.#taken.add(value);
  }

  offer(ip: Ip): void {
    const value = this.#withheld.get(ip);
    if (value === undefined) return;
    this.#withheld.delete(ip);
    if (!this.#held.has(ip) && !this.#resting.has(ip)) this.#taken.delete(value);
  }

  /** How many addresses of a range are neither held, resting nor withheld; counts up to `limit`. */
  freeIn({ first, last }: Range, limit: number): number {
    let count = 0;
    for (let at = this.#taken.firstGap(first, last); at !== undefined && count < limit; count++) {
      at = this.#taken.firstGap(at + 1n, last);
    }
    return count;
  }

  /** The least free address of a range; undefined when there is none. */
  firstFreeIn({ first, last }: Range): Ip | undefined {
    const free = this.#taken.firstGap(first, last);
    return free === undefined ? undefined : ipFromBigint(free, this.#family);
  }

  /** How many addresses of a range are held, resting or withheld. */
  takenIn({ first, last }: Range): bigint {
    return this.#taken.countIn(first, last);
  }

  /** How many addresses of a range are held or resting and not withheld. */
  usedIn({ first, last }: Range): bigint {
    let used = this.takenIn({ first, last });
    for (const value of this.#withheld.values()) if (value >= first && value <= last) used -= 1n;
    return used;
  }

  /**
   * The first address of the pool that nobody holds, as Docker does; an `--ip-range` does not apply.
   * @throws {Exhausted} saying how full the pool is.
   */
  nextGateway(now: number): Ip {
    const { first, last } = this.#usable;
    const conventional = ipFromBigint(first, this.#family);
    if (!this.#held.has(conventional)) return conventional;
    const free = this.#taken.firstGap(first, last);
    if (free === undefined) throw this.full(now);
    return ipFromBigint(free, this.#family);
  }

  /** @throws {InvalidArgument} when `ip` is not an address of the pool that a host can have. */
  assertUsable(ip: Ip): void {
    if (!cidrContains(this.pool, ip)) {
      throw new InvalidArgument(`address ${ip} is not in pool ${this.pool}`, { ip, pool: this.pool });
    }
    const what = reservedRole(this.pool, ip);
    if (what === undefined) return;
    throw new InvalidArgument(`address ${ip} is the ${what} address of pool ${this.pool}`, {
      ip,
      pool: this.pool,
    });
  }

  /** Holds an address that is not held; if it was resting or set aside, it no longer is. */
  hold(lease: Lease): void {
    const value = ipToBigint(lease.ip);
    if (this.#resting.delete(lease.ip)) this.#count(value, 'resting', -1);
    if (this.#conflicts.delete(lease.ip)) this.#count(value, 'conflict', -1);
    this.#held.set(lease.ip, lease);
    this.#taken.add(value);
    this.#count(value, lease.kind, 1);
  }

  /** Frees a held address at once, without rest. */
  drop(ip: Ip): void {
    const lease = this.#held.get(ip);
    if (lease === undefined) return;
    const value = ipToBigint(ip);
    this.#held.delete(ip);
    this.#untake(ip, value);
    this.#count(value, lease.kind, -1);
  }

  /** Keeps an address from automatic requests until then. Call in the order of `until`. */
  rest(ip: Ip, until: number): void {
    this.drop(ip);
    const value = ipToBigint(ip);
    if (!this.#resting.delete(ip)) this.#count(value, 'resting', 1);
    this.#resting.set(ip, until);
    this.#taken.add(value);
  }

  /** Keeps an address that somebody else has from automatic requests. Call in the order of `until`. */
  setAside(conflict: AddressConflict): void {
    const { ip } = conflict;
    this.forget(ip);
    const value = ipToBigint(ip);
    this.#count(value, 'conflict', 1);
    this.#conflicts.set(ip, conflict);
    this.#taken.add(value);
  }

  /** Frees addresses that have rested, or were set aside, long enough, at most `limit` of them, and says which. */
  wake(now: number, limit: number): readonly Ip[] {
    const woken: Ip[] = [];
    const waking = (ip: Ip, until: number): boolean => {
      if (until > now || woken.length === limit) return false;
      this.forget(ip);
      woken.push(ip);
      return true;
    };
    for (const [ip, until] of this.#resting) if (!waking(ip, until)) break;
    for (const [ip, { until }] of this.#conflicts) if (!waking(ip, until)) break;
    return woken;
  }

  /** Frees an address at once, held, resting or set aside. */
  forget(ip: Ip): void {
    this.drop(ip);
    const what = this.#resting.delete(ip) ? 'resting' : this.#conflicts.delete(ip) ? 'conflict' : undefined;
    if (what === undefined) return;
    const value = ipToBigint(ip);
    this.#untake(ip, value);
    this.#count(value, what, -1);
  }

  /** Goes on after this address, as if it had been given last. */
  continueAfter(ip: Ip): void {
    const value = ipToBigint(ip);
    const { first, last } = this.#automatic;
    this.#cursor = value < first || value >= last ? first : value + 1n;
  }

  #gapFrom(from: bigint): bigint | undefined {
    for (const { first, last } of this.#ranges) {
      const gap = last < from ? undefined : this.#taken.firstGap(first < from ? from : first, last);
      if (gap !== undefined) return gap;
    }
    return undefined;
  }

  #untake(ip: Ip, value: bigint): void {
    if (!this.#withheld.has(ip)) this.#taken.delete(value);
  }

  #count(value: bigint, what: LeaseKind | 'resting' | 'conflict', change: number): void {
    if (value >= this.#automatic.first && value <= this.#automatic.last) this.#inRange[what] += change;
  }

  /** The error that says how full the pool is. */
  full(now: number): Exhausted {
    const [until] = this.#resting.values();
    const waitMs = until === undefined ? undefined : until - now;
    return poolFull({ pool: this.pool, range: this.#rangeText, size: this.size, ...this.#inRange, waitMs });
  }
}
