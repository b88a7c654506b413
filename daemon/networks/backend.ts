import type { DriverName } from '../../core/model.ts';
import type { NetworkBackend } from '../plugin/index.ts';
import { type Context, driverOf } from './context.ts';
import { EndpointService } from './endpoint-service.ts';
import { NetworkService } from './network-service.ts';

/** What the plugin sockets end in. */
export interface Networks {
  readonly backend: Omit<NetworkBackend, 'capabilities' | 'gwAllocCheck'>;
  readonly collectNetwork: NetworkService['collect'];
  readonly deleteEndpoint: EndpointService['delete'];
}

/** Puts the network and endpoint services behind the plugin protocol. */
export function createNetworks(context: Context): Networks {
  const endpoints = new EndpointService(context);
  const networks = new NetworkService(context, endpoints);
  return {
    collectNetwork: (id) => networks.collect(id),
    deleteEndpoint: (driver, networkId, id) => endpoints.delete(driver, networkId, id),
    backend: {
      createNetwork: (driver, request) => networks.create(driver, request),
      deleteNetwork: (driver, id) => networks.delete(driver, id),
      createEndpoint: (driver, request) => endpoints.create(driver, request),
      deleteEndpoint: (driver, networkId, id) => endpoints.delete(driver, networkId, id),
      join: (driver, { networkId, endpointId, sandboxKey, mappings, exposed }) =>
        endpoints.join(driver, networkId, endpointId, { sandboxKey, mappings, exposed }),
      leave: (driver, networkId, endpointId) => endpoints.leave(driver, networkId, endpointId),
      programExternal: (driver, networkId, endpointId) => endpoints.program(driver, networkId, endpointId),
      revokeExternal: (driver, networkId, endpointId) => endpoints.revoke(driver, networkId, endpointId),
      operInfo: async (driver, networkId, endpointId) => operInfo(context, driver, networkId, endpointId),
      discover: (kind, data) => context.log.debug({ kind, data }, 'swarm node discovery'),
      allocateNetwork: async (_driver, { options }) => options,
      freeNetwork: async () => undefined,
    },
  };
}

/** Shown nowhere by Docker today; what is told is what `docker network inspect` could show. */
function operInfo(
  context: Context,
  driverName: DriverName,
  networkId: Parameters<NetworkBackend['operInfo']>[1],
  endpointId: Parameters<NetworkBackend['operInfo']>[2],
): Readonly<Record<string, string>> {
  const network = context.repository.network(networkId);
  const endpoint = context.repository.endpoint(endpointId);
  if (network === undefined || endpoint === undefined) return {};
  const bridge = driverOf(context, driverName).bridgeOf(network);
  return {
    'weft.mac': endpoint.mac,
    ...(bridge === undefined ? {} : { 'weft.bridge': bridge }),
  };
}
