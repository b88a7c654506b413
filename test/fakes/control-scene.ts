import type { Ip } from '../../core/address.ts';
import type {
  DoctorFinding,
  DriftReport,
  EndpointView,
  Explanation,
  IpamPoolDetail,
  NetworkView,
  NodeList,
  PortView,
  Status,
} from '../../core/control.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { BackendTally } from '../../daemon/views/names-ports.ts';
import { MemoryNaming } from './memory-naming.ts';

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
  naming: MemoryNaming;
  /** By service. */
  tallies: Record<string, BackendTally[]>;
  status: Omit<Status, 'counts'>;
}

export const WEB = '4f1c2d3e'.repeat(8);
export const DB = '4f99aabb'.repeat(8);
export const WEB_1 = 'a0b1c2d3'.repeat(8);
export const WEB_2 = 'b0b1c2d3'.repeat(8);
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
      resolver: { state: 'on', sandboxes: 1, restarts: 0 },
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
        names: ['web-1', 'web'],
        services: ['shop'],
        backendState: 'ready',
        ports: [binding],
        state: 'external',
        createdAt: ago(90),
      },
    ],
    remote: [],
    naming: aNaming(now),
    tallies: {
      shop: [{ endpoint: WEB_1 as EndpointId, connections: 12n, packets: 340n, bytes: 56_789n }],
    },
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
        conflicts: 1,
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
          {
            address: '198.18.0.4',
            kind: 'conflict',
            mac: '02:00:00:00:00:99',
            since: ago(60),
            restingUntil: ago(-540),
          },
        ],
      },
      {
        id: 'weft/fd00:18::/64',
        space: 'weft',
        subnet: 'fd00:18::/64',
        gateway: 'fd00:18::1',
        used: 2,
        resting: 0,
        conflicts: 0,
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

/** On network web: container web-1, and web-2 of host2 that starts; both declare service shop, port 80. */
function aNaming(now: number): MemoryNaming {
  const naming = new MemoryNaming();
  const declaration = {
    service: 'shop',
    ports: [{ protocol: 'tcp' as const, port: 80, target: 8080 }],
    weight: 1,
  };
  const shared = { network: WEB, networkName: 'web', container: 'cc'.repeat(32), declaredAt: now - 90_000 };
  naming.putName({
    ...shared,
    endpoint: WEB_1 as EndpointId,
    node: 'host1',
    names: ['web-1', 'web'],
    ipv4: '198.18.0.2' as Ip,
    ipv6: 'fd00:18::2' as Ip,
    state: 'ready',
    service: declaration,
  });
  naming.putName({
    ...shared,
    endpoint: WEB_2 as EndpointId,
    node: 'host2',
    names: ['web-2', 'web'],
    ipv4: '198.18.0.7' as Ip,
    state: 'starting',
    service: { ...declaration, weight: 3 },
  });
  naming.putService({
    network: WEB,
    name: 'shop',
    vip4: '198.18.0.100' as Ip,
    vip6: 'fd00:18::100' as Ip,
    ports: declaration.ports,
    affinity: { timeoutSeconds: 600 },
    origin: 'label',
    createdAt: now - 90_000,
  });
  return naming;
}
