import { Conflict, InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { Txn } from '../../core/ports.ts';
import type { TxnAnswer } from './answer.ts';
import { encodeKey } from './keys.ts';

/** etcd's default of --max-txn-ops, counted for comparisons and changes apart. */
export const MAX_OPERATIONS = 128;
/**
 * Keys and values of one transaction, in bytes: etcd's default of --max-request-bytes is 1.5 MiB, which also has to
 * hold the request's own structure.
 */
export const MAX_TXN_BYTES = 1_500_000;

/** What of etcd's limits a transaction takes up. */
export interface TxnSize {
  readonly comparisons: number;
  readonly changes: number;
  readonly bytes: number;
}

export function sizeOf(txn: Txn): TxnSize {
  const puts = txn.put ?? [];
  const deletes = txn.delete ?? [];
  const expects = txn.expect ?? [];
  let bytes = 0;
  for (const { key, value } of puts) bytes += Buffer.byteLength(key) + value.length;
  for (const key of deletes) bytes += Buffer.byteLength(key);
  // Each key compared is also read, where the comparison fails.
  for (const { key } of expects) bytes += 2 * Buffer.byteLength(key);
  return { comparisons: expects.length, changes: puts.length + deletes.length, bytes };
}

/**
 * Refuses what etcd would refuse, with what is too much.
 * @throws {InvalidArgument}
 */
export function checkEtcdLimits(txn: Txn): void {
  for (const { key, value } of txn.put ?? []) {
    if (value.length > MAX_TXN_BYTES) {
      throw new InvalidArgument(
        `value of ${quote(key)} has ${value.length} bytes: etcd takes at most ${MAX_TXN_BYTES}`,
      );
    }
  }
  const { comparisons, changes, bytes } = sizeOf(txn);
  const most = Math.max(comparisons, changes);
  if (most > MAX_OPERATIONS) {
    const what = comparisons > changes ? 'expectations' : 'changes';
    throw new InvalidArgument(
      `transaction with ${most} ${what}: etcd takes at most ${MAX_OPERATIONS} in one`,
    );
  }
  if (bytes > MAX_TXN_BYTES) {
    throw new InvalidArgument(`transaction of ${bytes} bytes: etcd takes at most ${MAX_TXN_BYTES} in one`);
  }
}

/** Every key a transaction names. */
export function* keysOf(txn: Txn): Generator<string, void, undefined> {
  for (const { key } of txn.expect ?? []) yield key;
  for (const { key } of txn.put ?? []) yield key;
  yield* txn.delete ?? [];
}

/**
 * The request for several transactions that name different keys, as one: etcd api/etcdserverpb/rpc.proto, TxnRequest.
 * Where a comparison fails, the revisions of all keys compared are answered, in order.
 * @param prefix stands before every key.
 */
export function txnBody(txns: readonly Txn[], prefix: string): object {
  const expects = txns.flatMap((txn) => txn.expect ?? []);
  const name = (key: string) => encodeKey(prefix + key);
  return {
    compare: expects.map(({ key, revision }) => ({
      key: name(key),
      target: 'MOD',
      result: 'EQUAL',
      mod_revision: String(revision),
    })),
    success: txns.flatMap((txn) => [
      ...(txn.put ?? []).map(({ key, value, lease }) => ({
        request_put: {
          key: name(key),
          value: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
          ...(lease === undefined ? {} : { lease: String(lease) }),
        },
      })),
      ...(txn.delete ?? []).map((key) => ({ request_delete_range: { key: name(key) } })),
    ]),
    failure: expects.map(({ key }) => ({ request_range: { key: name(key), keys_only: true } })),
  };
}

/** Why a transaction that was sent alone did not happen, in the words of every store. */
export function unmetExpectation(txn: Txn, { found }: TxnAnswer): Conflict {
  for (const [index, { key, revision }] of (txn.expect ?? []).entries()) {
    const there = found[index] ?? 0n;
    if (there !== revision)
      return new Conflict(`${key} has revision ${there}, expected ${revision}`, { key });
  }
  return new Conflict('an expectation of the transaction was not met');
}
