import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { errorMessage } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { TimeSlice } from '../../kernel/nftables/index.ts';
import type { DriftLog } from '../reconcile/index.ts';
import { Aside } from './aside.ts';
import { type Delta, Deltas } from './delta.ts';
import { recordRepairs } from './drift.ts';
import { Groups, type GroupsParts } from './groups.ts';
import { Lanes } from './lanes.ts';
import { behind, type Group, isSettled, type Member } from './member.ts';
import { midway } from './midway.ts';
import { staleFlows } from './stale-flows.ts';
import type { Outcome, TableKeeper } from './table-keeper.ts';
import { NOTHING, type VipState } from './vip-state.ts';

/** Up to so many bytes of a transaction the kernel takes in a fraction of a millisecond. */
const SMALL = 8192;
/** From so many different states on, each is brought to its end, so that there are not more and more. */
const WAYS = 4;
/** Namespaces worked on at a time in each of three ways; the thread pool has four threads for everything. */
const AT_A_TIME = 2;

/** For fewer, this thread alone is as fast. */
const WORTH_THE_POOL = 32;
/** Sends in the thread pool at a time: enough for its threads while this one is at work for a slice. */
const AT_ONCE = availableParallelism() > 1 ? 64 : 0;

export interface SpreaderParts extends GroupsParts {
  readonly drift: DriftLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Brings what should be to all namespaces. Those that reach the same networks share one plan; a change of it is laid
 * out once, and its bytes go to each of them in turn, without a wait between two.
 */
export class Spreader {
  readonly #parts: SpreaderParts;
  readonly #deltas = new Deltas();
  readonly #groups: Groups;
  /** Apart, so that a container that starts now does not wait for a reading of all that were there before. */
  readonly #lanes = {
    making: new Lanes(AT_A_TIME),
    comparing: new Lanes(AT_A_TIME),
    forgetting: new Lanes(AT_A_TIME),
  };
  readonly #compared = new Set<(member: Member) => void>();
  readonly #settled = new Set<(member: Member) => void>();
  #running = false;
  #again = false;

  constructor(parts: SpreaderParts) {
    this.#parts = parts;
    this.#groups = new Groups(parts);
  }

  /** Whether a change is on its way to namespaces. */
  get isSpreading(): boolean {
    return this.#running;
  }

  members(): Iterable<Member> {
    return this.#groups.members();
  }

  /** Looks after a namespace from now on. One whose content is not known is read first. */
  join(
    where: Member['where'],
    keeper: TableKeeper,
    place: Group['place'],
    networks: readonly string[],
  ): Member {
    const group = this.#groups.of(place, networks);
    const member: Member = { where, keeper, group, pending: 0, gone: false, failed: false };
    group.members.add(member);
    if (keeper.has === undefined) this.compare(member, 'start');
    else this.#spread();
    return member;
  }

  /** Lays out what a sandbox that is about to appear will be given. */
  prepare(networks: readonly string[]): void {
    const { state } = this.#groups.of('sandbox', networks);
    // Whoever needs it hears of what is wrong with it.
    this.#deltas.between(NOTHING, state).catch(() => undefined);
  }

  /** Forgets what no namespace has come for. */
  prune(): void {
    this.#groups.prune();
  }

  /** The namespace reaches other networks now. */
  move(member: Member, networks: readonly string[]): void {
    if (this.#groups.move(member, networks)) this.#spread();
  }

  /** Resolves when nothing more is done with the namespace. */
  async leave(member: Member): Promise<void> {
    member.gone = true;
    this.#groups.remove(member);
    if (member.pending > 0) await this.#until(member, ({ pending }) => pending === 0);
  }

  /** Networks, of which services changed. */
  changed(networks: ReadonlySet<string>): void {
    this.#groups.plan(networks);
    this.#spread();
  }

  /** Calls back, until disposed, when something was done with a namespace. */
  onProgress(listener: (member: Member) => void): Disposable {
    this.#settled.add(listener);
    return { [Symbol.dispose]: () => void this.#settled.delete(listener) };
  }

  /** Calls back, until disposed, when a namespace was read because its rules may be other than they were. */
  onCompared(listener: (member: Member) => void): Disposable {
    this.#compared.add(listener);
    return { [Symbol.dispose]: () => void this.#compared.delete(listener) };
  }

  /** Reads a namespace and repairs it. @param cause as in the drift log. */
  compare(member: Member, cause: string): void {
    this.#slowly('comparing', member, async () => {
      const steps = await member.keeper.compare(member.group.state);
      recordRepairs(this.#parts, steps, { where: member.where, cause });
      for (const listener of this.#compared) listener(member);
      await member.keeper.forgetFlows(staleFlows(steps));
    });
  }

  /** Begins at once: whoever changed something has it under way when this returns. */
  #spread(): void {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      for (const group of [...this.#groups.all()]) {
        const ways = behind(group);
        for (const [from, members] of ways) await this.#step(from, group, members, ways.size < WAYS);
      }
    }
    this.#running = false;
  }

