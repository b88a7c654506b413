import type { Kernel, Store } from '../core/ports.ts';
import { type AskLan, type ClusterPool, IpamService } from '../ipam/index.ts';
import { definitionsIn, type SharedBase } from './cluster/index.ts';
import type { KnownToDocker } from './gc/index.ts';
import type { IpamBackend } from './plugin/index.ts';

/** IPAM with what it needs of the rest of the daemon. */
export function openIpam(parts: {
  readonly store: Store;
  readonly kernel: Kernel;
  /** The addresses that hosts of a cluster share. */
  readonly shared: SharedBase;
  readonly restMs: number;
  /** Whether a link is a bridge of weft's: the routes on it stand for pools. */
  readonly ownDevice: (dev: string) => boolean;
  /** Name of the network that has a subnet, for messages. */
  readonly nameOfSubnet: (subnet: string) => string | undefined;
  /** Who has an address on the LAN of a pool's network. */
  readonly holderOf: AskLan;
}): Promise<IpamService> {
  const { store, kernel, shared, restMs, ownDevice, nameOfSubnet, holderOf } = parts;
  return IpamService.load({
    store,
    clock: { now: () => Date.now() },
    hostRoutes: () => kernel.routes(),
    ownDevices: ownDevice,
    nameOfPool: (id) => nameOfSubnet(id.slice(id.indexOf('/') + 1)),
    cluster: shared.addresses,
    clusterSubnets: () => subnetsOf(shared),
    restMs,
    holderOf,
  });
}

/** The subnets of all networks of the cluster. */
function* subnetsOf({ shared }: SharedBase): Generator<ClusterPool> {
  for (const { name, subnets } of definitionsIn(shared)) {
    for (const { pool, gateway, ipRange, aux } of subnets) {
      yield {
        cidr: pool,
        name,
        ...(gateway === undefined ? {} : { gateway }),
        ...(ipRange === undefined ? {} : { ipRange }),
        reserved: [...(gateway === undefined ? [] : [gateway]), ...Object.values(aux)],
      };
    }
  }
}

/** The IpamDriver calls. A swarm manager asks for IPv6 subnets with `V6` false, so a given subnet decides. */
export function ipamBackend(ipam: IpamService): Omit<IpamBackend, 'capabilities' | 'addressSpaces'> {
  return {
    requestPool: ({ space, pool, subPool, options, v6 }) =>
      ipam.requestPool({
        space,
        pool: pool ?? '',
        subPool: subPool ?? '',
        options,
        v6: pool === undefined ? v6 : pool.includes(':'),
      }),
    releasePool: (poolId) => ipam.releasePool(poolId),
    requestAddress: (request) => ipam.requestAddress(request),
    releaseAddress: (request) => ipam.releaseAddress(request),
  };
}

/**
 * Releases what Docker does not know and was given at least `graceMs` ago. Only pools of Docker's local space are
 * judged: a swarm manager's are not in the engine's list of networks. Docker knows nothing of virtual IPs, which go
 * with their services.
 * @returns how many pools and addresses went.
 */
export async function sweepAddresses(
  ipam: IpamService,
  known: KnownToDocker,
  graceMs: number,
  inUse: (subnet: string, ip: string) => boolean,
): Promise<number> {
  const { local } = ipam.addressSpaces();
  const { pools, leases } = await ipam.sweep({
    graceMs,
    pool: ({ space, pool }) => space !== local || known.subnets.has(pool),
    lease: ({ space, pool }, { ip, kind }) =>
      space !== local || kind !== 'endpoint' || known.addresses.has(`${pool} ${ip}`) || inUse(pool, ip),
  });
  return pools.length + leases.length;
}
