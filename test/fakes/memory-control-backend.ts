import type {
  DoctorFinding,
  DriftReport,
  EndpointView,
  Explanation,
  IpamPoolDetail,
  IpamPoolView,
  NetworkView,
  NodeList,
  NodeRemoval,
  PortView,
  Status,
} from '../../core/control.ts';
import { Conflict, NotFound } from '../../core/errors.ts';
import {
  type ControlBackend,
  type EndpointFilter,
  type EventLog,
  matchRef,
  type NamesBackend,
} from '../../daemon/control/index.ts';
import { createNamesBackend } from '../../daemon/views/names-backend.ts';
import type { ControlScene } from './control-scene.ts';

/** A ControlBackend over plain values: the real server and the real CLI run against it. */
export class MemoryControlBackend implements ControlBackend {
  readonly scene: ControlScene;
  readonly log: EventLog;
  readonly #named: NamesBackend;
  /** When set, every call but events throws it. */
  failure: Error | undefined;

  constructor(scene: ControlScene, log: EventLog) {
    this.scene = scene;
    this.log = log;
    this.#named = createNamesBackend({
      repository: { networks: () => this.#read().networks.map(({ id }) => ({ request: { id } })) },
      names: { network: (id) => this.#read().networks.find((each) => each.id === id)?.name },
      log: { warn: () => undefined },
      sources: {
        naming: scene.naming,
        table: async () => scene.naming.table,
        balancing: { tallies: async (_network, name) => this.#read().tallies[name] ?? [] },
      },
    });
  }

  services(...args: Parameters<NamesBackend['services']>): ReturnType<NamesBackend['services']> {
    return this.#named.services(...args);
  }

  service(...args: Parameters<NamesBackend['service']>): ReturnType<NamesBackend['service']> {
    return this.#named.service(...args);
  }

  createService(
    ...args: Parameters<NamesBackend['createService']>
  ): ReturnType<NamesBackend['createService']> {
    return this.#named.createService(...args);
  }

  updateService(
    ...args: Parameters<NamesBackend['updateService']>
  ): ReturnType<NamesBackend['updateService']> {
    return this.#named.updateService(...args);
  }

  removeService(
    ...args: Parameters<NamesBackend['removeService']>
  ): ReturnType<NamesBackend['removeService']> {
    return this.#named.removeService(...args);
  }

  resolve(...args: Parameters<NamesBackend['resolve']>): ReturnType<NamesBackend['resolve']> {
    return this.#named.resolve(...args);
  }

  async status(): Promise<Status> {
    const { networks, endpoints, ports, pools, status, naming } = this.#read();
    const counts = {
      networks: networks.length,
      endpoints: endpoints.length,
      ports: ports.length,
      pools: pools.length,
      services: [...naming.networks()].flatMap((network) => [...naming.services(network)]).length,
    };
    return { ...status, counts };
  }

  async networks(): Promise<readonly NetworkView[]> {
    return this.#read().networks;
  }

  async network(ref: string): Promise<NetworkView> {
    return matchRef(this.#read().networks, ref, 'network');
  }

  async endpoints(filter: EndpointFilter = {}): Promise<readonly EndpointView[]> {
    const { endpoints, remote, networks } = this.#read();
    const found = filter.all === true ? [...endpoints, ...remote] : endpoints;
    if (filter.network === undefined) return found;
    const { id } = matchRef(networks, filter.network, 'network');
    return found.filter((endpoint) => endpoint.network === id);
  }

  async endpoint(ref: string): Promise<EndpointView> {
    return matchRef(this.#read().endpoints, ref, 'endpoint');
  }

  async pools(): Promise<readonly IpamPoolView[]> {
    return this.#read().pools.map(({ leases: _leases, ...pool }) => pool);
  }

  async pool(ref: string): Promise<IpamPoolDetail> {
    const named = this.#read().pools.map((pool) => ({ ...pool, name: pool.subnet }));
    const { name: _name, ...pool } = matchRef(named, ref, 'pool');
    return pool;
  }

  async ports(): Promise<readonly PortView[]> {
    return this.#read().ports;
  }

  events(...args: Parameters<EventLog['subscribe']>): ReturnType<EventLog['subscribe']> {
    return this.log.subscribe(...args);
  }

  async drift(): Promise<DriftReport> {
    return this.#read().drift;
  }

  async nodes(): Promise<NodeList> {
    return this.#read().nodes;
  }

  async removeNode(name: string, { force }: { readonly force: boolean }): Promise<NodeRemoval> {
    const { nodes, store } = this.#read().nodes;
    const node = nodes.find((each) => each.name === name);
    if (node === undefined) throw new NotFound(`the cluster has no node ${name}`, { node: name });
    if (node.state === 'ready' && !force) throw new Conflict(`node ${name} lives`, { node: name });
    this.scene.nodes = { nodes: nodes.filter((each) => each !== node), store };
    return { name, networks: node.networks, endpoints: node.endpoints, blocks: 2, addresses: 0 };
  }

  async explain(from: string, to: string): Promise<Explanation> {
    return { ...this.#read().explanation, from, to };
  }

  async doctor(): Promise<readonly DoctorFinding[]> {
    return this.#read().findings;
  }

  #read(): ControlScene {
    if (this.failure !== undefined) throw this.failure;
    return this.scene;
  }
}