  /** Where connections go is everywhere first, then what counts them. */
  async #step(from: VipState, group: Group, members: readonly Member[], waits: boolean): Promise<void> {
    const { state } = group;
    const to = midway(from, state) ?? state;
    const delta = await this.#deltas.between(from, to).catch((error: unknown) => {
      this.#parts.log.error({ error: errorMessage(error) }, 'virtual IPs cannot be laid out');
    });
    if (delta === undefined) return;
    // What follows is the next turn's, also when something else changes until then.
    if (to !== state) this.#again = true;
    // Counting waits while connections are to go elsewhere once more.
    const isOvertaken = () => waits && from.towards === to && group.state !== to;
    if (delta.laid.bytes.length > SMALL) for (const member of members) this.#take(member, from, to, delta);
    else await this.#takeAll(members, from, to, delta, isOvertaken);
  }

  async #takeAll(
    members: readonly Member[],
    from: VipState,
    to: VipState,
    delta: Delta,
    isOvertaken: () => boolean,
  ): Promise<void> {
    const slice = new TimeSlice();
    const done: Member[] = [];
    const took = (member: Member, isDone: boolean) => {
      if (isDone) done.push(member);
    };
    const aside = new Aside(members.length < WORTH_THE_POOL ? 0 : AT_ONCE);
    for (const member of members) {
      if (isOvertaken()) break;
      const sent = aside.hasRoom ? this.#takeAside(member, from, to, delta) : undefined;
      if (sent === undefined) took(member, this.#takeNow(member, from, to, delta));
      else aside.add(sent.then((isDone) => took(member, isDone)));
      if (slice.over) await slice.next();
    }
    await aside.ended();
    // Not before: the last of them would get the change later.
    for (const member of done) this.#forget(member, delta);
  }

  /** @returns whether it has taken it. */
  #takeNow(member: Member, from: VipState, to: VipState, delta: Delta): boolean {
    if (member.gone || member.pending > 0 || member.keeper.has !== from) return false;
    const outcome = member.keeper.takeNow(to, delta);
    if (outcome === 'busy') this.#take(member, from, to, delta);
    return this.#took(member, outcome);
  }

  /** As `#takeNow`, in the thread pool; undefined while its socket is in use, or it is not to take it at all. */
  #takeAside(member: Member, from: VipState, to: VipState, delta: Delta): Promise<boolean> | undefined {
    if (member.gone || member.pending > 0 || member.keeper.has !== from) return undefined;
    const outcome = member.keeper.takeAside(to, delta);
    if (outcome === undefined) return undefined;
    member.pending++;
    return outcome.then((outcome) => {
      member.pending--;
      return this.#took(member, outcome);
    });
  }

  #take(member: Member, from: VipState, to: VipState, delta: Delta): void {
    this.#slowly('making', member, async () => {
      if (member.keeper.has !== from) return;
      if (this.#took(member, await member.keeper.take(to, delta))) this.#forget(member, delta);
    });
  }

  /** @returns whether it has taken it. */
  #took(member: Member, outcome: Outcome): boolean {
    if (outcome === 'differs') this.compare(member, 'notification');
    if (outcome === 'done') this.#progress(member);
    return outcome === 'done';
  }

  /** Forgets clients and connections that the change has left behind. */
  #forget(member: Member, delta: Delta): void {
    if (delta.flows.length === 0 && !delta.hasAffinity) return;
    this.#lanes.forgetting.run(() =>
      this.#attempt(member, async () => {
        // A client that is still remembered would come back to the same backend.
        if (delta.hasAffinity) await member.keeper.forgetClients();
        await member.keeper.forgetFlows(delta.flows);
      }),
    );
  }

  #slowly(how: 'making' | 'comparing', member: Member, task: () => Promise<void>): void {
    member.pending++;
    this.#lanes[how].run(async () => {
      await this.#attempt(member, task);
      member.pending--;
      this.#progress(member);
      if (!member.gone && member.keeper.has !== undefined && !isSettled(member)) this.#spread();
    });
  }

  async #attempt(member: Member, task: () => Promise<void>): Promise<void> {
    if (member.gone) return;
    try {
      await task();
      member.failed = false;
    } catch (error) {
      if (member.gone) return;
      // Rounds try again; one line is enough until it succeeds.
      const level = member.failed ? 'debug' : 'warn';
      const facts = { sandbox: member.where, error: errorMessage(error) };
      this.#parts.log[level](facts, 'virtual IPs not in place');
      member.failed = true;
    }
  }

  #progress(member: Member): void {
    for (const listener of this.#settled) listener(member);
  }

  #until(member: Member, condition: (member: Member) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const subscription = this.onProgress((progressed) => {
      if (progressed !== member || !condition(member)) return;
      subscription[Symbol.dispose]();
      resolve();
    });
    return promise;
  }
}
