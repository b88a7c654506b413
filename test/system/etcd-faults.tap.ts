import '../support/own-namespace.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Conflict } from '../../core/errors.ts';
import type { StoreEvent } from '../../core/ports.ts';
import { type EtcdStore, MirroredStore, openEtcdStore } from '../../store/index.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { ETCDS, type EtcdCluster, startEtcd } from '../lab/etcd.ts';
import { TcpProxy } from '../lab/etcd-proxy.ts';
import { until } from '../lab/until.ts';
import { WatchRecorder, writeNumbers } from '../support/etcd-writers.ts';

t.setTimeout(600_000);
const LONG = { timeoutMs: 60_000 };
const log = { info: () => undefined, warn: () => undefined };
const bytes = (text: string) => Buffer.from(text);
const put = (store: EtcdStore, key: string, value = '1') =>
  store.commit({ put: [{ key, value: bytes(value) }] });
const shown = (events: readonly StoreEvent[]) =>
  events.map(({ type, entry }) => `${type} ${entry.key}=${Buffer.from(entry.value)}`);
const open = (etcd: Pick<EtcdCluster, 'url'>) => openEtcdStore({ endpoints: etcd.url, log });

/** Every number once, in order, and the same in the store itself. */
async function checkNumbers(
  t: Test,
  etcd: EtcdCluster,
  prefix: string,
  count: number,
  lines: readonly string[],
) {
  t.same(
    lines.filter((line) => line.startsWith(`put ${prefix}`)),
    Array.from({ length: count }, (_, index) => `put ${prefix}${index}`),
    `the watcher saw each of ${count} keys of ${prefix} once and in order`,
  );
  const keys = (await etcd.any.ctl(['get', '--prefix', '--keys-only', `/weft/${prefix}`]))
    .trim()
    .split(/\n+/);
  t.equal(keys.length, count, 'etcdctl counts as many');
  const history = await etcd.any.ctl(['get', '--prefix', '-w', 'json', `/weft/${prefix}`]);
  const { kvs } = JSON.parse(history) as { readonly kvs: readonly { readonly version: number }[] };
  t.ok(
    kvs.every(({ version }) => version === 1),
    'and each was written once',
  );
}

