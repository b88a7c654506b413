import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Conflict, InvalidArgument, NotFound, Unavailable } from '../core/errors.ts';
import { lockDirectory, openSqliteStore } from '../store/index.ts';
import { type EtcdCluster, startEtcd } from '../test/lab/etcd.ts';
import { openEtcd } from './cluster/index.ts';
import { migrateToEtcd } from './migrate.ts';

const log = { info: () => undefined, warn: () => undefined };
let etcd: EtcdCluster;
let stateDir: string;

beforeAll(async () => {
  etcd = await startEtcd({ version: '3.5' });
}, 60_000);
afterAll(() => etcd[Symbol.asyncDispose]());

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'weft-migrate-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const url = () => etcd.url;
const run = (to = url()) => migrateToEtcd({ stateDir, storeTls: {} }, to, log);

async function fill(...pairs: readonly (readonly [key: string, value: string])[]): Promise<void> {
  await using store = await openSqliteStore({ path: join(stateDir, 'weft.db'), warn: () => undefined });
  await store.commit({ put: pairs.map(([key, value]) => ({ key, value: Buffer.from(value) })) });
}

test('copies the cluster of one and nothing else, and can be repeated', async () => {
  await fill(
    ['cluster/member/h1', '{}'],
    ['cluster/network/app', '{"vni":7}'],
    ['network/docker-id', 'of this host alone'],
    ['mirror/network/app', 'a copy'],
  );
  expect(await run()).toEqual([
    'copied 2 records',
    'networks: app',
    'now start weftd with this --store on this host, then on the others',
  ]);
  expect((await run())[0]).toBe('copied 0 records; 2 were there already');
  {
    await using there = await openEtcd({ storeTls: {} }, url(), log);
    expect((await there.list('')).entries.map(({ key }) => key)).toEqual(['member/h1', 'network/app']);
    await using here = await openSqliteStore({ path: join(stateDir, 'weft.db'), warn: () => undefined });
    expect((await here.list('')).entries).toHaveLength(4);
  }

  await fill(['cluster/network/app', '{"vni":8}']);
  await expect(run()).rejects.toThrow(Conflict);
});

test('is refused while a weftd runs, without a store, and with files that cannot be read', async () => {
  await expect(run()).rejects.toThrow(NotFound);
  expect(existsSync(join(stateDir, 'weft.db'))).toBe(false);
  await fill(['cluster/member/h1', '{}']);
  {
    await using _running = await lockDirectory(stateDir);
    await expect(run()).rejects.toThrow(Conflict);
  }
  const storeTls = { ca: join(stateDir, 'missing.pem') };
  await expect(migrateToEtcd({ stateDir, storeTls }, url(), log)).rejects.toThrow(InvalidArgument);
});

test('says so when etcd does not answer', async () => {
  await fill(['cluster/member/h1', '{}']);
  await expect(run('etcd://127.0.0.1:1')).rejects.toThrow(Unavailable);
}, 20_000);
