import { familyOf, formatIfAddress } from '../../core/address.ts';
import type { BindingView, EndpointView, NetworkView, PortView } from '../../core/control.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import type { DriverName, Endpoint, Network, PublishedPort } from '../../core/model.ts';
import { type OverlayOptions, overlayMtu } from '../../drivers/overlay/index.ts';
import type { DockerNames } from '../docker/index.ts';
import type { Repository } from '../state/index.ts';
import { type ClusterSources, networkCluster } from './cluster-views.ts';

/** Where views are read from. */
export interface ViewSources {
  readonly repository: Repository;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly names: DockerNames;
}

function named<Key extends string>(key: Key, name: string | undefined): { readonly [K in Key]?: string } {
  return name === undefined || name === '' ? {} : ({ [key]: name } as { readonly [K in Key]?: string });
}

export function networkView(sources: ViewSources & ClusterSources, network: Network): NetworkView {
  const { repository, drivers, names } = sources;
  const { request } = network;
  const mtu = mtuOf(network);
  const cluster = networkCluster(sources, network);
  return {
    id: request.id,
    ...named('name', names.network(request.id)),
    driver: network.driver,
    ...named('bridge', drivers.get(network.driver)?.bridgeOf(network)),
    subnets: [...request.ipv4, ...request.ipv6].map(({ pool, gateway }) => ({
      subnet: pool,
      ...named('gateway', gateway?.ip),
    })),
    ...(mtu > 0 ? { mtu } : {}),
    options: request.options,
    internal: request.internal,
    endpoints: repository.endpointCount(request.id),
    state: repository.inFlight(request.id) ? 'pending' : 'ready',
    ...(cluster === undefined ? {} : { cluster }),
    createdAt: new Date(network.createdAt).toISOString(),
  };
}

/** As asked for; for an overlay also what follows from the underlay. 0: left to the kernel. */
function mtuOf(network: Network): number {
  return network.driver === 'weft-overlay'
    ? overlayMtu(network as Network<OverlayOptions>)
    : Number(network.request.options['com.docker.network.driver.mtu'] ?? 0);
}

export function endpointView({ repository, drivers, names }: ViewSources, endpoint: Endpoint): EndpointView {
  const { request, attachment } = endpoint;
  const network = repository.network(request.networkId);
  const driver = network === undefined ? undefined : drivers.get(network.driver);
  const link = attachment === undefined ? undefined : driver?.endpointLinks(endpoint)[0];
  return {
    id: request.id,
    ...named('name', names.container(request.id)),
    network: request.networkId,
    ...named('networkName', names.network(request.networkId)),
    ...named('ipv4', request.ipv4 && formatIfAddress(request.ipv4)),
    ...named('ipv6', request.ipv6 && formatIfAddress(request.ipv6)),
    ...(network !== undefined && (request.mac ?? driver?.chosenMac(network, request)) === undefined
      ? {}
      : { mac: endpoint.mac }),
    ...named('link', link),
    ...named('sandbox', attachment?.sandboxKey),
    ports: endpoint.published.map(bindingView),
    state: stateOf(endpoint),
    createdAt: new Date(endpoint.createdAt).toISOString(),
  };
}

function stateOf({ attachment, external }: Endpoint): EndpointView['state'] {
  if (attachment === undefined) return 'created';
  return external ? 'external' : 'joined';
}

function bindingView({ protocol, hostIp, hostPort, containerIp, containerPort }: PublishedPort): BindingView {
  return { protocol, hostIp, hostPort, containerIp, containerPort };
}

/** Published ports in the order a person looks for them: by port, protocol, family, address. */
export function portViews(sources: ViewSources): readonly PortView[] {
  const views = [...sources.repository.endpoints()].flatMap((endpoint) =>
    endpoint.published.map((port): PortView => {
      const { id, networkId } = endpoint.request;
      return {
        ...bindingView(port),
        ephemeral: isEphemeral(endpoint, port),
        endpoint: id,
        ...named('endpointName', sources.names.container(id)),
        network: networkId,
        ...named('networkName', sources.names.network(networkId)),
      };
    }),
  );
  return views.sort(
    (a, b) =>
      a.hostPort - b.hostPort ||
      a.protocol.localeCompare(b.protocol) ||
      family(a) - family(b) ||
      a.hostIp.localeCompare(b.hostIp),
  );
}

function family({ hostIp }: PortView): number {
  return familyOf(hostIp as PublishedPort['hostIp']);
}

function isEphemeral(
  { attachment }: Endpoint,
  { protocol, hostPort, containerPort }: PublishedPort,
): boolean {
  const asked = (attachment?.mappings ?? []).filter(
    (each) => each.protocol === protocol && each.containerPort === containerPort,
  );
  return !asked.some(
    (each) => each.hostPort <= hostPort && hostPort <= Math.max(each.hostPort, each.hostPortEnd),
  );
}
