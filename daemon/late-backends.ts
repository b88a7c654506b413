import { Unavailable } from '../core/errors.ts';
import type { DriverName } from '../core/model.ts';
import { drivers } from '../drivers/index.ts';
import { ADDRESS_SPACES } from '../ipam/index.ts';
import type { IpamBackend, NetworkBackend } from './plugin/index.ts';

/** The backends without what is constant and known before any state is read. */
export interface BoundBackends {
  readonly network: Omit<NetworkBackend, 'capabilities' | 'gwAllocCheck'>;
  readonly ipam: Omit<IpamBackend, 'capabilities' | 'addressSpaces'>;
}

/**
 * Backends that sockets can be opened with before the state is there. Until `bind`, only what is constant answers;
 * the plugin server holds everything else back (its `ready`).
 */
export function lateBackends(): {
  readonly network: NetworkBackend;
  readonly ipam: IpamBackend;
  bind(backends: BoundBackends): void;
} {
  let bound: BoundBackends | undefined;
  const backends = (): BoundBackends => {
    if (bound === undefined) throw new Unavailable('weftd is starting');
    return bound;
  };
  return {
    network: lateNetwork(() => backends().network),
    ipam: {
      // No replay: it cannot be told from a conflict, and the state is durable here (protocol 3.7).
      capabilities: () => ({ requiresMacAddress: false, requiresRequestReplay: false }),
      addressSpaces: () => ADDRESS_SPACES,
      requestPool: (request) => backends().ipam.requestPool(request),
      releasePool: (poolId) => backends().ipam.releasePool(poolId),
      requestAddress: (request) => backends().ipam.requestAddress(request),
      releaseAddress: (request) => backends().ipam.releaseAddress(request),
    },
    bind: (given) => {
      bound = given;
    },
  };
}

function lateNetwork(backend: () => BoundBackends['network']): NetworkBackend {
  return {
    capabilities: (driver) => ({ scope: 'local', connectivity: driverNamed(driver).connectivity }),
    gwAllocCheck: (driver, request) => driverNamed(driver).skipGateway(request),
    createNetwork: (...args) => backend().createNetwork(...args),
    deleteNetwork: (...args) => backend().deleteNetwork(...args),
    createEndpoint: (...args) => backend().createEndpoint(...args),
    deleteEndpoint: (...args) => backend().deleteEndpoint(...args),
    join: (...args) => backend().join(...args),
    leave: (...args) => backend().leave(...args),
    programExternal: (...args) => backend().programExternal(...args),
    revokeExternal: (...args) => backend().revokeExternal(...args),
    operInfo: (...args) => backend().operInfo(...args),
    discover: (...args) => backend().discover(...args),
    allocateNetwork: (...args) => backend().allocateNetwork(...args),
    freeNetwork: (...args) => backend().freeNetwork(...args),
  };
}

function driverNamed(name: DriverName) {
  const driver = drivers.get(name);
  if (driver === undefined) throw new Unavailable(`this weftd has no driver ${name}`);
  return driver;
}
