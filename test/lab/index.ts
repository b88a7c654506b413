/**
 * The lab: real Docker engines on several hosts of one LAN, on one machine, as root.
 * A host is a process with its own network, mount, UTS and process namespaces; ending that process ends all of it,
 * and the kernel ends it when the test does. Engines come from `scripts/setup --engines`.
 * Nothing here knows what weft does: tests of that are in test/system.
 */
import { Cluster, type ClusterOptions } from './cluster.ts';
import { Host, type HostOptions } from './host.ts';
import { Machine } from './machine.ts';
import { Underlay, type UnderlayOptions } from './underlay.ts';

export type { Cluster, ClusterOptions } from './cluster.ts';
export type { ClusterNode } from './cluster-node.ts';
export type { CommandOptions, CommandResult } from './command.ts';
export { Container, type ContainerDetails, type ContainerEndpoint } from './container.ts';
export { DockerClient, type EngineEvent, type NetworkDetails } from './docker-client.ts';
export { EngineRefused } from './engine-api.ts';
export type { Host, HostOptions } from './host.ts';
export { IMAGE } from './image.ts';
export type { LabProcess } from './lab-process.ts';
export type { Machine } from './machine.ts';
export { CHECKOUT, ENGINES, type EngineSeries, NODE } from './paths.ts';
export { Pinger, type PingTotals, type TrafficSource } from './pinger.ts';
export type { ContainerSpec, NetworkSpec } from './requests.ts';
export { StreamProbe, type StreamTotals } from './stream-probe.ts';
export { joinSwarm } from './swarm.ts';
export type { Underlay, UnderlayOptions } from './underlay.ts';
export { type UntilOptions, until } from './until.ts';
export type { Weftd } from './weftd.ts';

/** Makes a LAN with a router and nothing else on it. Disposing it takes every host and machine with it. */
export function createUnderlay(options?: UnderlayOptions): Promise<Underlay> {
  return Underlay.create(options);
}

/** Boots a host with a Docker Engine on a LAN: {@link Host}. */
export function createHost(options: HostOptions): Promise<Host> {
  return Host.create(options);
}

/** Puts a machine without Docker on a LAN: {@link Machine}. */
export function createMachine(underlay: Underlay, name?: string): Promise<Machine> {
  return Machine.create(underlay, name);
}

/** Boots hosts with weftds that share an etcd, on a LAN of their own: {@link Cluster}. */
export function createCluster(options: ClusterOptions): Promise<Cluster> {
  return Cluster.create(options);
}
