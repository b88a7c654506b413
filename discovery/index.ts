/**
 * Service discovery: which names a sandbox sees, and how it is told. `table/` holds the names, `message/` speaks DNS,
 * `upstream/` asks other resolvers, `server/` serves one sandbox, `feed/` says what the resolver process is told,
 * `store/` keeps it on disk, `link/` is what else it and weftd say to each other, and `redirect/` the rules that bring
 * queries to it. `process/`, which `main.ts` runs, puts them together in a process of their own; it alone imports more
 * than core, and is not for weftd.
 */
export {
  CHANGES_PER_MESSAGE,
  type FactChange,
  type FactKey,
  Facts,
  Feed,
  type FeedMessage,
  factKey,
  keyOf,
  syncMessages,
  tableObserver,
} from './feed/index.ts';
export {
  CHANNEL_SETTINGS,
  decodeKnownPorts,
  decodeProcessNote,
  decodeReport,
  EVENTS,
  type HandedSocket,
  type Order,
  type ProcessNote,
  type Report,
  type ResolverFiles,
  resolverFiles,
  type Serving,
  type SocketLabel,
} from './link/index.ts';
export { EMBEDDED_RESOLVER, REDIRECT_TABLE, type RedirectPorts, redirectTable } from './redirect/index.ts';
export type { QueryCounts } from './server/index.ts';
export { NameTable, reverseName } from './table/index.ts';
export type { UpstreamServer } from './upstream/index.ts';
