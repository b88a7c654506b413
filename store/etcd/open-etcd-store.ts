import { InvalidArgument } from '../../core/errors.ts';
import type { StoreLog } from '../log.ts';
import { type EtcdEndpoint, parseEtcdUrl } from './endpoints.ts';
import type { EtcdStore } from './etcd-store.ts';

const DEFAULT_PREFIX = '/weft/';
const DEFAULT_TIMEOUT_MS = 3000;

export interface EtcdStoreOptions {
  /** Members, or a text as `parseEtcdUrl` reads it. */
  readonly endpoints: readonly EtcdEndpoint[] | string;
  /** Stands before every key in etcd; `/weft/` when absent. */
  readonly prefix?: string;
  /**
   * PEM texts, not paths. With any of them every endpoint is spoken to over TLS. `ca` replaces the system's
   * authorities; `cert` and `key` come together.
   */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** An etcd user; goes before one in `endpoints`. */
  readonly user?: string;
  readonly password?: string;
  /** How long one call may wait for etcd, in milliseconds; 3,000 when absent. */
  readonly timeoutMs?: number;
  readonly log: StoreLog;
}

/**
 * A store in an etcd cluster of version 3.4 or later. Does not wait for etcd: a cluster that is down, or that refuses
 * the user, shows in the first call.
 * @throws {InvalidArgument} when the options contradict each other or themselves.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<EtcdStore> {
  const { prefix = DEFAULT_PREFIX, timeoutMs = DEFAULT_TIMEOUT_MS, tls = {}, log } = options;
  const from = typeof options.endpoints === 'string' ? parseEtcdUrl(options.endpoints) : options;
  const endpoints = typeof from.endpoints === 'string' ? [] : from.endpoints;
  if (endpoints.length === 0) throw new InvalidArgument('store etcd: expected at least one endpoint');
  if (prefix === '' || prefix.includes('\0') || !prefix.isWellFormed()) {
    throw new InvalidArgument('store etcd: the prefix must be text without NUL, and not empty');
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new InvalidArgument('store etcd: a client certificate needs its key, and a key its certificate');
  }
  const user = options.user ?? from.user;
  const password = options.user === undefined ? from.password : options.password;
  if ((user === undefined) !== (password === undefined)) {
    throw new InvalidArgument('store etcd: a user needs a password, and a password a user');
  }
  const secure = Object.keys(tls).length > 0;
  // Loaded here, so that who keeps an embedded store does not hold an HTTP client in memory.
  const { EtcdStore } = await import('./etcd-store.ts');
  return new EtcdStore({
    endpoints: endpoints.map((each) => ({ ...each, tls: each.tls || secure })),
    prefix,
    tls,
    user,
    password,
    timeoutMs,
    log,
  });
}
