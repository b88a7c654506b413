import type { Cidr, Ip } from '../../core/address.ts';
import type { Entry, Store } from '../../core/ports.ts';
import { ClusterAddresses, type ClusterPool, IpamService } from '../../ipam/index.ts';
import { MemoryStore } from './memory-store.ts';
import type { SharedLink, SharedWorld } from './shared-world.ts';

/** A host with its own durable store, whose IPAM can be killed and started again. */
export class IpamHost {
  readonly name: string;
  readonly errors: string[] = [];
  readonly store = new MemoryStore();
  readonly #world: SharedWorld;
  readonly #isAlive: (node: string) => boolean;
  readonly #subnets: () => Iterable<ClusterPool>;
  #disk: ReadonlyMap<string, Entry> = new Map();
  #running:
    | {
        readonly link: SharedLink;
        readonly service: IpamService;
        readonly cluster: ClusterAddresses;
        kill(): void;
      }
    | undefined;

  constructor(
    name: string,
    world: SharedWorld,
    isAlive: (node: string) => boolean,
    subnets: () => Iterable<ClusterPool> = () => [],
  ) {
    this.name = name;
    this.#world = world;
    this.#isAlive = isAlive;
    this.#subnets = subnets;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get link(): SharedLink {
    return this.#parts.link;
  }

  get service(): IpamService {
    return this.#parts.service;
  }

  get cluster(): ClusterAddresses {
    return this.#parts.cluster;
  }

  async start(): Promise<void> {
    const { clock } = this.#world;
    const link = this.#world.link(this.#disk);
    const life = { over: false };
    const store = mortal(this.store, life);
    const log = {
      info: () => undefined,
      warn: () => undefined,
      error: (facts: object, message: string) => void this.errors.push(`${message} ${JSON.stringify(facts)}`),
    };
    const cluster = await ClusterAddresses.open({
      node: this.name,
      shared: link,
      store,
      isAlive: this.#isAlive,
      clock,
      log,
    });
    const service = await IpamService.load({
      store,
      clock,
      hostRoutes: async () => [],
      cluster,
      clusterSubnets: this.#subnets,
    });
    const kill = () => {
      life.over = true;
      cluster[Symbol.dispose]();
    };
    this.#running = { link, service, cluster, kill };
  }

  /** As by SIGKILL. @param disk an older state of the copy of the shared data; absent: the newest. */
  kill(disk?: ReadonlyMap<string, Entry>): void {
    const { link, kill } = this.#parts;
    kill();
    const newest = link.die();
    this.#disk = disk ?? newest;
    this.#running = undefined;
  }

  async join(cidr: string, network: string, reserved: readonly string[] = [], subPool = ''): Promise<string> {
    const { poolId } = await this.service.requestPool({
      space: 'WeftLocal',
      pool: cidr,
      subPool,
      options: {},
      v6: cidr.includes(':'),
    });
    await this.service.share(poolId, network, reserved as readonly Ip[]);
    return poolId;
  }

  async ask(poolId: string, address?: string, options: Record<string, string> | null = null): Promise<Ip> {
    const request = { poolId, options, ...(address === undefined ? {} : { address: address as Ip }) };
    return (await this.service.requestAddress(request)).ip;
  }

  async free(poolId: string, address: string): Promise<void> {
    await this.service.releaseAddress({ poolId, address: address as Ip });
  }

  /** Endpoint addresses held of one subnet. */
  leases(cidr: string): readonly Ip[] {
    const view = this.service.list().find(({ pool }) => pool === (cidr as Cidr));
    return (view?.leases ?? []).flatMap(({ ip, kind }) => (kind === 'endpoint' ? [ip] : []));
  }

  /** How the hosts share a subnet, as this one sees it. */
  view(cidr: string) {
    const view = this.service.list().find(({ pool }) => pool === (cidr as Cidr))?.cluster;
    if (view === undefined) throw new Error(`${cidr} is not shared`);
    return view;
  }

  get #parts() {
    if (this.#running === undefined) throw new Error(`${this.name} does not run`);
    return this.#running;
  }
}

/** A store whose calls never return once the process that made them is gone. */
function mortal(store: Store, life: { readonly over: boolean }): Store {
  const guard = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    if (life.over) return new Promise(() => {});
    const result = await call();
    return life.over ? new Promise(() => {}) : result;
  };
  return {
    list: (prefix) => guard(() => store.list(prefix)),
    commit: (txn) => guard(() => store.commit(txn)),
    watch: (prefix, after, signal) => store.watch(prefix, after, signal),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
