/** Removes what Docker has forgotten. Layer: daemon. */
export { Collector, type KnownToDocker } from './collector.ts';
