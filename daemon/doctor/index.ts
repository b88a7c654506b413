/**
 * `weft doctor`: is this host fit for weft, and does what weft made still stand? One file a check: what the facts
 * mean is a pure function, and reading them a thin one beside it. Nothing here changes the host. Layer: daemon.
 */
export type { ClusterHosts, DoctorParts, NamesHealth } from './host-view.ts';
export { runDoctor } from './run-doctor.ts';
