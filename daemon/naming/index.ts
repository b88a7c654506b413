/**
 * Names and services on this host: what its containers are called, what they declare, who answers, and what all hosts
 * have told each other of that. DNS is discovery's, translation balancer's. Layer: daemon.
 */
export { Naming, type NamingParts } from './naming.ts';
export type { ServiceChange, ServiceSpec } from './service-spec.ts';
export type { NodeLiveness } from './store-view.ts';
