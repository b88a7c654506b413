/** Removes what Docker has forgotten. Layer: daemon. */
export { Collector, type KnownToDocker, knownToDocker } from './collector.ts';
