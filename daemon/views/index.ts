/** Views of the daemon's state for the control API and Prometheus. Layer: daemon. */
export { clusterHosts } from './cluster-views.ts';
export { createControlBackend } from './control-backend.ts';
export { metricsSample } from './metrics-sample.ts';
