import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Clock, SharedView, Store } from '../../core/ports.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { ContainerApi } from '../docker/index.ts';
import type { Repository } from '../state/index.ts';
import { ContainerWatch } from './container-watch.ts';
import { openHostView } from './host-view.ts';
import { LocalNames } from './local-names.ts';
import type { Log } from './log.ts';
import { NodePulse } from './node-pulse.ts';
import { ServiceEdits } from './service-edits.ts';
import { ServiceKeeper } from './service-keeper.ts';
import { ServiceProblems } from './service-problems.ts';
import { ServiceRecords } from './service-records.ts';
import type { ServiceChange, ServiceSpec } from './service-spec.ts';
import { Services } from './services.ts';
import { type NodeLiveness, StoreView } from './store-view.ts';
import { type HolderOf, VirtualIps } from './virtual-ips.ts';

export interface NamingParts {
  /** This host's own store; it stays open. */
  readonly store: Store;
  /** What this host shares with others. */
  readonly shared: SharedView;
  readonly liveness: NodeLiveness;
  readonly repository: Repository;
  readonly ipam: Pick<IpamService, 'services'>;
  /** Undefined with `--docker none`: names are then those of services in driver options alone. */
  readonly docker: ContainerApi | undefined;
  /** This host's name in the cluster. */
  readonly node: string;
  /** Whether a sandbox of this host is no more; absent: none is. */
  readonly hasEnded?: (sandbox: SandboxKey) => boolean;
  /** False while this host must not speak in the cluster. */
  readonly mayAct: () => boolean;
  /** Who has an address on the LAN of a network; absent: nobody is asked. */
  readonly holderOf?: HolderOf;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Names and services: finds out what this host's endpoints are called and declare, tells the other hosts, makes the
 * services, and knows what all hosts have told.
 */
export class Naming implements AsyncDisposable {
  readonly #view: StoreView;
  readonly #names: LocalNames;
  readonly #services: Services;
  readonly #edits: ServiceEdits;
  readonly #problems: ServiceProblems;
  readonly #containers: ContainerWatch | undefined;
  readonly #listeners = new Set<(endpoints: ReadonlySet<EndpointId>) => void>();
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: NamingParts, host: SharedView & AsyncDisposable, stack: AsyncDisposableStack) {
    const { shared, liveness, repository, ipam, docker, node, hasEnded, mayAct, holderOf, clock, log } =
      parts;
    const view = stack.use(new StoreView({ stores: [shared, host], liveness, log }));
    const pulse = stack.use(
      new NodePulse({
        shared,
        nodes: () => [...view.nodesProbed()].filter((other) => other !== node),
        changed: (other, isSilent) => view.setSilent(other, isSilent),
      }),
    );
    pulse.look();
    stack.use(view.subscribe(() => pulse.look()));
    const records = new ServiceRecords(shared, host);
    const addresses = ipam.services;
    const vips = new VirtualIps({ addresses, repository, shared, view, holderOf, clock });
    const common = { ...parts, view, records, vips, locks: new KeyedMutex() };
    this.#stack = stack;
    this.#view = view;
    this.#problems = new ServiceProblems(log);
    this.#edits = new ServiceEdits(common);
    const watch =
      docker &&
      stack.use(
        new ContainerWatch({
          docker,
          changed: (endpoints) => {
            for (const id of endpoints) this.#names.refresh(id);
            for (const listener of this.#listeners) listener(endpoints);
          },
          log,
        }),
      );
    this.#containers = watch;
    this.#names = stack.use(
      new LocalNames({
        repository,
        shared,
        host,
        view,
        node,
        holder: watch && ((id) => watch.holder(id)),
        ...(hasEnded && { hasEnded }),
        mayPublish: mayAct,
        log,
      }),
    );
    const keeper = new ServiceKeeper({ ...common, problems: this.#problems });
    this.#services = stack.use(new Services({ ...common, keeper, addresses }));
  }

  /**
   * Reads what is known and begins to follow Docker, the stores and this host's endpoints. Neither Docker nor the
   * cluster need answer.
   * @throws {Unavailable} when this host's own store cannot be read.
   */
  static async open(parts: NamingParts): Promise<Naming> {
    await using stack = new AsyncDisposableStack();
    const host = stack.use(await openHostView(parts.store, parts.log));
    return new Naming(parts, host, stack.move());
  }

  /** Names and services of this host's and the cluster's networks. */
  get view(): NamingView {
    return this.#view;
  }

  /** What is wrong with names and services, a sentence each: labels, records, virtual IPs. */
  get problems(): readonly string[] {
    return [...this.#names.problems, ...this.#problems.all, ...this.#view.problems];
  }

  /** DNS servers that an endpoint's container was given; undefined while Docker has not said whose endpoint it is. */
  dnsOf(endpoint: EndpointId): readonly string[] | undefined {
    if (this.#containers === undefined) return [];
    const container = this.#containers.holder(endpoint);
    return container && (container.dns ?? []);
  }

  /** Calls back, until disposed, with endpoints of a container of which Docker says something else than before. */
  onContainer(listener: (endpoints: ReadonlySet<EndpointId>) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** @see ServiceEdits.create */
  createService(spec: ServiceSpec): Promise<ServiceRecord> {
    return this.#edit(spec.network, spec.name.toLowerCase(), () => this.#edits.create(spec));
  }

  /** @see ServiceEdits.update */
  updateService(network: string, name: string, change: ServiceChange): Promise<ServiceRecord> {
    return this.#edit(network, name, (lower) => this.#edits.update(network, lower, change));
  }

  /** @see ServiceEdits.remove */
  removeService(network: string, name: string): Promise<void> {
    return this.#edit(network, name, (lower) => this.#edits.remove(network, lower));
  }

  /** After this host was fenced, or is no longer. */
  fenceChanged(): void {
    this.#names.compare();
  }

  /** Resolves when what was to be told and made has been, or has failed. */
  async settled(): Promise<void> {
    await this.#names.settled();
    await this.#services.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** What was begun and failed is cleared up by a comparison. */
  async #edit<Result>(
    network: string,
    name: string,
    edit: (lower: string) => Promise<Result>,
  ): Promise<Result> {
    const lower = name.toLowerCase();
    try {
      return await edit(lower);
    } finally {
      this.#services.poke(network, lower);
    }
  }
}
