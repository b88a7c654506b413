import { Conflict, InvalidArgument } from '../../core/errors.ts';
import { decodeRange, type KeyChange, type StoredKey } from './answer.ts';
import type { Gateway } from './gateway.ts';
import { encodeKey } from './keys.ts';

/**
 * Whether the change that was seen last is in etcd's past exactly as it was seen. After a restore from a snapshot the
 * same revisions may hold other changes, under the same cluster id and term.
 * @throws {Conflict} `compacted`, when etcd does not know that past any more.
 * @throws {Unavailable}
 */
export async function isInPast(gateway: Gateway, anchor: KeyChange): Promise<boolean> {
  const { key, revision } = anchor.stored;
  const now = await keyAt(gateway, key, revision);
  if (now === 'future') return false;
  if (anchor.type === 'put') return now !== undefined && sameWrite(now, anchor.stored);
  if (now !== undefined) return false;
  const before = await keyAt(gateway, key, revision - 1n);
  return before !== undefined && before !== 'future';
}

async function keyAt(
  gateway: Gateway,
  key: Buffer,
  revision: bigint,
): Promise<StoredKey | 'future' | undefined> {
  try {
    const body = { key: encodeKey(key), revision: String(revision) };
    const answer = await gateway.post({
      path: 'kv/range',
      body,
      doing: 'compare the past',
      repeatable: true,
    });
    return decodeRange(answer).keys[0];
  } catch (error) {
    if (error instanceof InvalidArgument && error.context['reason'] === 'future') return 'future';
    throw error;
  }
}

function sameWrite(a: StoredKey, b: StoredKey): boolean {
  return a.revision === b.revision && a.history === b.history && Buffer.compare(a.value, b.value) === 0;
}

/** What was read before is another past. */
export function restored(after: bigint): Conflict {
  return new Conflict(
    `watch after revision ${after}: the store has another past than before, as after a restore from a snapshot; list again`,
    { reason: 'restored', after: String(after) },
  );
}
