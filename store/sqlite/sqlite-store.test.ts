import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { AlreadyExists, Unavailable } from '../../core/errors.ts';
import type { Store } from '../../core/ports.ts';
import { storeContract } from '../../test/contract/store.ts';
import { openSqliteStore } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'weft-store-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const freshPath = () => join(root, String(++count), 'weft.db');
const bytes = (text: string) => new TextEncoder().encode(text);
const put = (store: Store, key: string, value = '') => store.commit({ put: [{ key, value: bytes(value) }] });
const keys = async (store: Store) => (await store.list('')).entries.map(({ key }) => key);

storeContract('SqliteStore', () => openSqliteStore({ path: freshPath() }));

test('file and directory are private', async () => {
  const path = freshPath();
  await using store = await openSqliteStore({ path });
  await put(store, 'k');
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
  for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('entries and revisions survive closing and opening', async () => {
  const path = freshPath();
  const first = await openSqliteStore({ path });
  const revision = await put(first, 'k', 'v');
  await first[Symbol.asyncDispose]();
  await using second = await openSqliteStore({ path });
  expect((await second.list('')).entries).toEqual([{ key: 'k', value: bytes('v'), revision }]);
  expect(await put(second, 'l')).toBe(revision + 1n);
  await expect(
    second.watch('', 0n, new AbortController().signal)[Symbol.asyncIterator]().next(),
  ).rejects.toThrow(/compacted/);
});

test('a second opener is refused', async () => {
  const path = freshPath();
  await using store = await openSqliteStore({ path });
  await expect(openSqliteStore({ path })).rejects.toThrow(`open store ${path}: it is open already`);
  await put(store, 'k');
});

test('a thousand commits of one turn are all kept, in order, and the log is folded in', async () => {
  const path = freshPath();
  const store = await openSqliteStore({ path });
  const value = 'x'.repeat(4000);
  const revisions = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => put(store, `k${index}`, value)),
  );
  expect(revisions).toEqual(Array.from({ length: 1000 }, (_, index) => BigInt(index + 1)));
  expect(statSync(`${path}-wal`).size).toBeLessThan(2 << 20);
  expect(statSync(path).size).toBeGreaterThan(2 << 20);
  await store[Symbol.asyncDispose]();
  await using again = await openSqliteStore({ path });
  expect(await keys(again)).toHaveLength(1000);
});

test('a file from a newer weft is refused', async () => {
  const path = freshPath();
  await (await openSqliteStore({ path }))[Symbol.asyncDispose]();
  const db = new DatabaseSync(path);
  db.exec('PRAGMA user_version = 2');
  db.close();
  const opening = openSqliteStore({ path });
  await expect(opening).rejects.toThrow(Unavailable);
  await expect(opening).rejects.toThrow(/has schema 2, this weft knows 1: install the weft that wrote it/);
});

test('an SQLite file of somebody else is refused and not changed', async () => {
  const path = freshPath();
  await (await openSqliteStore({ path }))[Symbol.asyncDispose]();
  rmSync(path);
  const db = new DatabaseSync(path);
  db.exec('CREATE TABLE cats (name TEXT)');
  db.close();
  const before = readFileSync(path);
  await expect(openSqliteStore({ path })).rejects.toThrow(/not weft's/);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a file that is not SQLite is refused with what to do', async () => {
  const path = freshPath();
  await (await openSqliteStore({ path }))[Symbol.asyncDispose]();
  writeFileSync(path, 'these are not the pages you are looking for'.repeat(100));
  await expect(openSqliteStore({ path })).rejects.toThrow(
    /is damaged \(.*\): stop weftd, move .* and put back a backup/,
  );
});

test('a file with damaged pages is refused with what to do', async () => {
  const path = freshPath();
  const store = await openSqliteStore({ path });
  await Promise.all(Array.from({ length: 300 }, (_, index) => put(store, `k${index}`, 'x'.repeat(500))));
  await store[Symbol.asyncDispose]();
  const file = readFileSync(path);
  file.fill(0xa5, 4096 * 6, 4096 * 12);
  writeFileSync(path, file);
  const opening = openSqliteStore({ path });
  await expect(opening).rejects.toThrow(Unavailable);
  await expect(opening).rejects.toThrow(/is damaged/);
});

test('a backup taken under writes opens as a store of its own, private, and is not overwritten', async () => {
  const path = freshPath();
  await using store = await openSqliteStore({ path });
  await Promise.all(Array.from({ length: 500 }, (_, index) => put(store, `a${index}`, 'x'.repeat(2000))));
  const copy = join(root, 'copy.db');
  const copied = store.backup(copy);
  for (let index = 0; index < 50; index++) await put(store, `b${index}`);
  await copied;
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  expect(existsSync(`${copy}.partial`)).toBe(false);
  await expect(store.backup(copy)).rejects.toThrow(AlreadyExists);
  await using other = await openSqliteStore({ path: copy });
  expect((await keys(other)).filter((key) => key.startsWith('a'))).toHaveLength(500);
  await put(other, 'c');
  expect(await keys(store)).not.toContain('c');
});

test('a backup to a directory that is not there fails and leaves nothing', async () => {
  await using store = await openSqliteStore({ path: freshPath() });
  await expect(store.backup(join(root, 'none', 'copy.db'))).rejects.toThrow(Unavailable);
});

test('an older file put back after a crash wins over the log the crash left behind', async () => {
  const path = freshPath();
  const crashed = join(root, 'crashed.db');
  const store = await openSqliteStore({ path });
  await put(store, 'old');
  const copy = join(root, 'older.db');
  await store.backup(copy);
  await put(store, 'new');
  // What a kill -9 leaves: the log with everything since the last checkpoint.
  copyFileSync(`${path}-wal`, `${crashed}-wal`);
  await store[Symbol.asyncDispose]();
  copyFileSync(copy, crashed);
  const warnings: string[] = [];
  await using restored = await openSqliteStore({ path: crashed, warn: (message) => warnings.push(message) });
  expect(await keys(restored)).toEqual(['old']);
  expect(warnings).toEqual([
    expect.stringContaining('was replaced while it had a write-ahead log of another state'),
  ]);
  expect(readdirSync(root).filter((name) => name.startsWith('crashed.db-wal.foreign-'))).toHaveLength(1);
});

test('the log that a crash left behind is replayed over its own file', async () => {
  const path = freshPath();
  const crashed = join(root, 'own.db');
  const store = await openSqliteStore({ path });
  await put(store, 'a');
  await put(store, 'b');
  copyFileSync(path, crashed);
  copyFileSync(`${path}-wal`, `${crashed}-wal`);
  await store[Symbol.asyncDispose]();
  await using recovered = await openSqliteStore({ path: crashed, warn: expect.unreachable });
  expect(await keys(recovered)).toEqual(['a', 'b']);
});
