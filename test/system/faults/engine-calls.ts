import type { IfName } from '../../../core/ids.ts';
import { type LinkPrefix, linkName } from '../../../core/names.ts';
import type { ScratchNamespace } from '../../support/scratch-namespace.ts';
import type { FaultHost, PluginMethod } from './fault-host.ts';

/*
 * What dockerd asks of a plugin in the life of a network with one container, and what it does when an answer is an
 * error or does not come (protocol 2.1).
 */

/** One call, and what the engine does with the container's link after a successful answer to it. */
export interface EngineCall {
  readonly name: string;
  readonly method: PluginMethod;
  readonly argument: object;
  readonly link?: 'plumb' | 'unplumb';
  /** What the engine calls when this fails, as names; it forgets what is then left. */
  readonly onFailure: readonly string[];
  /** What is then nobody's, so that weftd's garbage collector calls it. */
  readonly collected: readonly string[];
}

const SPACE = 'WeftLocal';
const ANY_PORT = { IP: '', HostIP: '' };
const PORT_OPTIONS = {
  'com.docker.network.endpoint.exposedports': [
    { Proto: 6, Port: 80 },
    { Proto: 17, Port: 53 },
  ],
  'com.docker.network.portmap': [
    { ...ANY_PORT, Proto: 6, Port: 80, HostPort: 8080, HostPortEnd: 8080 },
    { ...ANY_PORT, Proto: 17, Port: 53, HostPort: 8053, HostPortEnd: 8053 },
  ],
};

/** Host ports of the container, as the port prober reads them. */
export const PUBLISHED = ['tcp 0.0.0.0 8080', 'tcp :: 8080', 'udp 0.0.0.0 8053', 'udp :: 8053'] as const;

/** A driver, and how a network of it is made. */
export interface LifeKind {
  readonly driver: string;
  /** Of the container's link until the engine moves it. */
  readonly link: LinkPrefix;
  /** `-o` of `docker network create`. */
  readonly options: Readonly<Record<string, string>>;
}

const BRIDGE: LifeKind = { driver: 'weft-bridge', link: 'wc', options: {} };

/** A network and a container with fixed ids, on `10.N.0.0/24` and `fd00:N::/64`. */
export interface Life {
  readonly driver: string;
  readonly networkId: string;
  readonly endpointId: string;
  /** The container's link on the host. */
  readonly link: IfName;
  readonly calls: readonly EngineCall[];
}

