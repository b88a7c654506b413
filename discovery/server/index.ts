/**
 * The resolver of a sandbox over sockets that somebody else opened: names of its networks first, other resolvers
 * second, both within limits of its own.
 */
export type { QueryCounts } from './answerer.ts';
export type { Datagrams } from './datagrams.ts';
export type { DiscoveryLog } from './log.ts';
export { SandboxServer } from './sandbox-server.ts';
export { type SocketSource, socketExchange } from './socket-exchange.ts';
