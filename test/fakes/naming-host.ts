import { join } from 'node:path';
import pino from 'pino';
import type { Cidr, Ip } from '../../core/address.ts';
import { formatIfAddress } from '../../core/address.ts';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { Network } from '../../core/model.ts';
import type { NamingChange, NamingView } from '../../core/naming.ts';
import type { AddressHolder, Store } from '../../core/ports.ts';
import { openContainerApi } from '../../daemon/docker/index.ts';
import { Naming } from '../../daemon/naming/index.ts';
import { Repository } from '../../daemon/state/index.ts';
import { ClusterAddresses, IpamService, systemClock } from '../../ipam/index.ts';
import { MirroredStore, openSqliteStore } from '../../store/index.ts';
import { aNetworkRequest, anAttachment, anEndpoint, anEndpointRequest } from './builders.ts';
import { FakeDocker } from './fake-docker.ts';
import type { NamingCluster } from './naming-cluster.ts';

const log = pino({ level: process.env['WEFT_TEST_LOG'] ?? 'silent' });

interface Running {
  readonly store: Store;
  readonly mirror: MirroredStore;
  readonly addresses: ClusterAddresses;
  readonly ipam: IpamService;
  readonly repository: Repository;
  readonly naming: Naming;
  readonly stack: AsyncDisposableStack;
}

/** One host; everything but Docker starts anew at `restart`. */
export class NamingHost implements AsyncDisposable {
  readonly name: string;
  readonly #socketPath: string;
  readonly #docker: FakeDocker | undefined;
  readonly cluster: NamingCluster;
  /** What is added to this host's clock, milliseconds. */
  skewMs = 0;
  mayAct = true;
  /** Who has which address on the LAN. */
  readonly neighbours = new Map<string, AddressHolder>();
  /** Its sandboxes are no more, as after power was off. */
  isBare = false;
  #running: Running | undefined;

  private constructor(
    cluster: NamingCluster,
    name: string,
    docker: { readonly socketPath: string; readonly fake?: FakeDocker },
  ) {
    this.cluster = cluster;
    this.name = name;
    this.#socketPath = docker.socketPath;
    this.#docker = docker.fake;
  }

  static async boot(cluster: NamingCluster, name: string, socketPath?: string): Promise<NamingHost> {
    const path = join(cluster.folder, `${name}.sock`);
    const docker =
      socketPath === undefined ? { socketPath: path, fake: await FakeDocker.start(path) } : { socketPath };
    const host = new NamingHost(cluster, name, docker);
    await host.start();
    return host;
  }

