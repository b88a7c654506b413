/**
 * The control API: what `weft`, the topology page and Prometheus see of a running weftd. It reads through
 * ControlBackend; all it changes is services and who belongs to the cluster. Not here: the resources (core/control.ts), the client (cli), and where the
 * answers come from (the rest of the daemon).
 */
export type { ControlBackend, EndpointFilter, EventFilter } from './backend.ts';
export { EventLog, type NewEvent } from './event-log.ts';
export { matchRef, type Named } from './match-ref.ts';
export {
  createMetrics,
  type Exposition,
  type Metrics,
  type MetricsSample,
  type PluginCall,
} from './metrics.ts';
export {
  type ListenAddress,
  listenMetrics,
  type MetricsListener,
  parseListenAddress,
} from './metrics-listener.ts';
export type { DnsQuery, NamesBackend } from './names-backend.ts';
export type { NamesSample } from './names-metrics.ts';
export { type ControlServer, type ControlServerOptions, startControlServer } from './server.ts';
