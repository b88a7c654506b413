/**
 * The resolver process as weftd sees it: fed over node-ipc from `NamingView` and `Sandboxes`, supervised, adopted by the
 * next weftd, replaced without a gap; and the redirects in the sandboxes. What it answers is discovery's business.
 */
export { endResolver } from './end-resolver.ts';
export { hostServers, serversBehindDocker, serversOf } from './host-servers.ts';
export { networkTtl } from './network-ttl.ts';
export { Resolver, type ResolverOptions, type ResolverStatus } from './resolver.ts';
