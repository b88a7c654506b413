import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Conflict, Unavailable } from '../../core/errors.ts';
import type { StoreEvent, Txn } from '../../core/ports.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { type EtcdCluster, startEtcd } from '../../test/lab/etcd.ts';
import { poll } from '../../test/support/poll.ts';
import { openEtcdStore } from '../etcd/open-etcd-store.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { MirroredStore } from './mirrored-store.ts';
import { sharedFromLocal } from './shared-from-local.ts';

const log = { info: () => undefined, warn: () => undefined };
const root = mkdtempSync(join(tmpdir(), 'weft-mirror-'));
const bytes = (text: string) => new TextEncoder().encode(text);
const put = (key: string, value: string) => ({ put: [{ key, value: bytes(value) }] });
const shown = (events: readonly StoreEvent[]) =>
  events.map(({ type, entry }) => `${type} ${entry.key}=${new TextDecoder().decode(entry.value)}`);
const content = (mirror: MirroredStore) =>
  [...mirror.entries('')].map(({ key, value }) => `${key}=${new TextDecoder().decode(value)}`);
let etcd: EtcdCluster;
let count = 0;

beforeAll(async () => {
  etcd = await startEtcd({ version: '3.5' });
}, 120_000);
afterAll(async () => {
  await etcd[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});
const prefix = () => `/mirror${++count}/`;
const openRemote = (at: string) => openEtcdStore({ endpoints: etcd.url, prefix: at, timeoutMs: 1000, log });

test('shows what others wrote, and its own commits as soon as they resolve', async () => {
  const at = prefix();
  await using other = await openRemote(at);
  await other.commit(put('a/1', 'old'));
  await using shared = await openRemote(at);
  await using mirror = await MirroredStore.open({ shared, local: new MemoryStore(), log });
  await mirror.ready;
  expect(content(mirror)).toEqual(['a/1=old']);
  for (let index = 0; index < 20; index++) {
    const revision = await mirror.commit(put(`b/${index}`, 'mine'));
    expect(mirror.get(`b/${index}`)?.revision).toBe(revision);
    expect(mirror.status.revision).toBe(revision);
  }
  await other.commit(put('a/1', 'new'));
  await poll(() => content(mirror)[0] === 'a/1=new');
  expect(mirror.status).toMatchObject({ connected: true });
  const swap = {
    expect: [{ key: 'a/1', revision: mirror.get('a/1')?.revision ?? 0n }],
    ...put('a/1', 'swapped'),
  };
  await mirror.commit(swap);
  await expect(mirror.commit(swap)).rejects.toThrow(Conflict);
});

test('says that it does not show an own change yet', async () => {
  await using shared = await openRemote(prefix());
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const held = {
    list: (under: string) => shared.list(under),
    commit: (txn: Txn) => shared.commit(txn),
    lease: (seconds: number) => shared.lease(seconds),
    watch: async function* (under: string, after: bigint, signal: AbortSignal) {
      await released;
      yield* shared.watch(under, after, signal);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  await using mirror = await MirroredStore.open({ shared: held, local: new MemoryStore(), log });
  await mirror.ready;
  expect(mirror.status.behind).toBe(false);
  await mirror.commit({ delete: ['not there'] });
  expect(mirror.status.behind).toBe(false);
  await mirror.commit(put('a', 'mine'));
  expect([content(mirror), mirror.status.behind]).toEqual([[], true]);
  release();
  await poll(() => !mirror.status.behind);
  expect(content(mirror)).toEqual(['a=mine']);
});

test('a subscriber gets batches in order, each after the copy shows it, a transaction never torn', async () => {
  const at = prefix();
  await using other = await openRemote(at);
  await using shared = await openRemote(at);
  await using mirror = await MirroredStore.open({ shared, local: new MemoryStore(), log });
  await mirror.ready;
  const seen: string[] = [];
  const torn: string[] = [];
  using _subscription = mirror.subscribe((events) => {
    for (const { type, entry } of events) {
      const now = mirror.get(entry.key);
      if (type === 'put' && (now === undefined || now.revision < entry.revision)) torn.push(entry.key);
    }
    if (
      events.filter(({ entry }) => entry.key === 'x').length !==
      events.filter(({ entry }) => entry.key === 'y').length
    ) {
      torn.push('transaction');
    }
    seen.push(...shown(events));
  });
  const wanted: string[] = [];
  for (let index = 0; index < 100; index++) {
    const value = bytes(String(index));
    await other.commit({
      put: [
        { key: 'x', value },
        { key: 'y', value },
      ],
    });
    wanted.push(`put x=${index}`, `put y=${index}`);
  }
  await poll(() => seen.length === wanted.length);
  expect(seen).toEqual(wanted);
  expect(torn).toEqual([]);
});

test('without the shared store it shows the copy that the last process left, and commits are refused', async () => {
  const at = prefix();
  const path = join(root, 'copy', 'weft.db');
  const local = await openSqliteStore({ path });
  const shared = await openRemote(at);
  const mirror = await MirroredStore.open({ shared, local, log });
  await mirror.ready;
  await Promise.all(Array.from({ length: 300 }, (_, index) => mirror.commit(put(`k/${index}`, `v${index}`))));
  const last = await mirror.commit({ delete: ['k/7'] });
  const before = [...mirror.entries('')];
  await mirror[Symbol.asyncDispose]();
  await shared[Symbol.asyncDispose]();
  await local[Symbol.asyncDispose]();

  await using again = await openSqliteStore({ path });
  await using nowhere = await openEtcdStore({
    endpoints: 'etcd://127.0.0.1:1',
    prefix: at,
    timeoutMs: 300,
    log,
  });
  await using blind = await MirroredStore.open({ shared: nowhere, local: again, log });
  expect([...blind.entries('')]).toEqual(before);
  expect(blind.status.revision).toBe(last);
  expect(blind.status.connected).toBe(false);
  await expect(blind.commit(put('k/1', 'new'))).rejects.toThrow(Unavailable);
  await poll(() => blind.status.lastError?.includes('ECONNREFUSED'));
  expect([...blind.entries('')]).toEqual(before);
  const { ageMs } = blind.status;
  expect(ageMs).toBeGreaterThan(0);
  expect(ageMs).toBeLessThan(60_000);
});

test('after a start on an old copy, subscribers see what has changed since and nothing else', async () => {
  const at = prefix();
  const path = join(root, 'old', 'weft.db');
  const first = await openSqliteStore({ path });
  await using shared = await openRemote(at);
  const earlier = await MirroredStore.open({ shared, local: first, log });
  await earlier.ready;
  for (const key of ['kept', 'changed', 'deleted', 'rewritten']) await earlier.commit(put(key, '1'));
  await earlier[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await shared.commit(put('changed', '2'));
  const rewritten = await shared.commit(put('rewritten', '1'));
  await shared.commit({ delete: ['deleted'] });
  await shared.commit(put('new', '1'));

  await using second = await openSqliteStore({ path });
  await using mirror = await MirroredStore.open({ shared, local: second, log });
  const seen: string[] = [];
  using _subscription = mirror.subscribe((events) => seen.push(...shown(events)));
  await mirror.ready;
  expect(seen.sort()).toEqual(['delete deleted=', 'put changed=2', 'put new=1']);
  expect(mirror.get('rewritten')?.revision).toBe(rewritten);
});

test('on a store of this process it works the same and writes no copy', async () => {
  const local = new MemoryStore();
  const cluster = new MemoryStore();
  await using shared = await sharedFromLocal(cluster);
  await using mirror = await MirroredStore.open({ shared, local, log });
  await mirror.ready;
  await mirror.commit(put('a', '1'));
  await using lease = await mirror.lease(5);
  await mirror.commit({ put: [{ key: 'alive', value: bytes('1'), lease: lease.id }] });
  expect(content(mirror)).toEqual(['a=1', 'alive=1']);
  expect(mirror.status).toMatchObject({ connected: true, ageMs: 0 });
  await mirror[Symbol.asyncDispose]();
  expect((await local.list('')).entries).toEqual([]);
  await expect(mirror.commit(put('a', '2'))).rejects.toThrow(Unavailable);
  await expect(mirror.ready).resolves.toBe(undefined);
});

test('a listener that throws does not keep the others from the change', async () => {
  await using shared = await sharedFromLocal(new MemoryStore());
  await using mirror = await MirroredStore.open({ shared, local: new MemoryStore(), log });
  await mirror.ready;
  const seen: string[] = [];
  using _bad = mirror.subscribe(() => {
    throw new Error('bad listener');
  });
  const good = mirror.subscribe((events) => seen.push(...shown(events)));
  await mirror.commit(put('a', '1'));
  good[Symbol.dispose]();
  await mirror.commit(put('a', '2'));
  expect(seen).toEqual(['put a=1']);
});
