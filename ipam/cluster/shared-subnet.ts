import type { Cidr, Ip } from '../../core/address.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Lease } from '../addresses.ts';
import { acquire, SingleAddresses } from './acquire.ts';
import { answerRequests } from './answer-requests.ts';
import type { BlockLedger } from './block-ledger.ts';
import { requestsFor } from './block-record.ts';
import { BlockClaims } from './claim-blocks.ts';
import { coverLeases } from './cover-leases.ts';
import { refusals } from './refusals.ts';
import { Share, type SharedPool, type ShareOptions } from './share.ts';
import { type SharedSubnetView, viewOfShare } from './share-view.ts';
import { Upkeep } from './upkeep.ts';
import { within } from './within.ts';

/** Addresses that somebody else has too are tried again so often. */
const CONFLICT_RETRY_MS = 60_000;

/** A pool whose addresses this host shares with others: what requests and the clockwork do with it. */
export class SharedSubnet {
  readonly #share: Share;
  readonly #claims: BlockClaims;
  readonly #singles: SingleAddresses;
  readonly #upkeep: Upkeep;
  readonly #answering = new Set<bigint>();
  #conflicts: ReadonlyMap<Ip, Lease> = new Map();
  /** When to look for addresses that the cluster does not know as this host's; undefined: not needed. */
  #coverAt: number | undefined = 0;
  #covering: Promise<void> | undefined;

  constructor(network: string, pool: SharedPool, ledger: BlockLedger, options: ShareOptions) {
    this.#share = new Share(network, pool, ledger, options);
    this.#claims = new BlockClaims(this.#share);
    this.#singles = new SingleAddresses(this.#share);
    this.#upkeep = new Upkeep(this.#share, this.#claims);
  }

  /** Claims the first block, so that it is there when it is needed. */
  start(): void {
    this.#claims.claimAhead();
  }

  get network(): string {
    return this.#share.network;
  }

  get cidr(): Cidr {
    return this.#share.grid.pool;
  }

