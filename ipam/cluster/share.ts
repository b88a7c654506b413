import type { Cidr, Ip } from '../../core/address.ts';
import type { AddressAllocator } from '../addresses.ts';
import type { Range } from '../range.ts';
import { BlockGrid, blockPrefixOf } from './block-grid.ts';
import type { BlockLedger } from './block-ledger.ts';
import { type BlockRecord, type Grant, grantedAway } from './block-record.ts';
import type { ClusterAddressOptions } from './ports.ts';

/** A pool on this host whose subnet belongs to a cluster network. */
export interface SharedPool {
  readonly cidr: Cidr;
  readonly addresses: AddressAllocator;
  /** Ends the rest of addresses whose time has come. */
  wake(now: number): void;
}

/** Settled options: see ClusterAddressOptions. */
export type ShareOptions = Pick<ClusterAddressOptions, 'node' | 'isAlive' | 'clock' | 'log' | 'holderOf'> & {
  readonly waitMs: number;
  readonly idleMs: number;
  /** Why this host must not give addresses any more. */
  readonly fenced: () => string | undefined;
};

/**
 * One shared subnet as this host sees it. Follows the blocks' records and tells the pool's allocator from where it
 * may give addresses; decides nothing.
 */
export class Share {
  readonly network: string;
  readonly grid: BlockGrid;
  readonly pool: SharedPool;
  readonly ledger: BlockLedger;
  readonly options: ShareOptions;
  /** Ids of this host's requests that somebody waits for. */
  readonly asking = new Set<string>();
  #reserved: ReadonlySet<Ip> = new Set();
  #virtual: ReadonlySet<Ip> = new Set();
  readonly #own = new Set<bigint>();
  /** Keys of the blocks with a record. */
  readonly #recorded = new Map<bigint, string>();
  readonly #withheld = new Map<bigint, readonly Ip[]>();
  /** How many single addresses of a block this host has. */
  readonly #granted = new Map<bigint, number>();
  /** How many requests are about to hold an address. */
  readonly #wanted = new Map<Ip, number>();

  constructor(network: string, pool: SharedPool, ledger: BlockLedger, options: ShareOptions) {
    this.network = network;
    this.grid = new BlockGrid(network, pool.cidr);
    this.pool = pool;
    this.ledger = ledger;
    this.options = options;
    this.#offer();
    for (const key of ledger.keys(blockPrefixOf(network))) this.refresh(key);
  }

  get node(): string {
    return this.options.node;
  }

  get reserved(): ReadonlySet<Ip> {
    return this.#reserved;
  }

