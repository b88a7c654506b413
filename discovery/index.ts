/**
 * Service discovery: which names a sandbox sees, and how it is told. `table/` holds the names, `message/` speaks DNS,
 * `upstream/` asks other resolvers, `server/` serves one sandbox. Which sandboxes there are, who opens their sockets
 * and where names come from is none of this folder's business. Imports core only.
 */
export { SANDBOX_LIMITS, SandboxServer, type SandboxServerParts, socketExchange } from './server/index.ts';
export { NameTable } from './table/index.ts';
export { Forwarder, type UpstreamServer } from './upstream/index.ts';
