import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Ip } from '../../core/address.ts';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { Clock, Kernel, SharedStore, SharedView, Store } from '../../core/ports.ts';
import { ClusterAddresses, systemClock } from '../../ipam/index.ts';
import { MirroredStore, openEtcdStore, prefixedStore, sharedFromLocal } from '../../store/index.ts';
import type { Config } from '../config.ts';
import { Membership, type NodeIdentity } from './membership.ts';
import { readNodeId, renewNodeId } from './node-id.ts';
import { readClusterRecord } from './records.ts';
import { findUnderlay, type Underlay } from './underlay.ts';

/** All of weft's keys in etcd begin so. */
const ETCD_PREFIX = '/weft/';
/** What a cluster of one has in its own store begins so. */
export const LOCAL_PREFIX = 'cluster/';
/** How long a start waits for the cluster before it goes on with what is known. */
const FIRST_LIST_MS = 3000;

/** What this host shares with others, before there are networks. */
export interface SharedBase extends AsyncDisposable {
  readonly shared: SharedView;
  readonly node: NodeIdentity;
  readonly underlay: Underlay;
  readonly membership: Membership;
  readonly addresses: ClusterAddresses;
  /** Set by what must know when this host is fenced, or is no longer. */
  onFence: () => void;
  /** Set by what knows whether a container of this host is on an overlay network. */
  isIdle: () => boolean;
}

/**
 * Joins the cluster, or makes one of this host alone.
 * @throws {Conflict} when another host has this one's name or address.
 * @throws {InvalidArgument} when the underlay address is not known.
 * @throws {Unavailable} when etcd refuses this host (certificates, users); one that does not answer is waited for.
 */
export async function openShared(parts: {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
  readonly store: Store;
  readonly kernel: Kernel;
  readonly clock: Clock;
}): Promise<SharedBase> {
  const { config, version, log, store, kernel, clock } = parts;
  await using stack = new AsyncDisposableStack();
  const underlay = await findUnderlay(kernel, config.address, config.store === 'embedded');
  const node: NodeIdentity = {
    id: await readNodeId(config.stateDir),
    name: config.node,
    address: underlay.address,
    vxlanPort: config.vxlanPort,
  };
  const remote = stack.use(await openRemote(config, store, log));
  const mirror = stack.use(await MirroredStore.open({ shared: remote, local: store, log }));
  await Promise.race([mirror.ready, sleep(FIRST_LIST_MS, undefined, { ref: false })]);
  const addresses = stack.use(
    await ClusterAddresses.open({
      node: node.name,
      store,
      shared: mirror,
      isAlive: (name) => mirror.get(`alive/${name}`) !== undefined,
      holderOf: (network, ip) => endpointWith(mirror, network, ip),
      clock: systemClock,
      log,
    }),
  );
  const base = { shared: mirror, node, underlay, addresses, onFence: () => undefined, isIdle: () => false };
  const membership = stack.use(
    new Membership({
      shared: mirror,
      node,
      version,
      clock,
      log,
      fenced: (fence) => {
        addresses.fence(fence?.reason);
        opened.onFence();
      },
      isIdle: () => opened.isIdle(),
      renewId: () => renewNodeId(config.stateDir),
    }),
  );
  const opened: SharedBase = { ...base, membership, [Symbol.asyncDispose]: () => running.disposeAsync() };
  await membership.register();
  const running = stack.move();
  return opened;
}

async function openRemote(
  config: Config,
  store: Store,
  log: Logger,
): Promise<SharedStore & { readonly inProcess?: true }> {
  return config.storeUrl === undefined
    ? sharedFromLocal(prefixedStore(store, LOCAL_PREFIX))
    : openEtcd(config, config.storeUrl, log);
}

/**
 * The etcd of the cluster; not asked yet.
 * @throws {InvalidArgument} when a file cannot be read, or the address is none.
 */
export async function openEtcd(
  config: Pick<Config, 'storeTls'>,
  url: string,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<SharedStore> {
  const tls: Record<string, string> = {};
  for (const [part, file] of Object.entries(config.storeTls)) {
    tls[part] = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new InvalidArgument(
        `--store-${part} is ${file}: it cannot be read`,
        { field: `store-${part}` },
        { cause },
      );
    });
  }
  return openEtcdStore({
    endpoints: url,
    prefix: ETCD_PREFIX,
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
    log,
  });
}

/** Whose endpoint has an address of a network, in words; for messages only. */
function endpointWith(shared: SharedView, network: string, ip: Ip): string | undefined {
  for (const entry of shared.entries(`${CLUSTER_KEYS.endpoint}${network}/`)) {
    const remote = readClusterRecord('endpoint', entry);
    if (remote?.ipv4 === ip || remote?.ipv6 === ip)
      return `endpoint ${remote.id.slice(0, 12)} on host ${remote.node}`;
  }
  return undefined;
}
