/**
 * Durable state behind the `Store` port of core: `sqlite/` for one host, `etcd/` for several, `mirror/` the copy that
 * a host keeps of what it shares. What is stored and what it means is none of this folder's business; it knows keys
 * and bytes. Imports core only.
 */
export { ChangeFeed } from './change-feed.ts';
export type { StoreContact } from './contact.ts';
export { lockDirectory } from './directory-lock.ts';
export type { EtcdStore } from './etcd/etcd-store.ts';
export { type EtcdStoreOptions, openEtcdStore } from './etcd/open-etcd-store.ts';
export type { StoreLog } from './log.ts';
export { type MigrateOptions, type Migration, migrateStore } from './migrate.ts';
export { MirroredStore, type MirrorOptions } from './mirror/mirrored-store.ts';
export { sharedFromLocal } from './mirror/shared-from-local.ts';
export { prefixedStore } from './prefixed-store.ts';
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from './sqlite/sqlite-store.ts';
export { checkTxn } from './txn.ts';
