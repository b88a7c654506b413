/**
 * IP address management: which subnets networks get and which addresses their endpoints. Decisions are pure
 * (`pool-decision.ts`, `addresses.ts`); `service.ts` keeps them in a store. Knows neither Docker's wire format nor the
 * kernel: routes come in as data. Imports core only.
 */
export type { Lease, LeaseKind } from './addresses.ts';
export { ClusterAddresses, type ClusterPool } from './cluster/cluster-addresses.ts';
export {
  type AddressLog,
  type ClusterAddressOptions,
  type ClusterClock,
  systemClock,
} from './cluster/ports.ts';
export type { SharedSubnetView } from './cluster/share-view.ts';
export { ADDRESS_SPACES } from './pool-decision.ts';
export type { PoolSource } from './pools.ts';
export { type IpamOptions, IpamService } from './service.ts';
export type { ServiceAddresses, ServiceLease } from './service-addresses.ts';
export type { PoolView } from './view.ts';
