import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { CLUSTER_KEYS } from '../core/cluster.ts';
import { NotFound } from '../core/errors.ts';
import { lockDirectory, migrateStore, openSqliteStore } from '../store/index.ts';
import { LOCAL_PREFIX, openEtcd } from './cluster/index.ts';
import type { Config } from './config.ts';

/**
 * Copies the cluster of one that this host's own store holds to etcd, for weftd to go on there as the first host of
 * many. Nothing is removed here, so that going back is starting with the embedded store. Can be repeated.
 * @returns what was done, and what to do now, in lines.
 * @throws {Conflict} when a weftd holds the state directory, or etcd has another cluster.
 * @throws {NotFound} when there is no embedded store.
 * @throws {Unavailable} when etcd cannot be reached.
 */
export async function migrateToEtcd(
  config: Pick<Config, 'stateDir' | 'storeTls'>,
  storeUrl: string,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<readonly string[]> {
  const path = join(config.stateDir, 'weft.db');
  if (!existsSync(path)) throw new NotFound(`there is no store ${path}: nothing to copy`, { path });
  await using _lock = await lockDirectory(config.stateDir);
  await using local = await openSqliteStore({ path, warn: (message) => log.warn(message) });
  await using etcd = await openEtcd(config, storeUrl, log);
  const { copied, present } = await migrateStore(local, etcd, { prefix: LOCAL_PREFIX });
  const prefix = `${LOCAL_PREFIX}${CLUSTER_KEYS.network}`;
  const networks = (await local.list(prefix)).entries.map(({ key }) => key.slice(prefix.length));
  const already = present === 0 ? '' : `; ${present} were there already`;
  return [
    `copied ${copied} records${already}`,
    `networks: ${networks.length === 0 ? 'none' : networks.join(', ')}`,
    'now start weftd with this --store on this host, then on the others',
  ];
}