/** The calls of one network's life, in order. */
export function engineLife(number: number, sandbox: ScratchNamespace, kind: LifeKind = BRIDGE): Life {
  const networkId = `${number}a`.padEnd(64, '0');
  const endpointId = `${number}e`.padEnd(64, '0');
  const v4 = { pool: `10.${number}.0.0/24`, host: (n: number) => `10.${number}.0.${n}` };
  const v6 = { pool: `fd00:${number}::/64`, host: (n: number) => `fd00:${number}::${n}` };
  const id = ({ pool }: { readonly pool: string }) => `${SPACE}/${pool}`;
  const network = { NetworkID: networkId };
  const endpoint = { ...network, EndpointID: endpointId };
  const gateway = { RequestAddressType: 'com.docker.network.gateway' };
  const requestPool = (subnet: typeof v4) => ({
    ...{ AddressSpace: SPACE, Pool: subnet.pool, SubPool: '', Options: {} },
    V6: subnet === v6,
  });
  const address = (subnet: typeof v4, n: number) => ({ PoolID: id(subnet), Address: subnet.host(n) });
  const request = (subnet: typeof v4, options: object | null) => ({
    ...{ PoolID: id(subnet), Address: '', Options: options },
  });
  const release = ['ReleaseAddress', 'ReleaseAddress v6'];
  const releaseNetwork = [
    'ReleaseAddress gateway',
    'ReleaseAddress gateway v6',
    'ReleasePool',
    'ReleasePool v6',
  ];
  const ipamData = (subnet: typeof v4, bits: number) => [
    { AddressSpace: SPACE, Pool: subnet.pool, Gateway: `${subnet.host(1)}/${bits}` },
  ];
  const stop = ['Leave', 'DeleteEndpoint', ...release];
  const call = (
    name: string,
    method: PluginMethod,
    argument: object,
    onFailure: readonly string[] = [],
    collected: readonly string[] = [],
  ): EngineCall => ({ name, method, argument, onFailure, collected });
  const ipam = 'IpamDriver';
  const driver = 'NetworkDriver';
  return {
    driver: kind.driver,
    networkId,
    endpointId,
    link: linkName(kind.link, endpointId),
    calls: [
      call('RequestPool', `${ipam}.RequestPool`, requestPool(v4), [], ['ReleasePool']),
      call('RequestPool v6', `${ipam}.RequestPool`, requestPool(v6), ['ReleasePool'], ['ReleasePool v6']),
      call('RequestAddress gateway', `${ipam}.RequestAddress`, request(v4, gateway), releaseNetwork.slice(2)),
      call('RequestAddress gateway v6', `${ipam}.RequestAddress`, request(v6, gateway), [
        'ReleaseAddress gateway',
        ...releaseNetwork.slice(2),
      ]),
      call(
        'CreateNetwork',
        `${driver}.CreateNetwork`,
        {
          ...network,
          Options: {
            'com.docker.network.enable_ipv4': true,
            'com.docker.network.enable_ipv6': true,
            'com.docker.network.generic': kind.options,
          },
          IPv4Data: ipamData(v4, 24),
          IPv6Data: ipamData(v6, 64),
        },
        releaseNetwork,
        ['DeleteNetwork'],
      ),
      call('RequestAddress', `${ipam}.RequestAddress`, request(v4, null), [], ['ReleaseAddress']),
      call(
        'RequestAddress v6',
        `${ipam}.RequestAddress`,
        request(v6, null),
        ['ReleaseAddress'],
        ['ReleaseAddress v6'],
      ),
      call(
        'CreateEndpoint',
        `${driver}.CreateEndpoint`,
        {
          ...endpoint,
          Interface: { Address: `${v4.host(2)}/24`, AddressIPv6: `${v6.host(2)}/64`, MacAddress: '' },
          Options: PORT_OPTIONS,
        },
        release,
        ['DeleteEndpoint'],
      ),
      {
        ...call('Join', `${driver}.Join`, { ...endpoint, SandboxKey: sandbox.path, Options: PORT_OPTIONS }, [
          'DeleteEndpoint',
          ...release,
        ]),
        link: 'plumb',
      },
      call(
        'ProgramExternalConnectivity',
        `${driver}.ProgramExternalConnectivity`,
        { ...endpoint, Options: PORT_OPTIONS },
        stop,
      ),
      call('RevokeExternalConnectivity', `${driver}.RevokeExternalConnectivity`, endpoint, stop),
      { ...call('Leave', `${driver}.Leave`, endpoint, stop.slice(1)), link: 'unplumb' },
      call('DeleteEndpoint', `${driver}.DeleteEndpoint`, endpoint, release, ['DeleteEndpoint']),
      call('ReleaseAddress', `${ipam}.ReleaseAddress`, address(v4, 2), release.slice(1), ['ReleaseAddress']),
      call('ReleaseAddress v6', `${ipam}.ReleaseAddress`, address(v6, 2), [], ['ReleaseAddress v6']),
      ...releaseNetwork.map((name, i) =>
        call(
          name,
          `${ipam}.${i < 2 ? 'ReleaseAddress' : 'ReleasePool'}`,
          i < 2 ? address(i === 0 ? v4 : v6, 1) : { PoolID: id(i === 2 ? v4 : v6) },
          [...releaseNetwork.slice(i + 1), 'DeleteNetwork'],
          [name],
        ),
      ),
      call('DeleteNetwork', `${driver}.DeleteNetwork`, network, [], ['DeleteNetwork']),
    ],
  };
}

/** Does with a container's link what libnetwork does after Join: moves, names and addresses it, brings it up. */
export function plumb(
  host: FaultHost,
  sandbox: ScratchNamespace,
  life: Life,
  number: number,
  last = 2,
): void {
  host.namespace.run(`ip link set ${life.link} netns ${sandbox.pid} name eth0`);
  sandbox.run(`
    ip address add 10.${number}.0.${last}/24 dev eth0
    ip -6 address add fd00:${number}::${last}/64 dev eth0 nodad
    ip link set eth0 up
    ip route add default via 10.${number}.0.1
    ip -6 route add default via fd00:${number}::1`);
}

/** Gives the link back, as libnetwork does after Leave; a sandbox without one is fine. */
export function unplumb(host: FaultHost, sandbox: ScratchNamespace, life: Life): void {
  sandbox.run(`
    if ip link show eth0 >/dev/null 2>&1; then
      ip link set eth0 down
      ip link set eth0 netns ${host.namespace.pid} name ${life.link}
    fi`);
}
