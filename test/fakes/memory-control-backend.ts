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
} from '../../daemon/control/index.ts';

/** What a MemoryControlBackend shows. Counts in the status are derived. */
export interface ControlScene {
  networks: NetworkView[];
  endpoints: EndpointView[];
  /** Endpoints of other hosts. */
  remote: EndpointView[];
  nodes: NodeList;
  explanation: Explanation;
  pools: IpamPoolDetail[];
  ports: PortView[];
  drift: DriftReport;
  findings: DoctorFinding[];
  status: Omit<Status, 'counts'>;
}

/** A ControlBackend over plain values: the real server and the real CLI run against it. */
export class MemoryControlBackend implements ControlBackend {
  readonly scene: ControlScene;
  readonly log: EventLog;
  /** When set, every call but events throws it. */
  failure: Error | undefined;

  constructor(scene: ControlScene, log: EventLog) {
    this.scene = scene;
    this.log = log;
  }

  async status(): Promise<Status> {
    const { networks, endpoints, ports, pools, status } = this.#read();
    const counts = {
      networks: networks.length,
      endpoints: endpoints.length,
      ports: ports.length,
      pools: pools.length,
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

export const WEB = '4f1c2d3e'.repeat(8);
export const DB = '4f99aabb'.repeat(8);
export const WEB_1 = 'a0b1c2d3'.repeat(8);
export const NOW = Date.parse('2030-01-02T03:04:05.000Z');

/** Two networks, one endpoint with a published port, two pools, one repair, three findings; times are before `now`. */
export function aControlScene(now = NOW): ControlScene {
  const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();
  const binding = {
    protocol: 'tcp' as const,
    hostIp: '0.0.0.0',
    hostPort: 8080,
    containerIp: '198.18.0.2',
    containerPort: 80,
  };
  return {
    status: {
      version: '0.1.0',
      node: 'host1',
      startedAt: ago(7500),
      uptimeSeconds: 7500,
      ready: true,
      engine: { configured: true, reachable: true, version: '29.0.1' },
      store: { kind: 'embedded', connected: true, ageMs: 0, revision: 7 },
      cluster: { state: 'ready', address: '192.0.2.1', nodes: 1 },
      lastReconcile: { at: ago(12), durationMs: 14.2, repairs: 0 },
      drift: [{ object: 'route', cause: 'missing', count: 3 }],
    },
    networks: [
      {
        id: WEB,
        name: 'web',
        driver: 'weft-bridge',
        bridge: 'wb-abcdefghij',
        subnets: [
          { subnet: '198.18.0.0/24', gateway: '198.18.0.1' },
          { subnet: 'fd00:18::/64', gateway: 'fd00:18::1' },
        ],
        mtu: 1500,
        options: { 'com.docker.network.driver.mtu': '1500' },
        internal: false,
        endpoints: 1,
        state: 'ready',
        createdAt: ago(3600),
      },
      {
        id: DB,
        driver: 'weft-none',
        subnets: [],
        options: {},
        internal: true,
        endpoints: 0,
        state: 'pending',
        createdAt: ago(60),
      },
    ],
    endpoints: [
      {
        id: WEB_1,
        name: 'web-1',
        network: WEB,
        networkName: 'web',
        ipv4: '198.18.0.2/24',
        ipv6: 'fd00:18::2/64',
        mac: '02:00:00:00:00:02',
        link: 'wv-abcdefghij',
        sandbox: '/var/run/docker/netns/0123456789ab',
        ports: [binding],
        state: 'external',
        createdAt: ago(90),
      },
    ],
    remote: [],
    nodes: {
      store: { kind: 'embedded', connected: true, ageMs: 0, revision: 7 },
      nodes: [
        {
          name: 'host1',
          id: '11111111-2222-3333-4444-555555555555',
          self: true,
          address: '192.0.2.1',
          vxlanPort: 4789,
          state: 'ready',
          version: '0.1.0',
          since: ago(7500),
          joinedAt: ago(86_400),
          networks: 0,
          refused: 0,
          endpoints: 0,
        },
      ],
    },
    explanation: { from: 'web-1', to: '198.18.0.1', holds: true, steps: [] },
    ports: [
      {
        ...binding,
        ephemeral: false,
        endpoint: WEB_1,
        endpointName: 'web-1',
        network: WEB,
        networkName: 'web',
      },
    ],
    pools: [
      {
        id: 'weft/198.18.0.0/24',
        space: 'weft',
        subnet: '198.18.0.0/24',
        range: '198.18.0.128/25',
        gateway: '198.18.0.1',
        used: 2,
        resting: 1,
        usable: 254,
        leases: [
          { address: '198.18.0.1', kind: 'gateway', since: ago(3600) },
          {
            address: '198.18.0.2',
            kind: 'endpoint',
            name: 'web-1',
            mac: '02:00:00:00:00:02',
            since: ago(90),
          },
          { address: '198.18.0.3', kind: 'resting', restingUntil: ago(-20) },
        ],
      },
      {
        id: 'weft/fd00:18::/64',
        space: 'weft',
        subnet: 'fd00:18::/64',
        gateway: 'fd00:18::1',
        used: 2,
        resting: 0,
        usable: 2 ** 64 - 1,
        leases: [],
      },
    ],
    drift: {
      totals: [{ object: 'route', cause: 'missing', count: 3 }],
      repairs: [
        {
          time: ago(300),
          object: 'route',
          key: 'route wb-abcdefghij 198.18.9.0/24',
          cause: 'missing',
          action: 'created',
        },
      ],
    },
    findings: [
      { id: 'kernel', level: 'ok', title: 'the kernel has every module weft needs' },
      { id: 'docker', level: 'info', title: 'dockerd 29.0.1 uses the iptables backend' },
      {
        id: 'gc-thresh',
        level: 'warn',
        title: 'the neighbour table holds at most 1024 entries',
        detail: 'net.ipv4.neigh.default.gc_thresh3 = 1024',
        remedy: 'sysctl -w net.ipv4.neigh.default.gc_thresh3=16384',
      },
    ],
  };
}
