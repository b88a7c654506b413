/**
 * IP address management: which subnets networks get and which addresses their endpoints. Decisions are pure
 * (`pool-decision.ts`, `addresses.ts`); `service.ts` keeps them in a store. Knows neither Docker's wire format nor the
 * kernel: routes come in as data. Imports core only.
 */
export type { AddressConflict, Lease, LeaseKind } from './addresses.ts';
export type { AddressQuestion, AskLan } from './ask-lan.ts';
export { ClusterAddresses, type ClusterPool } from './cluster/cluster-addresses.ts';
export {
  type AddressLog,
  type ClusterAddressOptions,
  type ClusterClock,
  systemClock,
} from './cluster/ports.ts';
export type { SharedSubnetView } from './cluster/share-view.ts';
export type { IpamOptions } from './ipam-options.ts';
export { ADDRESS_SPACES } from './pool-decision.ts';
export type { PoolSource } from './pools.ts';
export { IpamService } from './service.ts';
export type { ServiceAddresses, ServiceLease } from './service-addresses.ts';
export { inAddressOrder, type PoolView } from './view.ts';
