import type { Cidr, Ip } from '../../core/address.ts';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { errorMessage } from '../../core/errors.ts';
import { BlockLedger } from './block-ledger.ts';
import { withoutNode } from './block-record.ts';
import type { ClusterAddressOptions } from './ports.ts';
import { removeNode } from './remove-node.ts';
import type { SharedPool, ShareOptions } from './share.ts';
import { SharedSubnet } from './shared-subnet.ts';

/** Blocks without a network here that are given back in one round. */
const ORPHANS_IN_ONE_ROUND = 32;

/**
 * The addresses of cluster networks, which all hosts share: each host owns blocks of every subnet, claimed by
 * compare-and-swap, and gives addresses of them by itself. ipam/README.md says how.
 */
export class ClusterAddresses implements Disposable {
  readonly #options: ClusterAddressOptions;
  readonly #shareOptions: ShareOptions;
  readonly #ledger: BlockLedger;
  readonly #subnets = new Set<SharedSubnet>();
  /** Blocks in which this host has something. */
  readonly #mine = new Set<string>();
  /** Since when blocks of this host's have belonged to no pool of this host's. */
  readonly #orphanSince = new Map<string, number>();
  #fenced: string | undefined;
  #timer: Disposable;
  #closed = false;

  private constructor(options: ClusterAddressOptions, ledger: BlockLedger) {
    this.#options = options;
    this.#ledger = ledger;
    this.#shareOptions = {
      ...options,
      waitMs: options.waitMs ?? 2_000,
      idleMs: options.idleMs ?? 60_000,
      fenced: () => this.#fenced,
    };
    for (const key of ledger.keys(CLUSTER_KEYS.block)) this.#note(key);
    ledger.watch((key) => {
      this.#note(key);
      for (const subnet of this.#subnets) subnet.refresh(key);
    });
    this.#timer = this.#schedule();
  }

  /** Begins to follow the shared data, which must have been loaded from this host's copy. */
  static async open(options: ClusterAddressOptions): Promise<ClusterAddresses> {
    return new ClusterAddresses(options, await BlockLedger.open(options));
  }

  /** Shares a pool from now on; automatic addresses come from this host's blocks of it only. */
  attach(network: string, pool: SharedPool, reserved: readonly Ip[]): SharedSubnet {
    const subnet = new SharedSubnet(network, pool, this.#ledger, this.#shareOptions);
    subnet.reserve(reserved);
    this.#subnets.add(subnet);
    subnet.start();
    return subnet;
  }

  /** The pool is no more. Its blocks go back once released addresses have rested. */
  detach(subnet: SharedSubnet): void {
    this.#subnets.delete(subnet);
    subnet.release();
  }

  /** From now on every request for an address of a shared pool fails with this reason; undefined ends that. */
  fence(reason: string | undefined): void {
    this.#fenced = reason;
  }

  /** See removeNode. */
  removeNode(node: string): Promise<{ readonly blocks: number; readonly grants: number }> {
    return removeNode(node, this.#ledger, { ...this.#options, waitMs: this.#shareOptions.waitMs });
  }

  /** What is due now though nobody waits for it; happens every few seconds by itself. Never rejects. */
  async round(): Promise<void> {
    await Promise.all([...this.#subnets].map((subnet) => subnet.round()));
    try {
      if (this.#fenced === undefined) await this.#returnOrphans();
      await this.#ledger.prune();
    } catch (error) {
      this.#options.log.warn({ error: errorMessage(error) }, 'address blocks could not be looked after');
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer[Symbol.dispose]();
    this.#ledger[Symbol.dispose]();
  }

  #schedule(): Disposable {
    return this.#options.clock.after(this.#options.tickMs ?? 5_000, () => {
      void this.round().then(() => {
        if (!this.#closed) this.#timer = this.#schedule();
      });
    });
  }

  #note(key: string): void {
    const { record } = this.#ledger.known(key);
    if (withoutNode(record, this.#options.node) === record) this.#mine.delete(key);
    else this.#mine.add(key);
  }

  /** The network was removed here, or this host lost its own store. */
  async #returnOrphans(): Promise<void> {
    const now = this.#options.clock.now();
    const due: string[] = [];
    for (const key of this.#orphanSince.keys()) if (!this.#mine.has(key)) this.#orphanSince.delete(key);
    for (const key of this.#mine) {
      const since = this.#orphanSince.get(key) ?? now;
      if (this.#isShared(key)) this.#orphanSince.delete(key);
      else {
        this.#orphanSince.set(key, since);
        if (now - since >= this.#shareOptions.idleMs && due.length < ORPHANS_IN_ONE_ROUND) due.push(key);
      }
    }
    const { node } = this.#options;
    await Promise.all(
      due.map((key) =>
        this.#ledger.propose(key, (record) => (this.#isShared(key) ? record : withoutNode(record, node))),
      ),
    );
  }

  #isShared(key: string): boolean {
    return [...this.#subnets].some((subnet) => subnet.contains(key));
  }
}

/** One subnet of a cluster network's definition. */
export interface ClusterPool {
  readonly cidr: Cidr;
  /** The network. */
  readonly name: string;
  /** The same on every host. */
  readonly gateway?: Ip;
  readonly ipRange?: Cidr;
  /** Gateway and auxiliary addresses. */
  readonly reserved: readonly Ip[];
}
