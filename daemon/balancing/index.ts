/**
 * Virtual IPs in the sandboxes of this host and in the host itself: the tables that balancer/ plans, kept in every
 * namespace that reaches services, with what they have counted. Layer: daemon.
 */
export { Balancing, type BalancingParts } from './balancing.ts';
export { removeVips } from './remove-vips.ts';
export type { BackendTally } from './tally-sums.ts';
