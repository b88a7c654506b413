import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { Conflict, Unavailable } from '../../core/errors.ts';
import type { Txn } from '../../core/ports.ts';
import type { BlockLedger } from './block-ledger.ts';
import { encodeBlock, isEmpty, withoutNode } from './block-record.ts';
import type { ClusterAddressOptions } from './ports.ts';
import { grantsOf } from './share.ts';

/** Each block takes an expectation and a change; etcd takes 128 of either in one transaction. */
const BLOCKS_IN_ONE_COMMIT = 50;
const ROUNDS = 20;

/**
 * Frees all blocks, single addresses and requests of a node in every network.
 * @returns how many blocks and single addresses it had.
 * @throws {Unavailable} when the store does not answer, or other hosts change the same blocks all the time; what was
 * freed until then stays free.
 */
export async function removeNode(
  node: string,
  ledger: BlockLedger,
  { shared, clock, waitMs }: Pick<ClusterAddressOptions, 'shared' | 'clock'> & { readonly waitMs: number },
): Promise<{ readonly blocks: number; readonly grants: number }> {
  let blocks = 0;
  let grants = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const concerned = blocksOf(node, ledger);
    if (concerned.length === 0) return { blocks, grants };
    for (let at = 0; at < concerned.length; at += BLOCKS_IN_ONE_COMMIT) {
      const keys = concerned.slice(at, at + BLOCKS_IN_ONE_COMMIT);
      const before = countOf(node, ledger, keys);
      // What this host itself gives away is noted first, one change at a time.
      const changes = node === ledger.node ? undefined : keys.map((key) => freeing(node, ledger, key));
      if (changes === undefined || !(await commitAll(shared, changes))) {
        await freeSingly(node, ledger, keys, clock.now() + waitMs);
      }
      const left = countOf(node, ledger, keys);
      blocks += before.blocks - left.blocks;
      grants += before.grants - left.grants;
    }
  }
  throw new Unavailable(`the address blocks of host ${node} are being changed by other hosts: try again`, {
    node,
  });
}

function blocksOf(node: string, ledger: BlockLedger): readonly string[] {
  return [...ledger.keys(CLUSTER_KEYS.block)].filter((key) => {
    const { record } = ledger.known(key);
    return withoutNode(record, node) !== record;
  });
}

function countOf(node: string, ledger: BlockLedger, keys: readonly string[]) {
  const records = keys.map((key) => ledger.known(key).record);
  return {
    blocks: records.filter(({ owner }) => owner === node).length,
    grants: records.flatMap(grantsOf).filter(([, grant]) => grant.node === node).length,
  };
}

function freeing(node: string, ledger: BlockLedger, key: string): Txn {
  const { record, revision } = ledger.known(key);
  const rest = withoutNode(record, node);
  const expect = [{ key, revision }];
  return isEmpty(rest) ? { expect, delete: [key] } : { expect, put: [{ key, value: encodeBlock(rest) }] };
}

async function commitAll(shared: ClusterAddressOptions['shared'], changes: readonly Txn[]): Promise<boolean> {
  try {
    await shared.commit({
      expect: changes.flatMap(({ expect }) => expect ?? []),
      put: changes.flatMap(({ put }) => put ?? []),
      delete: changes.flatMap((change) => change.delete ?? []),
    });
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}

/** One of the blocks was changed meanwhile: the others need not wait for it. */
async function freeSingly(
  node: string,
  ledger: BlockLedger,
  keys: readonly string[],
  deadline: number,
): Promise<void> {
  for (const key of keys) {
    const { revision } = ledger.known(key);
    const outcome = await ledger.propose(key, (record) => withoutNode(record, node));
    if (outcome === 'unavailable') throw new Unavailable('the cluster store does not answer', { node });
    if (outcome === 'conflict') {
      await ledger.until(key, deadline, () => ledger.known(key).revision !== revision || undefined);
    }
  }
}
