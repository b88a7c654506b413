/**
 * Service discovery: which names a sandbox sees, and how it is told. `table/` holds the names, `message/` speaks DNS,
 * `upstream/` asks other resolvers, `server/` serves one sandbox, `feed/` says what the resolver process is told and
 * `store/` keeps it on disk. Which sandboxes there are, who opens their sockets and where names come from is none of
 * this folder's business. Imports core only.
 */
export * from './feed/index.ts';
export * from './server/index.ts';
export * from './store/index.ts';
export * from './table/index.ts';
export * from './upstream/index.ts';
