import type { Logger } from 'pino';
import { errorMessage } from '../../core/errors.ts';
import type { Clock, Step } from '../../core/ports.ts';
import { TimeSlice } from '../../kernel/nftables/index.ts';
import type { DriftLog } from '../reconcile/index.ts';
import { type Delta, Deltas } from './delta.ts';
import { repairsOf } from './drift.ts';
import { Lanes } from './lanes.ts';
import { behind, type Group, isSettled, type Member } from './member.ts';
import { midway } from './midway.ts';
import type { PlannedService } from './planned-service.ts';
import { staleFlows } from './stale-flows.ts';
import type { Outcome, TableKeeper } from './table-keeper.ts';
import { NOTHING, type StateMaker, type VipState } from './vip-state.ts';

/** Up to so many bytes of a transaction the kernel takes in a fraction of a millisecond. */
const SMALL = 8192;
/** From so many different states on, each is brought to its end, so that there are not more and more. */
const WAYS = 4;
/** Namespaces worked on at a time in each of three ways; the thread pool has four threads for everything. */
const AT_A_TIME = 2;

export interface SpreaderParts {
  readonly states: StateMaker;
  /** The services of networks, in their order, as they are for such a place. */
  readonly services: (place: Group['place'], networks: readonly string[]) => Iterable<PlannedService>;
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
  readonly #groups = new Map<string, Group>();
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
  }

  /** Whether a change is on its way to namespaces. */
  get isSpreading(): boolean {
    return this.#running;
  }

  members(): Iterable<Member> {
    return [...this.#groups.values()].flatMap(({ members }) => [...members]);
  }

  /** Looks after a namespace from now on. One whose content is not known is read first. */
  join(
    where: Member['where'],
    keeper: TableKeeper,
    place: Group['place'],
    networks: readonly string[],
  ): Member {
    const group = this.#group(place, networks);
    const member: Member = { where, keeper, group, pending: 0, gone: false, failed: false };
    group.members.add(member);
    if (keeper.has === undefined) this.compare(member, 'start');
    else this.#spread();
    return member;
  }

  /** Lays out what a sandbox that is about to appear will be given. */
  prepare(networks: readonly string[]): void {
    const { state } = this.#group('sandbox', networks);
    // Whoever needs it hears of what is wrong with it.
    this.#deltas.between(NOTHING, state).catch(() => undefined);
  }

  /** Forgets what no namespace has come for. */
  prune(): void {
    for (const group of this.#groups.values()) if (group.members.size === 0) this.#groups.delete(group.key);
  }

  /** The namespace reaches other networks now. */
  move(member: Member, networks: readonly string[]): void {
    const group = this.#group(member.group.place, networks);
    if (group === member.group) return;
    this.#remove(member);
    member.group = group;
    group.members.add(member);
    this.#spread();
  }

  /** Resolves when nothing more is done with the namespace. */
  async leave(member: Member): Promise<void> {
    member.gone = true;
    this.#remove(member);
    if (member.pending > 0) await this.#until(member, ({ pending }) => pending === 0);
  }

  /** Networks, of which services changed. */
  changed(networks: ReadonlySet<string>): void {
    for (const group of this.#groups.values()) {
      if (group.networks.some((network) => networks.has(network))) this.#plan(group);
    }
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
      this.#record(member, cause, steps);
      for (const listener of this.#compared) listener(member);
      await member.keeper.forgetFlows(staleFlows(steps));
    });
  }

  #record({ where }: Member, cause: string, steps: readonly Step[]): void {
    const { drift, clock, log } = this.#parts;
    if (steps.length === 0) return;
    if (cause === 'start') log.info({ sandbox: where, steps: steps.length }, 'virtual IPs recovered');
    else for (const repair of repairsOf(steps, { where, cause, at: clock.now() })) drift.add(repair);
  }

  #group(place: Group['place'], networks: readonly string[]): Group {
    const key = `${place} ${networks.join(' ')}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group: Group = { key, networks, place, members: new Set(), state: NOTHING };
    this.#groups.set(key, group);
    this.#plan(group);
    return group;
  }

  #plan(group: Group): void {
    const { states, services } = this.#parts;
    group.state = states.after(group.state, group.place, services(group.place, group.networks));
  }

  #remove(member: Member): void {
    const { group } = member;
    group.members.delete(member);
    if (group.members.size === 0) this.#groups.delete(group.key);
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
      for (const group of [...this.#groups.values()]) {
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
    for (const member of members) {
      if (slice.over) await slice.next();
      if (isOvertaken()) break;
      if (this.#takeNow(member, from, to, delta)) done.push(member);
    }
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
