/**
 * Service discovery: which names a sandbox sees, and how it is told. `table/` holds the names, `message/` speaks DNS,
 * `upstream/` asks other resolvers, `server/` serves one sandbox, `feed/` says what the resolver process is told and
 * `store/` keeps it on disk. Which sandboxes there are, who opens their sockets and where names come from is none of
 * this folder's business. Imports core only.
 */
export {
  decodeFeedMessage,
  type Fact,
  type FactChange,
  type FactObserver,
  Facts,
  Feed,
  type FeedMessage,
  factKey,
  type SandboxToServe,
  syncMessages,
  tableObserver,
} from './feed/index.ts';
export {
  type DiscoveryLog,
  type QueryCounts,
  SANDBOX_LIMITS,
  type SandboxLimits,
  SandboxServer,
  type SandboxServerParts,
  type SocketSource,
  socketExchange,
} from './server/index.ts';
export { Journal } from './store/index.ts';
export { addressOfReverseName, NameTable, reverseName } from './table/index.ts';
export { type Exchange, FORWARDER_LIMITS, Forwarder, type UpstreamServer } from './upstream/index.ts';