  /** Addresses held here that somebody else has too. */
  get conflicts(): readonly Lease[] {
    return [...this.#conflicts.values()];
  }

  /** Whether a key is that of a block of this subnet. */
  contains(key: string): boolean {
    return this.#share.grid.parseKey(key) !== undefined;
  }

  /** See Share.reserve. */
  reserve(ips: readonly Ip[]): void {
    this.#share.reserve(ips);
  }

  /** Virtual IPs of the network's services, all of them: no host gives one to a container. */
  setVirtual(ips: readonly Ip[]): void {
    this.#share.setVirtual(ips);
  }

  /** How long a request that begins now may wait for the store; milliseconds since the epoch. */
  deadline(): number {
    return this.#share.options.clock.now() + this.#share.options.waitMs;
  }

  /**
   * The next address of an own block, at once, to be held at once; undefined when there is none.
   * @throws {Unavailable} when this host must not give any.
   */
  takeNext(): Ip | undefined {
    this.#assertNotFenced();
    const ip = this.#share.pool.addresses.nextFree();
    this.#claims.claimAhead();
    return ip;
  }

  /**
   * Claims a block, so that `takeNext` has something again, or gets a single address of another host's; that one is
   * this host's until `wanted` is disposed of, by when it has to be held.
   * @throws {Exhausted} when the subnet is full; {Unavailable} when the store does not answer.
   */
  async room(deadline: number): Promise<{ readonly ip: Ip; readonly wanted: Disposable } | undefined> {
    const { clock } = this.#share.options;
    if (clock.now() >= deadline) throw refusals.storeForBlock(this.#share);
    const outcome = await within(clock, deadline, this.#claims.claim());
    switch (outcome) {
      case 'claimed':
      case 'busy':
        return undefined;
      case 'full':
        return this.#singles.take();
      case 'unavailable':
      case 'late':
        throw refusals.storeForBlock(this.#share);
    }
  }

  /**
   * Makes sure that this host may hold an address; it must be held before the result is disposed of. Addresses that
   * are reserved in the whole cluster are every host's.
   * @throws {Conflict} naming who has it; {Unavailable} when its owner or the store does not answer.
   */
  async acquire(ip: Ip): Promise<Disposable> {
    if (this.#share.virtual.has(ip)) throw refusals.virtual(this.#share, ip);
    const wanted = this.#share.want(ip);
    try {
      if (!this.#share.reserved.has(ip)) {
        this.#assertNotFenced();
        await acquire(this.#share, ip, this.deadline());
      }
      return wanted;
    } catch (error) {
      wanted[Symbol.dispose]();
      throw error;
    }
  }

  /** Makes the cluster know what is held here, waiting no longer than a request does. */
  async cover(): Promise<void> {
    this.#coverAt = undefined;
    const { conflicts, pending } = await coverLeases(this.#share, this.deadline());
    for (const { lease, reason } of conflicts) {
      if (this.#conflicts.has(lease.ip)) continue;
      this.#share.options.log.error(
        { network: this.network, ip: lease.ip, name: lease.name, reason },
        'an address that this host holds is in use elsewhere too',
      );
    }
    this.#conflicts = new Map(conflicts.map(({ lease }) => [lease.ip, lease]));
    const now = this.#share.options.clock.now();
    if (pending) this.#coverAt = now;
    else if (conflicts.length > 0) this.#coverAt = now + CONFLICT_RETRY_MS;
  }

  /** A record has changed, of whatever block. */
  refresh(key: string): void {
    const changed = this.#share.refresh(key);
    if (changed === undefined) return;
    const { index, lost } = changed;
    if (lost && this.#share.isBusy(index)) this.#coverAt ??= this.#share.options.clock.now();
    if (this.#hasRequests(index) && !this.#answering.has(index)) {
      this.#answering.add(index);
      void this.#answer(index);
    }
  }

  /** What is due though nobody waits for it. Never rejects. */
  async round(): Promise<void> {
    const { clock, fenced } = this.#share.options;
    if (this.#coverAt !== undefined && this.#coverAt <= clock.now() && fenced() === undefined)
      this.#startCovering();
    try {
      await this.#upkeep.round();
    } catch (error) {
      this.#warn(error, 'address blocks could not be looked after');
    }
  }

  view(): SharedSubnetView {
    return viewOfShare(this.#share, this.conflicts);
  }

  /** The pool is shared no more. */
  release(): void {
    this.#share.release();
  }

  #startCovering(): void {
    this.#covering ??= this.cover()
      .catch((error: unknown) => {
        this.#coverAt = this.#share.options.clock.now();
        this.#warn(error, 'addresses could not be made known to the cluster yet');
      })
      .finally(() => {
        this.#covering = undefined;
      });
  }

  #hasRequests(index: bigint): boolean {
    return requestsFor(this.#share.recordAt(index), this.#share.node).length > 0;
  }

  /** Answers until there is nothing new to answer; what the store does not take now is left to the next round. */
  async #answer(index: bigint): Promise<void> {
    const revision = () => this.#share.ledger.known(this.#share.grid.keyAt(index)).revision;
    try {
      for (let seen = 0n; this.#hasRequests(index) && seen !== revision(); ) {
        seen = revision();
        // Not in the turn of the change that brought the request.
        await Promise.resolve();
        await answerRequests(this.#share, index);
      }
    } catch (error) {
      this.#warn(error, 'requests for addresses could not be answered yet');
    } finally {
      this.#answering.delete(index);
    }
  }

  #assertNotFenced(): void {
    const reason = this.#share.options.fenced();
    if (reason !== undefined) throw refusals.fenced(this.#share, reason);
  }

  #warn(error: unknown, message: string): void {
    this.#share.options.log.warn(
      { network: this.network, pool: this.cidr, error: errorMessage(error) },
      message,
    );
  }
}