  /** Numbers of the blocks whose addresses this host gives, upwards. */
  get own(): readonly bigint[] {
    return [...this.#own].sort((a, b) => (a < b ? -1 : 1));
  }

  /** Virtual IPs of the network's services. */
  get virtual(): ReadonlySet<Ip> {
    return this.#virtual;
  }

  /** Gateway and auxiliary addresses, which no host gives to a container of itself. */
  reserve(ips: readonly Ip[]): void {
    const before = this.#reserved;
    this.#reserved = this.#inPool(ips);
    this.#keepBack(before, this.#reserved);
  }

  /** Virtual IPs, which no host gives to a container. */
  setVirtual(ips: readonly Ip[]): void {
    const before = this.#virtual;
    this.#virtual = this.#inPool(ips);
    this.#keepBack(before, this.#virtual);
  }

  keyOf(ip: Ip): string {
    return this.grid.keyAt(this.grid.indexOf(ip));
  }

  recordAt(index: bigint): BlockRecord {
    return this.ledger.known(this.grid.keyAt(index)).record;
  }

  /** Blocks that have a record. */
  *recorded(): Iterable<readonly [index: bigint, record: BlockRecord]> {
    for (const [index, key] of this.#recorded) yield [index, this.ledger.known(key).record];
  }

  /** Whether this host may hold the address by what the cluster knows. */
  covers(ip: Ip): boolean {
    return this.#isKeptBack(ip) || this.ledger.isMine(this.keyOf(ip), ip);
  }

  /** The part of a block from which automatic addresses may come. */
  automatic(index: bigint): Range {
    return this.pool.addresses.automaticPart(this.grid.range(index));
  }

  /** First and last block from which automatic addresses may come; undefined when there is none. */
  automaticBlocks(): Range | undefined {
    const { first, last } = this.pool.addresses.automaticPart({ first: 0n, last: 1n << 128n });
    return last < first ? undefined : { first: this.grid.indexAt(first), last: this.grid.indexAt(last) };
  }

  /** How many automatic addresses a block has that nobody has been given, as far as this host knows; up to `limit`. */
  room(index: bigint, limit: number): number {
    const { first, last } = this.automatic(index);
    if (last < first) return 0;
    const granted = this.#own.has(index) ? [] : grantedAway(this.recordAt(index), this.node);
    const count = this.pool.addresses.freeIn({ first, last }, limit + granted.length);
    return Math.min(limit, Math.max(0, count - granted.length));
  }

  /** Whether an address may be given away: it is nobody's here. */
  isFree(ip: Ip): boolean {
    return !this.#isKeptBack(ip) && !this.#wanted.has(ip) && !this.pool.addresses.held.has(ip);
  }

  /** Whether anything of a block is held, resting or about to be held here. */
  isBusy(index: bigint): boolean {
    for (const ip of this.#wanted.keys()) if (this.grid.indexOf(ip) === index) return true;
    return this.pool.addresses.usedIn(this.grid.range(index)) > 0n;
  }

  isWanted(ip: Ip): boolean {
    return this.#wanted.has(ip);
  }

  /** Keeps the address for this host until disposed of, so that nothing gives it away before it is held. */
  want(ip: Ip): Disposable {
    this.#wanted.set(ip, (this.#wanted.get(ip) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const others = (this.#wanted.get(ip) ?? 1) - 1;
        if (others === 0) this.#wanted.delete(ip);
        else this.#wanted.set(ip, others);
      },
    };
  }

  /** Who has an address by the record of its block or by its endpoint, for messages. */
  holderOf(ip: Ip, fallback: string): string {
    return this.options.holderOf?.(this.network, ip) ?? fallback;
  }

  /**
   * Takes note of a block's record; undefined for other keys.
   * @returns the block, and whether this host has less of it than before.
   */
  refresh(key: string): { readonly index: bigint; readonly lost: boolean } | undefined {
    const index = this.grid.parseKey(key);
    if (index === undefined) return undefined;
    if (this.ledger.known(key).revision === 0n) this.#recorded.delete(index);
    else this.#recorded.set(index, key);
    const possible = this.ledger.possible(key);
    const owned = possible.every(({ owner }) => owner === this.node);
    const away = owned ? possible.flatMap((record) => grantedAway(record, this.node)) : [];
    this.#withhold(index, away);
    const lost = this.#keepCount(index, owned);
    if (owned !== this.#own.has(index)) {
      if (owned) this.#own.add(index);
      else this.#own.delete(index);
      this.#offer();
    }
    return { index, lost };
  }

  /** Forgets what was withheld: the pool is shared no more. */
  release(): void {
    this.reserve([]);
    this.setVirtual([]);
    for (const index of [...this.#withheld.keys()]) this.#withhold(index, []);
  }

  #inPool(ips: readonly Ip[]): ReadonlySet<Ip> {
    return new Set(ips.filter((ip) => this.grid.contains(ip)));
  }

  #isKeptBack(ip: Ip): boolean {
    return this.#reserved.has(ip) || this.#virtual.has(ip);
  }

  #keepBack(before: ReadonlySet<Ip>, now: ReadonlySet<Ip>): void {
    for (const ip of before) {
      const isAway = this.#withheld.get(this.grid.indexOf(ip))?.includes(ip) === true;
      if (!this.#isKeptBack(ip) && !isAway) this.pool.addresses.offer(ip);
    }
    for (const ip of now) if (!before.has(ip)) this.pool.addresses.withhold(ip);
  }

  /** Says whether the block or a single address of it is this host's no more. */
  #keepCount(index: bigint, owned: boolean): boolean {
    const grants = grantsOf(this.recordAt(index)).filter(([, { node }]) => node === this.node).length;
    const before = this.#granted.get(index) ?? 0;
    if (grants === 0) this.#granted.delete(index);
    else this.#granted.set(index, grants);
    return this.#own.has(index) ? !owned : grants < before;
  }

  #withhold(index: bigint, away: readonly Ip[]): void {
    const before = this.#withheld.get(index) ?? [];
    for (const ip of before) {
      if (!away.includes(ip) && !this.#isKeptBack(ip)) this.pool.addresses.offer(ip);
    }
    for (const ip of away) this.pool.addresses.withhold(ip);
    if (away.length === 0) this.#withheld.delete(index);
    else this.#withheld.set(index, away);
  }

  #offer(): void {
    this.pool.addresses.giveFrom(this.own.map((index) => this.grid.range(index)));
  }
}

/** The grants of a record as pairs. */
export function grantsOf(record: BlockRecord): readonly (readonly [Ip, Grant])[] {
  return Object.entries(record.grants) as [Ip, Grant][];
}
