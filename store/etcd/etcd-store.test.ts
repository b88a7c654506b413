import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Conflict, InvalidArgument, Unavailable } from '../../core/errors.ts';
import type { StoreEvent } from '../../core/ports.ts';
import { sharedStoreContract, storeContract } from '../../test/contract/store.ts';
import { ETCDS, type EtcdCluster, freePorts, startEtcd } from '../../test/lab/etcd.ts';
import { poll } from '../../test/support/poll.ts';
import type { EtcdStore } from './etcd-store.ts';
import { openEtcdStore } from './open-etcd-store.ts';

const silent = { info: () => undefined, warn: () => undefined };
const bytes = (text: string) => new TextEncoder().encode(text);
const put = (store: EtcdStore, key: string, value = '') =>
  store.commit({ put: [{ key, value: bytes(value) }] });
const keys = async (store: EtcdStore) => (await store.list('')).entries.map(({ key }) => key);
let count = 0;

describe.each(ETCDS)('with etcd %s', (version) => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd({ version });
  }, 120_000);
  afterAll(() => etcd[Symbol.asyncDispose]());
  const open = () => openEtcdStore({ endpoints: etcd.url, prefix: `/test${++count}/`, log: silent });

  storeContract(`EtcdStore on ${version}`, open, { atFirst: undefined });
  sharedStoreContract(`EtcdStore on ${version}`, open);

  test('thousands of keys are listed whole, in order and of one revision', async () => {
    await using store = await open();
    const names = Array.from({ length: 1100 }, (_, index) => `k/${String(index).padStart(5, '0')}`);
    await Promise.all(names.map((name) => put(store, name, name)));
    const listing = store.list('k/');
    await put(store, 'k/later');
    const { entries, revision } = await listing;
    expect(entries.map(({ key }) => key).filter((key) => key !== 'k/later')).toEqual(names);
    expect(entries.every((entry) => entry.revision <= revision)).toBe(true);
    expect(entries.some(({ key }) => key === 'k/later')).toBe(
      revision >= ((await store.list('k/later')).entries[0]?.revision ?? 0n),
    );
  });

  test('keys of other prefixes and keys that are not text stay out of sight', async () => {
    await using store = await open();
    const prefix = `/test${count}`;
    await etcd.any.ctl(['put', `${prefix}0`, 'next prefix']);
    await etcd.any.ctl(['put', prefix, 'shorter']);
    const { revision } = await store.list('');
    const raw = Buffer.concat([Buffer.from(`${prefix}/`), Buffer.of(0xff, 0x61)]).toString('base64');
    const [endpoint] = etcd.endpoints;
    const url = `http://127.0.0.1:${endpoint?.port}/v3/kv/put`;
    expect((await fetch(url, { method: 'POST', body: JSON.stringify({ key: raw }) })).status).toBe(200);
    await etcd.any.ctl(['put', `${prefix}/ÿ\ufffd`, 'text']);
    expect(await keys(store)).toEqual(['ÿ\ufffd']);
    const events = store.watch('', revision, new AbortController().signal)[Symbol.asyncIterator]();
    expect((await events.next()).value.entry.key).toBe('ÿ\ufffd');
    await events.return?.();
  });

  test('more than 128 changes or expectations are refused before they are sent', async () => {
    await using store = await open();
    const many = Array.from({ length: 129 }, (_, index) => `k${index}`);
    const puts = store.commit({ put: many.map((key) => ({ key, value: bytes('') })) });
    await expect(puts).rejects.toThrow(InvalidArgument);
    await expect(puts).rejects.toThrow('transaction with 129 changes: etcd takes at most 128 in one');
    const expects = store.commit({ expect: many.map((key) => ({ key, revision: 0n })), delete: ['a'] });
    await expect(expects).rejects.toThrow('transaction with 129 expectations');
    const put128 = many.slice(1).map((key) => ({ key, value: bytes('') }));
    await store.commit({ expect: many.slice(1).map((key) => ({ key, revision: 0n })), put: put128 });
    expect(await keys(store)).toHaveLength(128);
  });

  test('a value of 1.5 MB is stored, watched and listed; a longer one is refused by name', async () => {
    await using store = await open();
    const value = new Uint8Array(1_499_000).fill(7);
    const { revision } = await store.list('');
    await store.commit({ put: [{ key: 'large', value }] });
    await store.commit({ put: [{ key: 'large2', value }] });
    const events = store.watch('', revision, new AbortController().signal)[Symbol.asyncIterator]();
    for (const key of ['large', 'large2']) {
      const { value: event } = await events.next();
      expect(event.entry.key).toBe(key);
      expect(Buffer.compare(event.entry.value, value)).toBe(0);
    }
    await events.return?.();
    expect((await store.list('')).entries.map((entry) => entry.value.length)).toEqual([1_499_000, 1_499_000]);
    const long = store.commit({ put: [{ key: 'large', value: new Uint8Array(1_500_001) }] });
    await expect(long).rejects.toThrow('value of "large" has 1500001 bytes: etcd takes at most 1500000');
    const both = store.commit({
      put: [
        { key: 'a', value },
        { key: 'b', value },
      ],
    });
    await expect(both).rejects.toThrow(/transaction of 2998002 bytes/);
  });

  test('a hundred transactions race for a key with expectations, and each step is one of them', async () => {
    await using one = await open();
    await using two = await openEtcdStore({ endpoints: etcd.url, prefix: `/test${count}/`, log: silent });
    const claims = Array.from({ length: 100 }, (_, index) =>
      (index % 2 === 0 ? one : two).commit({
        expect: [{ key: 'claim', revision: 0n }],
        put: [
          { key: 'claim', value: bytes(String(index)) },
          { key: `won/${index}`, value: bytes('') },
        ],
      }),
    );
    const outcomes = await Promise.allSettled(claims);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
    expect(await keys(one)).toEqual(['claim', `won/${winner}`]);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(Conflict);
    }
  });

  test('a watch from before a compaction is refused as compacted', async () => {
    await using store = await open();
    const first = await put(store, 'a');
    await put(store, 'b');
    const last = await put(store, 'c');
    await etcd.any.ctl(['compaction', String(last)]);
    const next = store.watch('', first, new AbortController().signal)[Symbol.asyncIterator]().next();
    await expect(next).rejects.toThrow(Conflict);
    await expect(next).rejects.toMatchObject({
      context: { reason: 'compacted', after: String(first), floor: String(last - 1n) },
    });
    const whole = store.watch('', last - 1n, new AbortController().signal)[Symbol.asyncIterator]();
    expect((await whole.next()).value.entry.key).toBe('c');
    await whole.return?.();
  });

  test('a lease that etcd has ended is lost, and its keys go', async () => {
    await using store = await open();
    await using lease = await store.lease(2);
    await store.commit({ put: [{ key: 'k', value: bytes(''), lease: lease.id }] });
    await etcd.any.ctl(['lease', 'revoke', lease.id.toString(16)]);
    await poll(() => lease.lost.aborted, 10_000);
    expect(await keys(store)).toEqual([]);
  });

  test('a lease lives on for longer than its time while it is kept', async () => {
    await using store = await open();
    await using lease = await store.lease(2);
    await store.commit({ put: [{ key: 'k', value: bytes(''), lease: lease.id }] });
    const granted = Date.now();
    await poll(() => Date.now() - granted > 7000, 10_000);
    expect(await keys(store)).toEqual(['k']);
    expect(lease.lost.aborted).toBe(false);
  });

  test('one watcher sees every change of many writers once and in order', async () => {
    await using store = await open();
    const { revision } = await store.list('');
    const seen: StoreEvent[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const event of store.watch('', revision, stop.signal)) {
        seen.push(event);
        if (seen.length === 1500) stop.abort();
      }
    })();
    await Promise.all(
      Array.from({ length: 1500 }, (_, index) => put(store, `k${index % 70}`, String(index))),
    );
    await watching;
    const values = seen.map(({ entry }) => Number(new TextDecoder().decode(entry.value)));
    expect(values).toEqual(Array.from({ length: 1500 }, (_, index) => index));
  });
});