  get docker(): FakeDocker {
    if (this.#docker === undefined) throw new Error(`${this.name} has a real engine`);
    return this.#docker;
  }

  async start(): Promise<void> {
    const stack = new AsyncDisposableStack();
    const { cluster, name } = this;
    const store = stack.use(await openSqliteStore({ path: join(cluster.folder, `${name}.db`) }));
    const mirror = stack.use(await MirroredStore.open({ shared: cluster.shared, local: store, log }));
    await mirror.ready;
    const isAlive = (node: string) => !cluster.dead.has(node);
    const addresses = stack.use(
      await ClusterAddresses.open({ node: name, store, shared: mirror, isAlive, clock: systemClock, log }),
    );
    const ipam = await IpamService.load({
      store,
      clock: systemClock,
      hostRoutes: async () => [],
      cluster: addresses,
    });
    const repository = await Repository.load(store);
    const naming = stack.use(
      await Naming.open({
        store,
        shared: mirror,
        liveness: cluster.liveness,
        repository,
        ipam,
        docker: this.#socketPath === 'none' ? undefined : stack.use(openContainerApi(this.#socketPath)),
        node: name,
        hasEnded: () => this.isBare,
        mayAct: () => this.mayAct,
        holderOf: async (_network, ip) => this.neighbours.get(ip),
        clock: { now: () => Date.now() + this.skewMs },
        log,
      }),
    );
    this.#running = { store, mirror, addresses, ipam, repository, naming, stack };
  }

  async stop(): Promise<void> {
    await this.#running?.stack.disposeAsync();
    this.#running = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  get is(): Running {
    if (this.#running === undefined) throw new Error(`${this.name} does not run`);
    return this.#running;
  }

  get naming(): Naming {
    return this.is.naming;
  }

  get view(): NamingView {
    return this.naming.view;
  }

  /**
   * Makes a network of a driver whose addresses weft's IPAM gives, unless told otherwise.
   * @returns its key.
   */
  async network(spec: {
    readonly id: string;
    /** Of an overlay: its name in the cluster. */
    readonly overlay?: string;
    readonly ipv4?: string;
    readonly ipv6?: string;
    readonly ipam?: 'weft' | 'default';
  }): Promise<string> {
    const { id, overlay, ipv4 = '10.80.0.0/24', ipv6, ipam = 'weft' } = spec;
    const pools = [ipv4, ...(ipv6 === undefined ? [] : [ipv6])];
    for (const pool of ipam === 'weft' ? pools : []) {
      const { poolId } = await this.is.ipam.requestPool({
        space: 'WeftLocal',
        pool,
        subPool: '',
        options: {},
        v6: pool.includes(':'),
      });
      if (overlay !== undefined) await this.is.ipam.share(poolId, overlay, []);
    }
    const subnet = (pool: string) => ({ pool: pool as Cidr, aux: {} });
    const request = aNetworkRequest({
      id,
      enableIpv6: ipv6 !== undefined,
      ipv4: [subnet(ipv4)],
      ipv6: ipv6 === undefined ? [] : [subnet(ipv6)],
    });
    const network: Network = {
      driver: overlay === undefined ? 'weft-bridge' : 'weft-overlay',
      request,
      options: {},
      ...(overlay === undefined
        ? {}
        : { tunnel: { name: overlay, id: `${overlay}-1`, vni: 7, local: '192.0.2.1' as Ip, port: 4789 } }),
      createdAt: 0,
    };
    if (overlay !== undefined) {
      await this.cluster.put(`${CLUSTER_KEYS.network}${overlay}`, { name: overlay });
      await this.cluster.put(`${CLUSTER_KEYS.joined}${overlay}/${this.name}`, { network: `${overlay}-1` });
    }
    await this.is.repository.putNetwork(network);
    return overlay ?? id;
  }

  /** Docker runs a container, and its endpoint joins a network of weft's. */
  async run(spec: {
    readonly name: string;
    readonly networkId: string;
    readonly networkName?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly options?: Record<string, string>;
    readonly aliases?: readonly string[];
    readonly health?: string;
    readonly stopSignal?: string;
  }): Promise<EndpointId> {
    const { name, networkId, networkName = 'app', labels, options, aliases, health, stopSignal } = spec;
    const endpoint = await this.attach(name, networkId, options);
    this.docker.run({
      id: containerId(name),
      name,
      ...(labels && { labels }),
      ...(health && { health }),
      ...(stopSignal && { stopSignal }),
      networks: { [networkName]: { endpoint, ...(aliases && { aliases }) } },
    });
    return endpoint;
  }

  /**
   * The endpoint of a container joins; Docker has not said whose it is.
   * @param address where weft's IPAM gives none.
   */
  async attach(
    name: string,
    networkId: string,
    options: Record<string, string> = {},
    address = '10.80.0.2/24',
  ): Promise<EndpointId> {
    const { ipam, repository } = this.is;
    const network = repository.network(networkId as never);
    const pools = [...(network?.request.ipv4 ?? []), ...(network?.request.ipv6 ?? [])];
    const given = await Promise.all(
      pools.map(async ({ pool }) => {
        const view = ipam.list().find((each) => each.pool === pool);
        if (view === undefined) return undefined;
        return formatIfAddress(await ipam.requestAddress({ poolId: view.poolId, options: null }));
      }),
    );
    const [ipv4 = address, ipv6] = given;
    const request = anEndpointRequest({
      id: endpointId(name),
      networkId,
      ipv4,
      ...(ipv6 === undefined ? {} : { ipv6 }),
      options,
    });
    const endpoint = anEndpoint({ request, attachment: anAttachment(), createdAt: Date.now() - 5 });
    await repository.putEndpoint(endpoint);
    return request.id;
  }

  /** Docker ends a container, and its endpoint leaves. */
  async end(name: string): Promise<void> {
    this.docker.die(containerId(name));
    const endpoint = this.is.repository.endpoint(endpointId(name) as EndpointId);
    if (endpoint !== undefined) await this.is.repository.deleteEndpoint(endpoint);
  }

  /** Changes of the view from now on. */
  record(): NamingChange[] {
    const changes: NamingChange[] = [];
    this.view.subscribe((batch) => changes.push(...batch));
    return changes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#docker?.[Symbol.asyncDispose]();
  }
}

/** An id such as Docker gives, derived from a name. */
export function containerId(name: string): string {
  return Buffer.from(name).toString('hex').padEnd(64, '0');
}

export function endpointId(name: string): string {
  return Buffer.from(name).toString('hex').padStart(64, 'e');
}
