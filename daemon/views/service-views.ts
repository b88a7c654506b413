import { formatHealth, takesConnections } from '../../balancer/index.ts';
import type { BackendView, ServiceDetail, ServiceView } from '../../core/control.ts';
import type { NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Backend } from '../../core/service.ts';
import type { BackendTally } from './names-ports.ts';

/** A service as a list shows it. @param networkName what Docker calls its network here, where it is known. */
export function serviceView(
  service: ServiceRecord,
  backends: readonly Backend[],
  networkName: string | undefined,
): ServiceView {
  const { name, network, vip4, vip6, ports, affinity, health, select, weights, origin } = service;
  return {
    name,
    network,
    ...(networkName === undefined ? {} : { networkName }),
    ...(vip4 === undefined ? {} : { vip4 }),
    ...(vip6 === undefined ? {} : { vip6 }),
    ports,
    affinity: affinity === undefined ? 'none' : 'client',
    ...(affinity?.timeoutSeconds === undefined ? {} : { affinityTimeoutSeconds: affinity.timeoutSeconds }),
    ...(health === undefined ? {} : { health: formatHealth(health) }),
    ...(select === undefined ? {} : { select }),
    weights: weights ?? {},
    origin,
    createdAt: new Date(service.createdAt).toISOString(),
    ...(service.unusedSince === undefined
      ? {}
      : { unusedSince: new Date(service.unusedSince).toISOString() }),
    backendCount: backends.length,
    readyCount: backends.filter(takesConnections).length,
  };
}

/** A service with its backends. @param tallies absent where they could not be read. */
export function serviceDetail(
  naming: Pick<NamingView, 'backends' | 'name'>,
  service: ServiceRecord,
  networkName: string | undefined,
  tallies: readonly BackendTally[],
): ServiceDetail {
  const backends = naming.backends(service);
  const counted = new Map(tallies.map((tally) => [tally.endpoint, tally]));
  return {
    ...serviceView(service, backends, networkName),
    backends: backends.map((backend) => {
      const record = naming.name(service.network, backend.endpoint);
      return backendView(backend, record?.names[0], counted.get(backend.endpoint));
    }),
  };
}

function backendView(
  { endpoint, node, ipv4, ipv6, state, weight }: Backend,
  name: string | undefined,
  tally: BackendTally | undefined,
): BackendView {
  return {
    endpoint,
    ...(name === undefined ? {} : { name }),
    node,
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    state,
    weight,
    ...(tally === undefined ? {} : { connections: Number(tally.connections) }),
    ...(tally?.packets === undefined ? {} : { packets: Number(tally.packets) }),
    ...(tally?.bytes === undefined ? {} : { bytes: Number(tally.bytes) }),
  };
}