test('without an etcd every call fails in time, naming the endpoints and why', async () => {
  const [a, b] = await freePorts(2);
  const endpoints = `etcd://127.0.0.1:${a},127.0.0.1:${b}`;
  await using store = await openEtcdStore({ endpoints, timeoutMs: 600, log: silent });
  for (const call of [() => store.list(''), () => put(store, 'k'), () => store.lease(5)]) {
    const started = performance.now();
    const failed = call();
    await expect(failed).rejects.toThrow(Unavailable);
    await expect(failed).rejects.toThrow(new RegExp(`http://127.0.0.1:${a}: .*ECONNREFUSED`));
    await expect(failed).rejects.toThrow(new RegExp(`http://127.0.0.1:${b}: .*ECONNREFUSED`));
    expect(performance.now() - started).toBeLessThan(2000);
  }
  expect(store.contact).toMatchObject({ connected: false, ageMs: undefined });
});

test('commits that wait behind others while etcd is away are given up in time, not one after the other', async () => {
  const [port] = await freePorts(1);
  await using store = await openEtcdStore({
    endpoints: `etcd://127.0.0.1:${port}`,
    timeoutMs: 500,
    log: silent,
  });
  const started = performance.now();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) => put(store, 'same', String(index))),
  );
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  expect(performance.now() - started).toBeLessThan(3000);
});
