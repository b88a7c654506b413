import type { Logger } from 'pino';
import type { Counted } from '../../balancer/index.ts';
import { errorMessage, NotFound } from '../../core/errors.ts';
import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import type { NamingChange, NamingView, Sandboxes, ServiceRecord } from '../../core/naming.ts';
import type { Clock } from '../../core/ports.ts';
import type { Backend } from '../../core/service.ts';
import { TimeSlice } from '../../kernel/nftables/index.ts';
import type { DriftLog } from '../reconcile/index.ts';
import { isNamespace, type NamespaceWatch } from '../sandboxes/index.ts';
import { type Group, isSteered, type Member } from './member.ts';
import { type PlannedService, ServiceBook, servicesWithin } from './planned-service.ts';
import { Rounds } from './rounds.ts';
import { Spreader } from './spreader.ts';
import { TableKeeper } from './table-keeper.ts';
import { type BackendTally, TallySums } from './tally-sums.ts';
import { StateMaker, serviceKey } from './vip-state.ts';

export interface BalancingParts {
  readonly naming: NamingView;
  readonly sandboxes: Sandboxes;
  readonly namespaces: NamespaceWatch;
  /** Keys of the networks that the host itself reaches. */
  readonly hostNetworks: () => readonly string[];
  /** Whether the host itself reaches a backend by its address; absent: every one. */
  readonly hostReaches?: (backend: Backend) => boolean;
  /** Namespace file of the host; absent: where the process is. */
  readonly hostNamespace?: string;
  /** What is counted; absent: bytes. */
  readonly counted?: Counted;
  readonly drift: DriftLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long after Leave a sandbox that lives on is taken for one that was only disconnected. */
const PARTING_MS = 200;
/** Longest wait for its tables to go then. */
const CLEARING_MS = 5000;

/**
 * Keeps virtual IPs working in every sandbox of this host and in the host itself: their tables are as services,
 * backends and sandboxes require, from the moment a sandbox's namespace appears until it ends.
 */
export class Balancing implements AsyncDisposable {
  readonly #parts: BalancingParts;
  readonly #book: ServiceBook;
  /** Services as the host itself reaches them. */
  readonly #hostBook: ServiceBook;
  readonly #sums = new TallySums();
  readonly #spreader: Spreader;
  /** Told when something was done with a namespace. */
  readonly #waiting = new Map<SandboxKey | 'host', Set<() => void>>();
  readonly #members = new Map<SandboxKey | 'host', Member | 'opening'>();
  readonly #parting = new Map<SandboxKey, NodeJS.Timeout>();
  readonly #ending = new Set<Promise<void>>();
  readonly #stack = new DisposableStack();
  /** Sandboxes that were there before: they may have tables. */
  readonly #found: ReadonlySet<SandboxKey>;
  #closed = false;

