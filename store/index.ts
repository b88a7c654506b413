/**
 * Durable state behind the `Store` port of core: `sqlite/` for one host. What is stored and what it means is none of
 * this folder's business; it knows keys and bytes. Imports core only.
 */
export { ChangeFeed } from './change-feed.ts';
export { lockDirectory } from './directory-lock.ts';
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from './sqlite/sqlite-store.ts';
export { checkTxn } from './txn.ts';
