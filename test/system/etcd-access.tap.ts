import '../support/own-namespace.ts';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { WeftError } from '../../core/errors.ts';
import { type EtcdStore, MirroredStore, openEtcdStore } from '../../store/index.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { ETCDS, startEtcd } from '../lab/etcd.ts';
import { clientTls, makeCertificates } from '../lab/etcd-certificates.ts';
import { TcpProxy } from '../lab/etcd-proxy.ts';
import { CHECKOUT } from '../lab/index.ts';
import { until } from '../lab/until.ts';
import { WatchRecorder, writeNumbers } from '../support/etcd-writers.ts';

t.setTimeout(600_000);
const LONG = { timeoutMs: 60_000 };
const log = { info: () => undefined, warn: () => undefined };
const put = (store: EtcdStore, key: string) => store.commit({ put: [{ key, value: Buffer.from('1') }] });

async function refusal(call: Promise<unknown>): Promise<WeftError> {
  try {
    await call;
  } catch (error) {
    return error as WeftError;
  }
  throw new Error('it was not refused');
}

/** List, commit, watch and lease all work. */
async function checkWorks(t: Test, store: EtcdStore, key: string): Promise<void> {
  const { revision } = await store.list('');
  await using recorder = new WatchRecorder(store, '', revision);
  await using lease = await store.lease(10);
  await store.commit({ put: [{ key, value: Buffer.from('1'), lease: lease.id }] });
  await until('the watch sees it', () => recorder.lines.includes(`put ${key}`), LONG);
  t.same(
    (await store.list(key)).entries.map((entry) => entry.key),
    [key],
    `it works: ${key}`,
  );
}