for (const version of ETCDS) {
  t.test(`etcd ${version}: members killed under writes and watches`, async (t) => {
    await using etcd = await startEtcd({ version, members: 3 });
    await using writer = await open(etcd);
    await using reader = await open(etcd);
    const { revision } = await reader.list('');
    await using recorder = new WatchRecorder(reader, '', revision);
    await using lease = await writer.lease(10);
    await writer.commit({ put: [{ key: 'alive', value: bytes('1'), lease: lease.id }] });
    const stop = new AbortController();
    const writing = Promise.all(['a/', 'b/'].map((prefix) => writeNumbers(writer, prefix, stop.signal)));
    const grows = async (by: number) => {
      const from = recorder.events.length;
      await until('events come', () => recorder.events.length > from + by, LONG);
    };
    await grows(100);
    for (const member of etcd.members) {
      await member.stop('SIGKILL');
      await grows(50);
      await member.start();
      await member.healthy();
      await grows(50);
    }
    const leader = await etcd.leader();
    await leader.stop('SIGKILL');
    await grows(100);
    await leader.start();
    await leader.healthy();
    stop.abort();
    const written = await writing;
    await put(writer, 'end');
    await until('the watcher is at the end', () => recorder.lines.includes('put end'), LONG);
    for (const [index, prefix] of ['a/', 'b/'].entries()) {
      await checkNumbers(t, etcd, prefix, written[index]?.count ?? 0, recorder.lines);
    }
    t.notOk(lease.lost.aborted, 'the lease held');
    t.ok((await reader.list('alive')).entries.length === 1, 'and so did its key');
    t.comment(JSON.stringify(written));
    await recorder.stop();
  });

  t.test(`etcd ${version}: all members stopped for a while and started again`, async (t) => {
    await using etcd = await startEtcd({ version, members: 3 });
    await using other = await open(etcd);
    await using store = await open(etcd);
    await using mirror = await MirroredStore.open({ shared: store, local: new MemoryStore(), log });
    await mirror.ready;
    const lease = await mirror.lease(10);
    await mirror.commit({ put: [{ key: 'alive', value: bytes('1'), lease: lease.id }] });
    const seen: string[] = [];
    using _subscription = mirror.subscribe((events) => seen.push(...shown(events)));
    await put(other, 'before');
    await until('the mirror shows it', () => seen.length === 1, LONG);
    await etcd.stopAll();
    const refused = await mirror.commit({ put: [{ key: 'k', value: bytes('1') }] }).catch((error) => error);
    t.equal(refused.code, 'unavailable', 'a commit is refused as unavailable');
    await until(
      'the status says so',
      () => !mirror.status.connected && mirror.status.lastError !== undefined,
      LONG,
    );
    t.ok(mirror.get('before'), 'the copy is there');
    await sleep(15_000); // the fault itself: longer than the lease
    t.notOk(lease.lost.aborted, 'while nobody knows, the lease is not given up');
    t.ok(mirror.status.ageMs > 10_000, 'the age of the copy shows');
    await etcd.startAll();
    await put(other, 'after');
    await until('the mirror follows again', () => seen.includes('put after=1'), LONG);
    await until('the status says so', () => mirror.status.connected, LONG);
    t.same(
      seen.filter((line) => !line.endsWith('k=1')),
      ['put before=1', 'put after=1'],
      'nothing doubled',
    );
    await lease[Symbol.asyncDispose]();
  });

  t.test(`etcd ${version}: compaction while the watcher is cut off`, async (t) => {
    await using etcd = await startEtcd({ version });
    await using proxy = await TcpProxy.open(etcd.any.port);
    await using other = await open(etcd);
    await using store = await open({ url: `etcd://127.0.0.1:${proxy.port}` });
    for (const key of ['kept', 'changed', 'deleted']) await put(other, key);
    await using mirror = await MirroredStore.open({ shared: store, local: new MemoryStore(), log });
    await mirror.ready;
    const seen: string[] = [];
    using _subscription = mirror.subscribe((events) => seen.push(...shown(events)));
    await using recorder = new WatchRecorder(store, '', mirror.status.revision);
    await put(other, 'seen');
    await until('both saw it', () => seen.length === 1 && recorder.events.length === 1, LONG);
    proxy.cut();
    await put(other, 'changed', '2');
    await put(other, 'passing');
    await other.commit({ delete: ['deleted', 'passing'] });
    const last = await put(other, 'new');
    await etcd.any.ctl(['compaction', String(last)]);
    proxy.forward();
    await until('the mirror is current', () => mirror.status.revision >= last, LONG);
    t.same(
      seen.slice(1).sort(),
      ['delete deleted=', 'put changed=2', 'put new=1'],
      'exactly what is different is told',
    );
    const stopped = await recorder.stop().catch((error) => error);
    t.ok(
      stopped instanceof Conflict && stopped.context['reason'] === 'compacted',
      'a plain watch is told so',
    );
    await put(other, 'later');
    await until('the mirror follows', () => seen.includes('put later=1'), LONG);
  });

  t.test(`etcd ${version}: restored from a snapshot`, async (t) => {
    const scratch = await mkdtemp(join(tmpdir(), 'weft-snapshot-'));
    t.teardown(() => rm(scratch, { recursive: true, force: true }));
    await using etcd = await startEtcd({ version });
    await using other = await open(etcd);
    await using store = await open(etcd);
    for (const key of ['kept', 'changed', 'deleted']) await put(other, key);
    const file = join(scratch, 'snapshot.db');
    await etcd.snapshot(file);
    await using mirror = await MirroredStore.open({ shared: store, local: new MemoryStore(), log });
    await mirror.ready;
    let seen: string[] = [];
    using _subscription = mirror.subscribe((events) => seen.push(...shown(events)));
    const expectSeen = async (name: string, wanted: readonly string[]) => {
      await until(name, () => seen.length >= wanted.length, LONG).catch(() => undefined);
      t.same(seen.toSorted(), wanted, name);
      seen = [];
    };

    await put(other, 'changed', '2');
    await other.commit({ delete: ['deleted'] });
    await put(other, 'lost');
    await expectSeen('the changes are seen', ['delete deleted=', 'put changed=2', 'put lost=1']);
    await etcd.restore(file);
    await expectSeen('the way back is seen', ['delete lost=', 'put changed=1', 'put deleted=1']);

    await put(other, 'one');
    await put(other, 'two');
    await expectSeen('it follows', ['put one=1', 'put two=1']);
    await etcd.restore(file);
    await expectSeen('a second time', ['delete one=', 'delete two=']);
    await mirror.commit({
      expect: [{ key: 'kept', revision: mirror.get('kept')?.revision ?? 0n }],
      delete: ['kept'],
    });
    await expectSeen('it swaps by the revisions that hold now', ['delete kept=']);
  });

  t.test(`etcd ${version}: the same revisions used again for something else`, async (t) => {
    const scratch = await mkdtemp(join(tmpdir(), 'weft-snapshot-'));
    t.teardown(() => rm(scratch, { recursive: true, force: true }));
    await using etcd = await startEtcd({ version });
    await using proxy = await TcpProxy.open(etcd.any.port);
    await using other = await open(etcd);
    await using store = await open({ url: `etcd://127.0.0.1:${proxy.port}` });
    await put(other, 'base');
    const file = join(scratch, 'snapshot.db');
    await etcd.snapshot(file);
    await using mirror = await MirroredStore.open({ shared: store, local: new MemoryStore(), log });
    await mirror.ready;
    const lost = await put(other, 'lost', 'x');
    await until('it is seen', () => mirror.get('lost') !== undefined, LONG);
    proxy.cut();
    await etcd.restore(file);
    await using fresh = await open(etcd);
    for (let revision = 0n; revision <= lost; ) revision = await put(fresh, `new/${revision}`);
    const wanted = (await fresh.list('')).entries.map(({ key }) => key);
    t.notOk(wanted.includes('lost'), 'the store has gone past the revision that is known, without the key');
    proxy.forward();
    await until('the mirror is current', () => mirror.get('lost') === undefined, LONG);
    t.same(
      [...mirror.entries('')].map(({ key }) => key),
      wanted,
      'the mirror shows what is there',
    );
  });
}
