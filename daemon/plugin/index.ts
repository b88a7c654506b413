/**
 * The plugin sockets: Docker's network and IPAM driver protocols over HTTP, decoded into core's types. What a call does
 * is in the two backends, which the composition root implements; nothing here touches the kernel or the store.
 */
export type {
  AddressRequest,
  AllocationRequest,
  ExternalPorts,
  IpamBackend,
  IpamCapabilities,
  JoinRequest,
  NetworkBackend,
  NetworkCapabilities,
  PoolRequest,
} from './backend.ts';
export type { CallOutcome, Deadlines, ObserveCall, PluginName } from './call-runner.ts';
export { openPluginServer, type PluginServer, type PluginServerOptions } from './server.ts';