  private constructor(parts: BalancingParts) {
    const { naming, sandboxes, namespaces, counted = 'bytes', hostReaches } = parts;
    this.#parts = parts;
    this.#book = new ServiceBook(naming, counted);
    this.#hostBook =
      hostReaches === undefined ? this.#book : new ServiceBook(servicesWithin(naming, hostReaches), counted);
    this.#spreader = new Spreader({
      ...parts,
      states: new StateMaker(counted),
      services: (place, networks) => this.#services(place, networks),
    });
    this.#stack.use(new Rounds(this.#spreader, () => this.#catchUp()));
    this.#stack.use(
      this.#spreader.onProgress(({ where }) => {
        for (const look of [...(this.#waiting.get(where) ?? [])]) look();
      }),
    );
    this.#found = new Set([...sandboxes.all()].map(({ key }) => key).filter((key) => namespaces.alive(key)));
    this.#stack.use(naming.subscribe((changes) => this.#servicesChanged(changes)));
    this.#stack.use(sandboxes.subscribe((changed) => this.#sandboxesChanged(changed)));
    this.#stack.use(namespaces.subscribe(({ key, alive }) => (alive ? this.#equip(key) : this.#end(key))));
  }

  /**
   * Begins; what is there already is compared in the background.
   * @throws {KernelError} when the host's own namespace cannot be worked with.
   */
  static async open(parts: BalancingParts): Promise<Balancing> {
    const balancing = new Balancing(parts);
    const host = await TableKeeper.open(parts.hostNamespace, false);
    balancing.#members.set('host', balancing.#spreader.join('host', host, 'host', parts.hostNetworks()));
    const slice = new TimeSlice();
    for (const { key } of [...parts.sandboxes.all()]) {
      if (slice.over) await slice.next();
      balancing.#equip(key);
    }
    return balancing;
  }

  /**
   * True once connections of a sandbox go where they should, false after `timeoutMs` or when it is not stored. Never
   * rejects. Up to Engine 27 the namespace comes after every call that could wait for it: ask NamespaceWatch first.
   */
  async ready(key: SandboxKey, timeoutMs: number): Promise<boolean> {
    const until = performance.now() + timeoutMs;
    if (!(await this.#parts.namespaces.whenAlive(key, timeoutMs))) return false;
    return this.#whenSteered(key, until - performance.now());
  }

  /**
   * What went to each backend of a service from this host and its sandboxes, those included that ended since weftd
   * started.
   * @throws {NotFound} for an unknown service. {WeftError} when a namespace cannot be read.
   */
  async tallies(network: string, name: string): Promise<readonly BackendTally[]> {
    const planned = this.#book.of(network).get(name);
    if (planned === undefined) throw new NotFound(`service ${name} of network ${network}`, { network, name });
    const reach = [...this.#spreader.members()].filter(({ keeper }) =>
      keeper.has?.services.has(serviceKey(network, name)),
    );
    return this.#sums.of(
      planned,
      reach.map(({ keeper }) => keeper),
    );
  }

  /** Calls back, until disposed, with sandboxes in which somebody else may have changed rules. */
  onCompared(listener: (key: SandboxKey) => void): Disposable {
    return this.#spreader.onCompared(({ where }) => {
      if (where !== 'host') listener(where);
    });
  }

  /** Leaves the tables as they are and lets go of everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#stack.dispose();
    for (const timer of this.#parting.values()) clearTimeout(timer);
    for (const where of [...this.#members.keys()]) this.#end(where, 'as it is');
    await Promise.all(this.#ending);
  }

  *#services(place: Group['place'], networks: readonly string[]): Generator<PlannedService> {
    const book = place === 'host' ? this.#hostBook : this.#book;
    for (const network of networks) yield* book.of(network).values();
  }

  #servicesChanged(changes: readonly NamingChange[]): void {
    const { naming } = this.#parts;
    const networks = new Set<string>();
    for (const change of changes) {
      if (change.kind === 'name') {
        if (naming.name(change.network, change.endpoint) === undefined) this.#sums.forget(change.endpoint);
        continue;
      }
      const before = this.#book.renew(change.network, change.name);
      if (this.#hostBook !== this.#book) this.#hostBook.renew(change.network, change.name);
      if (before !== undefined) this.#sums.retire(before, this.#book.of(change.network).get(change.name));
      networks.add(change.network);
    }
    if (networks.size > 0) this.#spreader.changed(networks);
  }

  #sandboxesChanged(changed: ReadonlySet<SandboxKey>): void {
    for (const key of changed) {
      const view = this.#parts.sandboxes.get(key);
      const member = this.#members.get(key);
      clearTimeout(this.#parting.get(key));
      this.#parting.delete(key);
      if (view === undefined) {
        if (member !== undefined)
          this.#parting.set(
            key,
            setTimeout(() => this.#part(key), PARTING_MS),
          );
      } else if (member === undefined) {
        this.#spreader.prepare(view.networks);
        this.#equip(key);
      } else if (member !== 'opening') this.#spreader.move(member, view.networks);
    }
    this.#renewHost();
  }

  #renewHost(): void {
    const host = this.#members.get('host');
    if (host === undefined || host === 'opening') return;
    this.#spreader.move(host, this.#parts.hostNetworks());
    const reached = new Set([...this.#spreader.members()].flatMap(({ group }) => group.networks));
    for (const book of [this.#book, this.#hostBook]) book.keepOnly(reached);
  }

  #catchUp(): void {
    this.#spreader.prune();
    for (const { key } of this.#parts.sandboxes.all()) this.#equip(key);
    this.#renewHost();
  }

  #equip(key: SandboxKey): void {
    const { sandboxes, namespaces, log } = this.#parts;
    if (this.#closed || this.#members.has(key) || !namespaces.alive(key)) return;
    this.#members.set(key, 'opening');
    TableKeeper.open(key, !this.#found.has(key)).then(
      (keeper) => {
        const networks = sandboxes.get(key)?.networks ?? [];
        this.#members.set(key, this.#spreader.join(key, keeper, 'sandbox', networks));
        if (this.#closed || !namespaces.alive(key)) this.#end(key);
      },
      (error: unknown) => {
        // It has ended in this moment, or the next round tries again.
        this.#members.delete(key);
        log.warn({ sandbox: key, error: errorMessage(error) }, 'virtual IPs not in place');
      },
    );
  }

  /** Its endpoints have left. Nearly always it is about to end; what lives on must not reach services any more. */
  #part(key: SandboxKey): void {
    this.#parting.delete(key);
    const member = this.#members.get(key);
    if (member === undefined || member === 'opening' || !isNamespace(key)) {
      this.#end(key);
      return;
    }
    this.#spreader.move(member, []);
    const cleared = this.#whenSteered(key, CLEARING_MS).then(() => {
      if (this.#parts.sandboxes.get(key) === undefined) this.#end(key);
    });
    this.#track(cleared);
  }

  /** @param how it has ended itself, or weftd does and tables stay. */
  #end(where: SandboxKey | 'host', how: 'ended' | 'as it is' = 'ended'): void {
    const member = this.#members.get(where);
    if (member === undefined || member === 'opening') return;
    this.#members.delete(where);
    this.#track(this.#close(member, how));
  }

  async #close(member: Member, how: 'ended' | 'as it is'): Promise<void> {
    await this.#spreader.leave(member);
    try {
      if (how === 'ended') await this.#sums.keep(member.keeper, (...asked) => this.#isBackend(...asked));
    } catch (error) {
      this.#parts.log.debug({ sandbox: member.where, error: errorMessage(error) }, 'last counts not read');
    }
    await member.keeper[Symbol.asyncDispose]();
  }

  #isBackend({ network, name }: ServiceRecord, endpoint: EndpointId): boolean {
    const service = this.#parts.naming.service(network, name);
    return (
      service !== undefined && this.#parts.naming.backends(service).some((each) => each.endpoint === endpoint)
    );
  }

  #track(task: Promise<void>): void {
    this.#ending.add(task);
    task.finally(() => this.#ending.delete(task)).catch(() => undefined);
  }

  #whenSteered(key: SandboxKey, timeoutMs: number): Promise<boolean> {
    const is = (): boolean => {
      const member = this.#members.get(key);
      return member !== undefined && member !== 'opening' && isSteered(member);
    };
    if (is()) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    const done = (steered: boolean): void => {
      clearTimeout(timer);
      waiting.delete(look);
      if (waiting.size === 0) this.#waiting.delete(key);
      resolve(steered);
    };
    const look = (): void => {
      if (is()) done(true);
    };
    const timer = setTimeout(() => done(is()), Math.max(0, timeoutMs));
    waiting.add(look);
    return promise;
  }
}
