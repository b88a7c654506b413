import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { Conflict, NotFound } from '../../core/errors.ts';
import type { Clock, SharedView } from '../../core/ports.ts';
import type { Log } from './log.ts';
import { encodeClusterRecord, keys, readClusterRecord } from './records.ts';

/** Operations a commit may have; etcd takes 128. */
const OPERATIONS = 100;
/** How often what a node has is looked for again. */
const ROUNDS = 20;
/** Prefixes of keys of the form PREFIX/NETWORK/NODE… */
const OF_NODES = [CLUSTER_KEYS.joined, CLUSTER_KEYS.left, CLUSTER_KEYS.endpoint, CLUSTER_KEYS.name] as const;

export interface RemoveNodeParts {
  readonly shared: SharedView;
  /** Name of this node. */
  readonly self: string;
  /** The IPAM, which knows the blocks of each node. */
  readonly addresses: {
    removeNode(node: string): Promise<{ readonly blocks: number; readonly grants: number }>;
  };
  readonly clock: Clock;
  readonly log: Log;
}

/** What a removed node had in the cluster. */
export interface RemovedNode {
  readonly name: string;
  readonly networks: number;
  readonly endpoints: number;
  readonly blocks: number;
  /** Single addresses of others' blocks. */
  readonly addresses: number;
}

/**
 * Takes a host that is gone for good out of the cluster: its endpoints, addresses and name are free. Should it come
 * back it finds itself fenced, because that is written first. The member record goes last, so that a removal that
 * broke off can be repeated.
 * @param force also when its weftd lives.
 * @throws {NotFound} when the cluster knows nothing of that name.
 * @throws {Conflict} when it is this host, or lives and `force` is false.
 * @throws {Unavailable} when the store cannot be reached; what was removed until then stays removed.
 */
export async function removeNode(
  parts: RemoveNodeParts,
  name: string,
  { force }: { readonly force: boolean },
): Promise<RemovedNode> {
  const { shared, self, addresses, clock, log } = parts;
  if (name === self) {
    throw new Conflict(
      `node ${name} is this host: run weft node rm on another one, once weftd is stopped here`,
      {
        node: name,
      },
    );
  }
  const entry = shared.get(keys.member(name));
  const member = readClusterRecord('member', entry);
  if (entry === undefined && keysOf(shared, name).length === 0) {
    throw new NotFound(`the cluster has no node ${name}`, { node: name });
  }
  if (shared.get(keys.alive(name)) !== undefined && !force) {
    throw new Conflict(
      `node ${name} lives: its weftd holds its lease. Stop that weftd first; --force removes the node all the same, ` +
        'and cuts off the containers it has on overlay networks',
      { node: name },
    );
  }
  if (member !== undefined) {
    await shared.commit({
      expect: [{ key: keys.member(name), revision: entry?.revision ?? 0n }],
      put: [
        { key: keys.removed(member.id), value: encodeClusterRecord('removed', { name, at: clock.now() }) },
      ],
      delete: [keys.alive(name)],
    });
  }
  const gone = await sweep(shared, name);
  const { blocks, grants } = await addresses.removeNode(name);
  const addressKey = member && keys.address(member.address);
  await shared.commit({
    expect: entry === undefined ? [] : [{ key: keys.member(name), revision: entry.revision }],
    delete: [keys.member(name), ...(addressKey === undefined ? [] : [addressKey])],
  });
  const removed: RemovedNode = { name, ...gone, blocks, addresses: grants };
  log.info({ ...removed }, 'node removed from the cluster');
  return removed;
}

/** More than once, because what the node was telling just then may still come. */
async function sweep(
  shared: SharedView,
  name: string,
): Promise<{ readonly networks: number; readonly endpoints: number }> {
  const networks = new Set<string>();
  let endpoints = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const found = keysOf(shared, name);
    if (found.length === 0) break;
    endpoints += found.filter((key) => key.startsWith(CLUSTER_KEYS.endpoint)).length;
    for (const key of found) networks.add(networkOf(key));
    for (let i = 0; i < found.length; i += OPERATIONS)
      await shared.commit({ delete: found.slice(i, i + OPERATIONS) });
  }
  return { networks: networks.size, endpoints };
}

function keysOf(shared: SharedView, name: string): readonly string[] {
  return OF_NODES.flatMap((prefix) =>
    [...shared.entries(prefix)].flatMap(({ key }) => (key.split('/')[2] === name ? [key] : [])),
  );
}

function networkOf(key: string): string {
  return key.split('/')[1] ?? '';
}
