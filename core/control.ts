/**
 * The control API's resources: schemas and the types they describe. Both ends import them from here; the CLI imports
 * types only. No routes and no transport: those are in daemon/control and cli. Layer: core.
 *
 * JSON names are camelCase, times are RFC 3339 in UTC, optional properties are absent rather than null.
 */
export { DnsAnswer, DnsRecordView } from './control/dns.ts';
export { DoctorFinding } from './control/doctor.ts';
export { DriftReport, DriftTotal, DriftView } from './control/drift.ts';
export { EndpointView } from './control/endpoint.ts';
export { EventView } from './control/event.ts';
export { ExplainStep, Explanation } from './control/explain.ts';
export { IpamPoolDetail, IpamPoolView, LeaseView } from './control/ipam.ts';
export { ClusterNetworkView, NetworkMemberView, NetworkView, SubnetView } from './control/network.ts';
export { NodeList, NodeRemoval, NodeView } from './control/node.ts';
export { BindingView, PortView } from './control/port.ts';
export { Problem } from './control/problem.ts';
export {
  BackendView,
  ServiceChange,
  ServiceDetail,
  ServicePortView,
  ServiceRequest,
  ServiceView,
} from './control/service.ts';
export { Status } from './control/status.ts';
export { StoreView } from './control/store.ts';
