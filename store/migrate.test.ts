import { expect, test } from 'vitest';
import { Conflict } from '../core/errors.ts';
import { MemoryStore } from '../test/fakes/memory-store.ts';
import { startEtcd } from '../test/lab/etcd.ts';
import { openEtcdStore } from './etcd/open-etcd-store.ts';
import { migrateStore } from './migrate.ts';
import { sharedFromLocal } from './mirror/shared-from-local.ts';
import { prefixedStore } from './prefixed-store.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const put = (...pairs: readonly [string, string][]) => ({
  put: pairs.map(([key, value]) => ({ key, value: bytes(value) })),
});
const log = { info: () => undefined, warn: () => undefined };
const OPTIONS = { prefix: 'cluster/' };

/** An embedded store with a cluster of one, and things of its host that are no business of a cluster's. */
async function aLocalCluster(): Promise<MemoryStore> {
  const local = new MemoryStore();
  const shared = await sharedFromLocal(prefixedStore(local, 'cluster/'));
  const lease = await shared.lease(10);
  await local.commit(put(['network/1', 'intent'], ['endpoint/2', 'intent']));
  await shared.commit({
    put: [
      { key: 'alive/h1', value: bytes('{}'), lease: lease.id },
      { key: 'session/h1', value: bytes('leased too'), lease: lease.id },
    ],
  });
  await shared.commit(put(['member/h1', '{"name":"h1"}'], ['address/192.0.2.1', 'h1'], ['vni/4097', 'app']));
  await shared.commit(put(['network/app', '{"vni":4097}'], ['block/app/10.0.0.0/26', '{"node":"h1"}']));
  const endpoints = Array.from({ length: 250 }, (_, index): [string, string] => [
    `endpoint/app/h1/${index}`,
    `{"id":"${index}"}`,
  ]);
  await shared.commit(put(...endpoints));
  return local;
}

test('a cluster of one goes to etcd whole, leased keys aside; again is nothing to do', async () => {
  await using etcd = await startEtcd({ version: '3.5' });
  await using from = await aLocalCluster();
  await using to = await openEtcdStore({ endpoints: etcd.url, log });
  expect(await migrateStore(from, to, OPTIONS)).toEqual({ copied: 255, present: 0 });
  const { entries } = await to.list('');
  expect(entries).toHaveLength(255);
  expect(entries.filter(({ key }) => !key.startsWith('endpoint/')).map(({ key }) => key)).toEqual([
    'address/192.0.2.1',
    'block/app/10.0.0.0/26',
    'member/h1',
    'network/app',
    'vni/4097',
  ]);
  for (const { key, value, revision } of entries) {
    const [original] = (await from.list(`cluster/${key}`)).entries;
    expect(value).toEqual(original?.value);
    if (key !== 'network/app') expect(revision).toBeLessThanOrEqual((await to.list('network/app')).revision);
  }
  expect(await migrateStore(from, to, OPTIONS)).toEqual({ copied: 0, present: 255 });
  expect((await to.list('')).entries).toEqual(entries);
});

test('one that broke off goes on', async () => {
  await using from = await aLocalCluster();
  await using to = await sharedFromLocal(new MemoryStore());
  await to.commit(put(['member/h1', '{"name":"h1"}'], ['endpoint/app/h1/3', '{"id":"3"}']));
  expect(await migrateStore(from, to, OPTIONS)).toEqual({ copied: 253, present: 2 });
  expect((await to.list('')).entries).toHaveLength(255);
});

test('a store that has other values for some of the keys is left as it is, and they are named', async () => {
  await using from = await aLocalCluster();
  await using to = await sharedFromLocal(new MemoryStore());
  await to.commit(put(['network/app', '{"vni":5000}'], ['vni/4097', 'web'], ['network/web', '{"vni":4097}']));
  const refused = migrateStore(from, to, OPTIONS);
  await expect(refused).rejects.toThrow(Conflict);
  await expect(refused).rejects.toThrow(/other values for vni\/4097, network\/app; nothing was copied/);
  expect((await to.list('')).entries.map(({ key }) => key)).toEqual([
    'network/app',
    'network/web',
    'vni/4097',
  ]);
});
