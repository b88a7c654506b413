import type { PoolId } from '../core/ids.ts';
import type { Clock, HostRoute, Store } from '../core/ports.ts';
import type { AskLan } from './ask-lan.ts';
import type { ClusterAddresses, ClusterPool } from './cluster/cluster-addresses.ts';
import type { PoolSource } from './pools.ts';

/** What IPAM works with. */
export interface IpamOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Where automatic IPv4 pools come from; absent: `DEFAULT_IPV4_SOURCES`. */
  readonly defaults?: { readonly ipv4: readonly PoolSource[] };
  /** All routes of the host, now. */
  readonly hostRoutes: () => Promise<readonly HostRoute[]>;
  /** True for links that are weft's own. */
  readonly ownDevices?: (dev: string) => boolean;
  /** Name of the network that has a pool, for messages. */
  readonly nameOfPool?: (id: PoolId) => string | undefined;
  /** The part of other hosts in the addresses of cluster networks; absent: no pool can be shared. */
  readonly cluster?: ClusterAddresses;
  /** Subnets of all cluster networks. */
  readonly clusterSubnets?: () => Iterable<ClusterPool>;
  /** How long a released address rests before it is given again automatically; absent: 30 s. */
  readonly restMs?: number;
  /** Who else has an address; absent: nobody is asked. */
  readonly holderOf?: AskLan;
}
