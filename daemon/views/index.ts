/** Views of the daemon's state for the control API and Prometheus. Layer: daemon. */
export { clusterHosts } from './cluster-views.ts';
export { createControlBackend } from './control-backend.ts';
export { metricsSample } from './metrics-sample.ts';
export { type FactFeed, NameLookup } from './name-lookup.ts';
export { namesHealth } from './names-health.ts';
export type { NamesSources } from './names-ports.ts';
export { NamingEvents } from './naming-events.ts';
