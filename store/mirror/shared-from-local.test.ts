import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { InvalidArgument } from '../../core/errors.ts';
import { sharedStoreContract, storeContract } from '../../test/contract/store.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { prefixedStore } from '../prefixed-store.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { sharedFromLocal } from './shared-from-local.ts';

const open = () => sharedFromLocal(prefixedStore(new MemoryStore(), 'cluster/'));
storeContract('a local store as a shared one', open);
sharedStoreContract('a local store as a shared one', open);

const root = mkdtempSync(join(tmpdir(), 'weft-shared-'));
afterAll(() => rmSync(root, { recursive: true }));
const bytes = (text: string) => new TextEncoder().encode(text);

test('what an earlier process put with a lease is gone at the next start, the rest is there', async () => {
  const path = join(root, 'weft.db');
  const first = await openSqliteStore({ path });
  const before = await sharedFromLocal(prefixedStore(first, 'cluster/'));
  const lease = await before.lease(10);
  await before.commit({
    put: [
      { key: 'alive/h1', value: bytes('1'), lease: lease.id },
      { key: 'member/h1', value: bytes('1') },
    ],
  });
  // As a kill would: the lease is not disposed of.
  await first[Symbol.asyncDispose]();

  await using second = await openSqliteStore({ path });
  const after = await sharedFromLocal(prefixedStore(second, 'cluster/'));
  expect((await after.list('')).entries.map(({ key }) => key)).toEqual(['member/h1']);
  expect((await second.list('')).entries.map(({ key }) => key)).toEqual(['cluster/member/h1']);
});

test('the keys that say which lease a key has can be neither seen nor put', async () => {
  await using shared = await open();
  const lease = await shared.lease(10);
  const events = shared.watch('', 0n, new AbortController().signal)[Symbol.asyncIterator]();
  await shared.commit({ put: [{ key: 'a', value: bytes('1'), lease: lease.id }] });
  await shared.commit({ put: [{ key: 'b', value: bytes('1') }] });
  expect((await shared.list('')).entries.map(({ key }) => key)).toEqual(['a', 'b']);
  expect((await events.next()).value.entry.key).toBe('a');
  expect((await events.next()).value.entry.key).toBe('b');
  await events.return?.();
  await expect(shared.commit({ put: [{ key: '~leased/a', value: bytes('1') }] })).rejects.toThrow(
    InvalidArgument,
  );
});
