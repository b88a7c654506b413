import { CLIENT_MAPS, clientsToForget, VIP_TABLE } from '../../balancer/index.ts';
import { deletions, diff } from '../../core/diff.ts';
import { WeftError } from '../../core/errors.ts';
import { type ElementObject, hostState, nftFamily } from '../../core/kernel-objects.ts';
import type { FlowFilter, Step } from '../../core/ports.ts';
import { Conntrack } from '../../kernel/netlink/index.ts';
import { type ElementTally, Nftables, type Tally, type TallyQuery } from '../../kernel/nftables/index.ts';
import type { Delta } from './delta.ts';
import { expectedIn, NOTHING, objectsOf, type VipState } from './vip-state.ts';

/** How it went to take a delta: `differs`, nothing took effect, because the kernel holds something else. */
export type Outcome = 'done' | 'busy' | 'differs';

/** Rounds for which others may go on changing a ruleset before ours is compared all the same. */
const PATIENCE = 10;

/** Keeps the tables of one namespace over one socket. Its methods that wait are not called side by side. */
export class TableKeeper implements AsyncDisposable {
  readonly #nft: Nftables;
  readonly #conntrack: Conntrack;
  /** What the kernel holds; undefined while that is not known. */
  #has: VipState | undefined;
  /** Number of the ruleset after our last change, or when it was last looked at. */
  #generation: number | undefined;
  #lastSeen: number | undefined;
  #unrest = 0;

  private constructor(nft: Nftables, has: VipState | undefined) {
    this.#nft = nft;
    this.#conntrack = new Conntrack(nft.transport);
    this.#has = has;
    this.#generation = nft.generationNow();
  }

  /**
   * @param namespace path of its file; absent: where the process is.
   * @param isNew nobody can have put tables of ours there.
   * @throws {KernelError} when it cannot be entered.
   */
  static async open(namespace: string | undefined, isNew: boolean): Promise<TableKeeper> {
    const where = namespace === undefined ? {} : { namespace };
    return new TableKeeper(
      await Nftables.open({ ...where, tables: [VIP_TABLE] }),
      isNew ? NOTHING : undefined,
    );
  }

  get has(): VipState | undefined {
    return this.#has;
  }

  /** Takes a delta from what it has, in this turn. */
  takeNow(to: VipState, { laid }: Delta): Outcome {
    try {
      if (!this.#nft.commitNow(laid)) return 'busy';
    } catch (error) {
      return this.#refused(error);
    }
    this.#took(to, laid.size);
    return 'done';
  }

  /** As `takeNow`, without keeping anybody waiting. */
  async take(to: VipState, { laid }: Delta): Promise<Outcome> {
    try {
      await this.#nft.commit(laid);
    } catch (error) {
      return this.#refused(error);
    }
    this.#took(to, laid.size);
    return 'done';
  }

  /** As `takeNow`, in the thread pool; undefined while its socket is in use. */
  takeAside(to: VipState, { laid }: Delta): Promise<Outcome> | undefined {
    return this.#nft.commitAside(laid)?.then(
      (): Outcome => {
        this.#took(to, laid.size);
        return 'done';
      },
      (error: unknown) => this.#refused(error),
    );
  }

  #took(to: VipState, size: number): void {
    this.#has = to;
    if (size > 0) this.#committed();
  }

  #refused(error: unknown): Outcome {
    if (!(error instanceof WeftError)) throw error;
    this.#has = undefined;
    return 'differs';
  }

  /** net/netfilter/nf_tables_api.c: nf_tables_commit(): the next number, which is never 0. */
  #committed(): void {
    if (this.#generation !== undefined) this.#generation = (this.#generation + 1) % 2 ** 32 || 1;
  }

  /**
   * Reads everything, whatever it has, and makes it so.
   * @returns the steps it took.
   * @throws {WeftError} when the kernel refuses or cannot be read.
   */
  async compare(to: VipState): Promise<readonly Step[]> {
    this.#has = undefined;
    this.#generation = this.#nft.generationNow();
    if (await this.#nft.holds(await expectedIn(to))) {
      this.#has = to;
      return [];
    }
    this.#generation = this.#nft.generationNow();
    const steps = diff(objectsOf(to.tables, to.services.values()), hostState(await this.#nft.snapshot()));
    if (steps.length > 0) {
      await this.#nft.apply(steps);
      this.#committed();
    }
    this.#has = to;
    return steps;
  }

  /**
   * Whether somebody else has changed the ruleset since our last change, and is done with that. To be asked once a
   * round.
   */
  disturbed(): boolean {
    const now = this.#nft.generationNow();
    const seenBefore = this.#lastSeen;
    this.#lastSeen = now;
    if (now === undefined || now === this.#generation) {
      this.#unrest = 0;
      return false;
    }
    this.#unrest++;
    if (now !== seenBefore && this.#unrest < PATIENCE) return false;
    this.#unrest = 0;
    return true;
  }

  /** Deletes the conntrack entries that the filters select. @throws {WeftError} when the kernel refuses. */
  async forgetFlows(flows: readonly FlowFilter[]): Promise<void> {
    await this.#conntrack.forget(flows);
  }

  /** Forgets the clients that are remembered with backends which take no more connections. @throws {WeftError} */
  async forgetClients(): Promise<void> {
    const served = [...(this.#has?.services.values() ?? [])];
    const remembered: ElementObject[] = [];
    for (const { family, table, set } of CLIENT_MAPS) {
      remembered.push(...(await this.#nft.elements(nftFamily(family), table, set)));
    }
    await this.#nft.apply(deletions(clientsToForget(served, remembered)));
  }

  /** The counters that a question asks for, in this turn; undefined while the socket is in use. @throws {WeftError} */
  talliesNow(query: TallyQuery): readonly ElementTally[] | undefined {
    return this.#nft.talliesNow(query);
  }

  /** What a counting set of both families has counted; nothing where there is none. @throws {WeftError} */
  async tallies(set: 'connections' | 'traffic'): Promise<readonly Tally[]> {
    const tallies: Tally[] = [];
    for (const { table } of this.#has?.tables ?? []) {
      if (!table.sets.some(({ name }) => name === set)) continue;
      tallies.push(...(await this.#nft.tallies(table.family, VIP_TABLE, set)));
    }
    return tallies;
  }

  /** Gives its socket back, which alone would keep the namespace in being. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nft[Symbol.asyncDispose]();
  }
}
