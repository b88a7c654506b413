/** Removes what Docker has forgotten. Layer: daemon. */
export { Collector, type KnownToDocker } from './collector.ts';
export { markListed } from './mark-listed.ts';