for (const version of ETCDS) {
  t.test(`etcd ${version}: TLS with client certificates`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-tls-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const certificates = await makeCertificates(folder, ['127.0.0.1']);
    await using etcd = await startEtcd({ version, certificates });
    const tls = await clientTls(certificates);
    await using store = await openEtcdStore({ endpoints: etcd.endpoints, tls, log });
    await checkWorks(t, store, 'over/tls');

    await using bare = await openEtcdStore({
      endpoints: etcd.url,
      tls: { ca: tls.ca },
      timeoutMs: 5000,
      log,
    });
    const noCertificate = await refusal(bare.list(''));
    t.equal(noCertificate.code, 'unavailable');
    t.match(
      noCertificate.message,
      /https:\/\/127\.0\.0\.1:\d+: .*certificate/,
      'without a certificate it is refused',
    );

    await using stranger = await openEtcdStore({ endpoints: etcd.url, timeoutMs: 5000, log });
    const unknown = await refusal(stranger.list(''));
    t.match(unknown.message, /certificate/, 'a server of an unknown authority is not spoken to');

    const plain = etcd.url.replace('etcds:', 'etcd:');
    await using clear = await openEtcdStore({ endpoints: plain, timeoutMs: 5000, log });
    t.equal((await refusal(clear.list(''))).code, 'unavailable', 'without TLS there is no answer');
  });

  t.test(`etcd ${version}: users`, async (t) => {
    await using etcd = await startEtcd({ version });
    const { any } = etcd;
    await any.ctl(['user', 'add', 'root:secret-root']);
    await any.ctl(['user', 'grant-role', 'root', 'root']);
    await any.ctl(['user', 'add', 'weft:s3cr@t/1']);
    await any.ctl(['role', 'add', 'weft']);
    await any.ctl(['role', 'grant-permission', '--prefix=true', 'weft', 'readwrite', '/weft/']);
    await any.ctl(['user', 'grant-role', 'weft', 'weft']);
    const user = { user: 'weft', password: 's3cr@t/1' };

    await using store = await openEtcdStore({ endpoints: etcd.endpoints, ...user, log });
    await checkWorks(t, store, 'before/auth');
    await using mirror = await MirroredStore.open({ shared: store, local: new MemoryStore(), log });
    await mirror.ready;
    await any.ctl(['auth', 'enable']);
    await checkWorks(t, store, 'with/auth');

    const inUrl = etcd.url.replace('//', '//weft:s3cr%40t%2F1@');
    await using other = await openEtcdStore({ endpoints: inUrl, log });
    await checkWorks(t, other, 'user/in/url');

    await using wrong = await openEtcdStore({ endpoints: etcd.url, user: 'weft', password: 'guessed', log });
    const denied = await refusal(wrong.list(''));
    t.equal(denied.code, 'invalid_argument');
    t.match(denied.message, /log in as weft at etcd .*authentication failed/, 'a wrong password is refused');
    t.notMatch(denied.message, /guessed/);

    await using nobody = await openEtcdStore({ endpoints: etcd.url, log });
    t.match((await refusal(nobody.list(''))).message, /user name is empty/, 'no user is refused');

    await using elsewhere = await openEtcdStore({ endpoints: etcd.url, ...user, prefix: '/other/', log });
    t.match(
      (await refusal(elsewhere.list(''))).message,
      /permission denied/,
      'a list of other keys is refused',
    );
    t.match((await refusal(put(elsewhere, 'k'))).message, /permission denied/, 'and so is a commit');
    const watch = elsewhere.watch('', 1n, new AbortController().signal)[Symbol.asyncIterator]();
    t.match((await refusal(watch.next())).message, /permission denied/, 'and so is a watch');

    await any.ctl(['user', 'add', 'more:more'], 'root:secret-root');
    await checkWorks(t, store, 'after/change/of/users');
    await any.stop('SIGKILL');
    await any.start();
    await any.healthy();
    await checkWorks(t, store, 'after/restart/without/tokens');
    await put(other, 'seen/by/mirror');
    await until('the mirror follows', () => mirror.get('seen/by/mirror') !== undefined, LONG);
    await any.ctl(['auth', 'disable'], 'root:secret-root');
    await checkWorks(t, store, 'after/auth');
  });

  t.test(`etcd ${version}: connections that say nothing any more`, async (t) => {
    await using etcd = await startEtcd({ version, members: 3 });
    const [one, two] = await Promise.all(etcd.members.slice(0, 2).map(({ port }) => TcpProxy.open(port)));
    if (one === undefined || two === undefined) throw new Error('no proxies');
    await using _one = one;
    await using _two = two;
    const endpoints = `etcd://127.0.0.1:${one.port},127.0.0.1:${two.port}`;
    await using direct = await openEtcdStore({ endpoints: etcd.url, log });
    await using store = await openEtcdStore({ endpoints, log });
    const { revision } = await store.list('');
    await using recorder = new WatchRecorder(store, '', revision);
    await using lease = await store.lease(10);
    let number = 0;
    const arrives = async () => {
      const key = `k/${number++}`;
      const started = performance.now();
      await put(direct, key);
      await until('it is seen', () => recorder.lines.includes(`put ${key}`), LONG);
      return Math.round(performance.now() - started);
    };
    await arrives();
    for (const proxy of [one, two]) {
      proxy.freeze();
      const ms = await arrives();
      t.ok(ms < 15_000, `one of two ways frozen: seen after ${ms} ms`);
      await store.list('');
      proxy.forward();
    }
    for (const proxy of [one, two]) proxy.freezeThese();
    const ms = await arrives();
    t.ok(ms < 20_000, `every connection frozen, new ones are not: seen after ${ms} ms`);
    for (const proxy of [one, two]) proxy.freeze();
    const started = performance.now();
    const away = await refusal(store.list(''));
    t.equal(away.code, 'unavailable', 'all frozen: unavailable');
    t.ok(performance.now() - started < 4500, 'in time');
    t.equal(store.contact.connected, false);
    await put(direct, 'meanwhile');
    for (const proxy of [one, two]) proxy.forward();
    await until('what happened meanwhile is seen', () => recorder.lines.includes('put meanwhile'), LONG);
    const wanted = Array.from({ length: number }, (_, index) => `put k/${index}`);
    t.same(recorder.lines, [...wanted, 'put meanwhile'], 'nothing was lost or doubled');
    t.notOk(lease.lost.aborted, 'the lease held');
    await recorder.stop();
  });

  t.test(`etcd ${version}: commits whose answers are lost are not made twice`, async (t) => {
    await using etcd = await startEtcd({ version });
    await using proxy = await TcpProxy.open(etcd.any.port);
    await using direct = await openEtcdStore({ endpoints: etcd.url, log });
    await using recorder = new WatchRecorder(direct, 'n/', (await direct.list('')).revision);
    const endpoints = `etcd://127.0.0.1:${proxy.port}`;
    await using store = await openEtcdStore({ endpoints, timeoutMs: 5000, log });
    const stop = new AbortController();
    const writing = writeNumbers(store, 'n/', stop.signal);
    for (let round = 1; round <= 25; round++) {
      await until('writes go on', () => recorder.events.length > round * 10, LONG);
      proxy.cut();
      proxy.forward();
    }
    stop.abort();
    const { count, unknown } = await writing;
    t.comment(`${count} written, ${unknown} with an unknown outcome`);
    await until('all are seen', () => recorder.events.length >= count, LONG);
    t.same(
      recorder.lines,
      Array.from({ length: count }, (_, index) => `put n/${index}`),
      'each once, in order',
    );
  });

  t.test(`etcd ${version}: the lease of a process that was killed ends in time`, async (t) => {
    await using etcd = await startEtcd({ version });
    await using store = await openEtcdStore({ endpoints: etcd.url, log });
    await using recorder = new WatchRecorder(store, 'alive/', (await store.list('')).revision);
    const script = `
      const { openEtcdStore } = await import(${JSON.stringify(join(CHECKOUT, 'store/index.ts'))});
      const log = { info() {}, warn() {} };
      const store = await openEtcdStore({ endpoints: ${JSON.stringify(etcd.url)}, log });
      const lease = await store.lease(4);
      await store.commit({ put: [{ key: 'alive/child', value: Buffer.from('1'), lease: lease.id }] });
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    t.teardown(() => child.kill('SIGKILL'));
    await until('the child is alive', () => recorder.lines.length === 1, LONG);
    const since = performance.now();
    await until('it has lived longer than its lease', () => performance.now() - since > 8000, LONG);
    t.same(recorder.lines, ['put alive/child'], 'the lease is kept while the process lives');
    child.kill('SIGKILL');
    const killed = performance.now();
    await until('its key goes', () => recorder.lines.includes('delete alive/child'), LONG);
    const ms = Math.round(performance.now() - killed);
    t.ok(ms < 10_000, `its key is gone after ${ms} ms`);
  });
}
