import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { Conflict, errorMessage } from '../../core/errors.ts';
import type { NetworkId } from '../../core/ids.ts';
import type { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { EndpointRequest, Network } from '../../core/model.ts';
import type { Clock, Kernel, SharedView, Step, Store } from '../../core/ports.ts';
import { drivers, planTunnelSenders } from '../../drivers/index.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { Engine } from '../docker/index.ts';
import type { ClusterGate } from '../networks/index.ts';
import type { DesiredState } from '../reconcile/index.ts';
import type { Repository } from '../state/index.ts';
import { Definitions } from './definitions.ts';
import { EndpointPublisher } from './endpoint-publisher.ts';
import { Liveness } from './liveness.ts';
import type { Log } from './log.ts';
import type { Membership, NodeIdentity } from './membership.ts';
import { NetworkBinder } from './network-binder.ts';
import { NetworkSync } from './network-sync.ts';
import { RemoteState } from './remote-state.ts';
import { SharedSubnets } from './shared-subnets.ts';
import { TunnelEnds } from './tunnel-ends.ts';
import type { Underlay } from './underlay.ts';

export interface ClusterParts {
  readonly shared: SharedView;
  /** This host's own store. */
  readonly store: Store;
  readonly node: NodeIdentity;
  readonly underlay: Underlay;
  readonly membership: Membership;
  readonly repository: Repository;
  readonly kernel: Kernel;
  readonly ipam: IpamService;
  readonly engine: Engine | undefined;
  readonly locks: KeyedMutex;
  readonly clock: Clock;
  readonly log: Log;
}

/** This host in its cluster: what the other hosts have, and what they are told of this one. */
export class Cluster implements ClusterGate, AsyncDisposable {
  readonly #parts: ClusterParts;
  readonly #stack = new AsyncDisposableStack();
  readonly definitions: Definitions;
  readonly binder: NetworkBinder;
  readonly #subnets: SharedSubnets;
  readonly #ends: TunnelEnds;
  #liveness: Liveness | undefined;
  #remote: RemoteState | undefined;
  #publisher: EndpointPublisher | undefined;
  #sync: NetworkSync | undefined;

  private constructor(parts: ClusterParts) {
    const { shared, node, underlay, repository, kernel, ipam, locks, clock, log, membership } = parts;
    this.#parts = parts;
    this.definitions = new Definitions({ shared, node: node.name, clock });
    this.#subnets = new SharedSubnets({ ipam, log });
    this.#ends = new TunnelEnds({
      repository,
      shared,
      drivers,
      kernel,
      locks,
      node: node.name,
      end: {
        local: underlay.address,
        port: node.vxlanPort,
        ...(underlay.mtu === undefined ? {} : { underlayMtu: underlay.mtu }),
      },
      log,
    });
    this.binder = new NetworkBinder({
      repository,
      definitions: this.definitions,
      locks,
      ends: this.#ends,
      fence: () => membership.fence?.reason,
      rangeOf: (subnet) => this.#subnets.rangeOf(subnet),
      bound: (network) => this.#subnets.share(network),
      log,
    });
  }

  /** Brings stored networks up to date with this host's address. Before the first comparison with the kernel. */
  static async open(parts: ClusterParts): Promise<Cluster> {
    const cluster = new Cluster(parts);
    await cluster.#ends.renew();
    return cluster;
  }

  /** What is known of other hosts becomes part of what the kernel should have. Before the first comparison. */
  desire(desired: DesiredState, compare: () => void): void {
    const { shared, node, underlay, repository, kernel, log } = this.#parts;
    const liveness = this.#stack.use(
      new Liveness({
        shared,
        self: node.name,
        log,
        changed: (name) => this.#remote?.nodeChanged(name),
      }),
    );
    this.#liveness = liveness;
    this.#remote = this.#stack.use(
      new RemoteState({
        shared,
        repository,
        drivers,
        desired,
        kernel,
        liveness,
        self: node.name,
        planSenders: (addresses) =>
          planTunnelSenders({ local: underlay.address, port: node.vxlanPort }, addresses),
        compare,
        log,
      }),
    );
  }

  /** @see RemoteState.repaired */
  async repaired(steps: readonly Step[]): Promise<void> {
    await this.#remote?.repaired(steps);
  }

  /** From now on this host follows the cluster and tells it of itself. After the first comparison. */
  start(): void {
    const { shared, store, repository, engine, node, membership, log } = this.#parts;
    this.#remote?.start();
    this.#stack.use(this.#ends).start();
    const mayAct = () => membership.fence === undefined;
    this.#publisher = this.#stack.use(
      new EndpointPublisher({ shared, repository, node: node.name, mayPublish: mayAct, log }),
    );
    this.#sync = this.#stack.use(
      new NetworkSync({
        shared,
        local: store,
        repository,
        definitions: this.definitions,
        binder: this.binder,
        engine,
        node: node.name,
        mayAct,
        chosenByWeft: (network) => this.#subnets.chosenByWeft(network),
        log,
      }),
    );
    for (const network of repository.networks())
      if (network.tunnel !== undefined) void this.#subnets.share(network);
  }

  /** A network was made on this host; if it is an overlay the cluster hears of it. */
  created(network: Network): void {
    if (network.driver !== 'weft-overlay') return;
    if (network.tunnel !== undefined) void this.#subnets.share(network);
    this.#sync?.created(network);
  }

  tunnelFor(network: Network) {
    return network.driver === 'weft-overlay'
      ? this.binder.tunnelFor(network as never)
      : Promise.resolve(undefined);
  }

  whenBound(id: NetworkId): Promise<void> {
    return this.binder.whenBound(id);
  }

  /** A network was removed on this host; durable when it resolves. */
  async deleted(network: Network): Promise<void> {
    await this.#sync?.left(network);
  }

  /**
   * A network that Docker does not know is no longer stored. One that another host had made, and that Docker has never
   * had here, was removed by nobody: its making was cut short.
   */
  async collected(network: Network): Promise<void> {
    const { tunnel, listed } = network;
    const definition = tunnel === undefined ? undefined : this.definitions.get(tunnel.name);
    const isFollowed = definition?.id === tunnel?.id && definition?.createdBy !== this.#parts.node.name;
    if (listed === true || !isFollowed) await this.deleted(network);
  }

  /** A network could not be made; its definition goes if this host made it and nobody has joined. Never rejects. */
  async abandoned({ tunnel }: Network): Promise<void> {
    const definition = tunnel === undefined ? undefined : this.definitions.get(tunnel.name);
    if (definition === undefined || definition.id !== tunnel?.id) return;
    const { shared, node, log } = this.#parts;
    const joined = [...shared.entries(`${CLUSTER_KEYS.joined}${definition.name}/`)];
    if (definition.createdBy !== node.name || joined.length > 0) return;
    await this.definitions.remove(definition).catch((error: unknown) => {
      log.warn(
        { network: definition.name, error: errorMessage(error) },
        'definition of a failed network stays',
      );
    });
  }

  /** @throws {Conflict} naming the node whose endpoint has the address that is asked for. */
  assertFree(network: Network, { ipv4, ipv6 }: EndpointRequest): void {
    const name = network.tunnel?.name;
    if (name === undefined) return;
    for (const address of [ipv4, ipv6]) {
      const holder = address && this.#remote?.holder(name, address.ip);
      if (address === undefined || holder === undefined) continue;
      throw new Conflict(
        `address ${address.ip} of network ${name} belongs to endpoint ${holder.id.slice(0, 12)} on node ${holder.node}`,
        { networkId: network.request.id, node: holder.node },
      );
    }
  }

  /** Whether no endpoint of this host is on an overlay network. */
  isIdle(): boolean {
    const { repository } = this.#parts;
    for (const { request } of repository.endpoints())
      if (repository.network(request.networkId)?.driver === 'weft-overlay') return false;
    return true;
  }

  /** After this host was fenced, or is no longer. */
  fenceChanged(): void {
    this.#publisher?.compare();
    this.#sync?.poke();
  }

  get liveness(): Liveness | undefined {
    return this.#liveness;
  }

  get remote(): RemoteState | undefined {
    return this.#remote;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
