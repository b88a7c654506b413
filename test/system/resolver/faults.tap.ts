import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { aName } from '../../support/a-name.ts';
import { AGAIN_SOON_MS } from '../../support/dns-stream.ts';
import { poll } from '../../support/poll.ts';
import { dockerResolver, ip, isGone, ResolverScene, type SceneSandbox, startStream } from './scene.ts';

t.setTimeout(120_000);

/** Queries a second. */
const RATE = 500;
/** Longest wait where another process stands by (issue 3). */
const RETRIES_MS = 200;
const WEB = aName('e1', ['web'], { ipv4: ip('198.18.0.1') });

function socketsOf(pid: number): readonly string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  return links.filter((link) => link.startsWith('socket:'));
}

/** Empty where it has been closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Waits until a file tells of the sandbox. */
async function written({ key }: SceneSandbox, path: string): Promise<void> {
  await poll(() => existsSync(path) && readFileSync(path, 'utf8').includes(key));
}

t.test('the process is killed under queries', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(sandbox.key, 10_000);
  const redirect = sandbox.namespace.run('nft list table ip weft-dns');
  let standby = await scene.standby();
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1', AGAIN_SOON_MS);
  await sleep(500);
  let last = 0;
  for (let n = 0; n < 3; n++) {
    last = await scene.running();
    process.kill(last, 'SIGKILL');
    t.equal(await scene.serving(resolver, 1, last), standby, 'the one that stood by serves');
    standby = await scene.standby(standby);
  }
  await sleep(500);
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.ok(result.asked > RATE);
  t.equal(result.wrong, 0, 'no wrong answer');
  t.equal(result.failed, 0, 'no query fails');
  t.equal(result.answered, result.asked);
  const { restarts, lastError } = resolver.status;
  t.ok(result.longest < RETRIES_MS, `the longest wait was ${result.longest.toFixed(0)} ms`);
  t.equal(sandbox.namespace.run('nft list table ip weft-dns'), redirect, 'no rule has changed');
  t.equal(restarts, 3);
  t.equal(lastError, `process ${last} has ended: SIGKILL`);
});

t.test('the process is killed under queries of many sandboxes', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandboxes = await Promise.all(Array.from({ length: 40 }, () => scene.sandbox()));
  await using resolver = await scene.resolver();
  for (const { key } of sandboxes) await resolver.ready(key, 10_000);
  const first = await scene.serving(resolver, sandboxes.length);
  // Those served last, were it not that queries wait there.
  const streams = sandboxes.slice(-3).map((sandbox) => startStream(sandbox, 50, 'web', '198.18.0.1'));
  await sleep(1000);
  process.kill(first, 'SIGKILL');
  await scene.serving(resolver, sandboxes.length, first);
  await sleep(500);
  for (const stream of streams) {
    const result = await stream.end();
    t.comment(JSON.stringify(result));
    t.same([result.wrong, result.failed, result.asked - result.answered], [0, 0, 0]);
  }
});

t.test('the process that stands by', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const early = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(early.key, 10_000);
  const first = await scene.standby();
  process.kill(first, 'SIGKILL');
  const second = await scene.standby(first);
  await poll(() => resolver.status.restarts === 1);
  t.equal(resolver.status.lastError, `process ${first} has ended: SIGKILL`);
  t.pass('is started again when it is killed');

  await scene.serving(resolver, 1);
  // Of its own it has the channel, and connections to weftd and to the process that serves.
  const handed = () => socketsOf(second).length - 3;
  await poll(() => handed() === 2);
  const late = await scene.sandbox();
  await resolver.ready(late.key, 5000);
  const gone = await scene.sandbox();
  await resolver.ready(gone.key, 5000);
  await poll(() => handed() === 6);
  scene.sandboxes.remove(gone.key);
  await scene.serving(resolver, 2);
  gone.unmount();
  await poll(() => handed() === 4);
  t.pass('holds the sockets of later sandboxes, and none of one that is gone');
  const serving = await scene.running();
  process.kill(serving, 'SIGKILL');
  t.equal(await scene.serving(resolver, 2, serving), second);
  for (const sandbox of [early, late]) t.equal(sandbox.dig('web', '+short'), '198.18.0.1');
});

t.test('both processes are killed at once, and while one takes over', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(sandbox.key, 10_000);
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1');
  for (const ms of [0, 10, 20, 40]) {
    const [standby, pid] = [await scene.standby(), await scene.running()];
    process.kill(pid, 'SIGKILL');
    await sleep(ms);
    process.kill(standby, 'SIGKILL');
    await poll(() => ![0, pid, standby].includes(scene.pid), 20_000);
    await scene.serving(resolver, 1, standby);
    await scene.standby(standby);
  }
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.same([result.wrong, result.failed], [0, 0]);
});

t.test('the process is killed while weftd is away', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver();
  await before.ready(sandbox.key, 10_000);
  const [pid, standby] = [await scene.serving(before, 1), await scene.standby()];
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1', AGAIN_SOON_MS);
  await sleep(300);
  await before[Symbol.asyncDispose]();
  process.kill(pid, 'SIGKILL');
  await poll(() => scene.pid === standby);
  await sleep(300);
  await using resolver = await scene.resolver();
  t.equal(await scene.serving(resolver, 1), standby, 'the one that stood by serves');
  const next = await scene.standby(standby);
  process.kill(standby, 'SIGKILL');
  t.equal(await scene.serving(resolver, 1, standby), next, 'and another one stands by');
  await poll(() => resolver.status.restarts === 1);
  t.equal(resolver.status.lastError, `process ${standby} has ended: it is gone`);
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.same([result.wrong, result.failed], [0, 0]);
  t.ok(result.longest < RETRIES_MS, `the longest wait was ${result.longest.toFixed(0)} ms`);
});

t.test('weftd is busy when a process ends that it has not started', async (t) => {
  for (let n = 0; n < 3; n++) {
    await using scene = new ResolverScene();
    const sandbox = await scene.sandbox();
    const before = await scene.resolver({ standby: false });
    await before.ready(sandbox.key, 10_000);
    await before[Symbol.asyncDispose]();
    await using resolver = await scene.resolver();
    const pid = await scene.serving(resolver, 1);
    const standby = await scene.standby();
    await poll(() => socketsOf(standby).length === 5);
    process.kill(pid, 'SIGKILL');
    // It hears of the end and of who has taken over at once.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    t.equal(await scene.serving(resolver, 1, pid), standby, 'the one that stood by serves');
    await poll(() => resolver.status.restarts > 0);
    await scene.standby(standby);
    const { restarts, lastError } = resolver.status;
    t.same({ restarts, lastError }, { restarts: 1, lastError: `process ${pid} has ended: it is gone` });
  }
});

t.test('the process crashes by itself', async (t) => {
  await using scene = new ResolverScene();
  const sandbox = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(sandbox.key, 10_000);
  const first = await scene.serving(resolver, 1);
  process.kill(first, 'SIGABRT');
  await scene.serving(resolver, 1, first);
  t.match(resolver.status.lastError, /^process \d+ has ended: SIGABRT/);
});

t.test('names on disk while weftd says nothing', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver({ standby: false });
  await before.ready(sandbox.key, 10_000);
  // Both are written a moment after queries are answered.
  await written(sandbox, join(scene.stateDir, 'names.journal'));
  await written(sandbox, join(scene.runDir, 'resolver/ports.json'));
  const { pid } = scene;
  await before[Symbol.asyncDispose]();
  process.kill(pid, 'SIGKILL');
  await poll(() => isGone(pid));
  const program = join(import.meta.dirname, '../../../discovery/main.ts');
  const { runDir, stateDir } = scene;
  const settings = ['--run-dir', runDir, '--state-dir', stateDir, '--build', 'alone'];
  const alone = spawn(process.execPath, [program, ...settings], { stdio: 'inherit' });
  await poll(() => sandbox.dig('web', '+short') === '198.18.0.1', 10_000);
  t.pass('what was known is answered, on the ports that the redirect leads to');
  alone.kill('SIGTERM');
  await once(alone, 'exit');
});

t.test('the process is killed while weftd is away, and none stands by', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver({ standby: false });
  await before.ready(sandbox.key, 10_000);
  const redirect = sandbox.namespace.run('nft list table ip weft-dns');
  await before[Symbol.asyncDispose]();
  await written(sandbox, join(scene.runDir, 'resolver/ports.json'));
  process.kill(await scene.running(), 'SIGKILL');
  await poll(() => sandbox.dig('web', '+short') !== '198.18.0.1');
  await using resolver = await scene.resolver();
  await scene.serving(resolver, 1);
  t.equal(sandbox.dig('web', '+short'), '198.18.0.1');
  t.equal(sandbox.namespace.run('nft list table ip weft-dns'), redirect, 'on the ports that it had');
});

t.test('weftd is away, and another one comes', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver();
  await before.ready(sandbox.key, 10_000);
  const first = await scene.serving(before, 1);
  const firstStandby = await scene.standby();
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1');
  await sleep(300);
  await before[Symbol.asyncDispose]();
  await sleep(1000);
  scene.naming.putName(aName('e2', ['new'], { ipv4: ip('198.18.0.2') }));
  const later = await scene.sandbox();
  await using resolver = await scene.resolver();
  t.equal(await scene.serving(resolver, 2), first, 'the same process goes on');
  t.equal(await resolver.ready(later.key, 5000), true);
  t.equal(later.dig('new', '+short'), '198.18.0.2', 'and is told what is new');
  await scene.standby(firstStandby);
  t.equal(isGone(firstStandby), true, 'who stands by can be sent the sockets of later sandboxes');
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.same([result.wrong, result.failed, result.repeated], [0, 0, 0]);
});

t.test('another program takes over', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver({ build: 'one' });
  await before.ready(sandbox.key, 10_000);
  const first = await scene.serving(before, 1);
  const firstStandby = await scene.standby();
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1');
  await sleep(300);
  await before[Symbol.asyncDispose]();
  await using resolver = await scene.resolver({ build: 'two' });
  const second = await scene.serving(resolver, 1, first);
  t.equal(resolver.status.process?.build, 'two');
  await poll(() => scene.pid === second, 20_000);
  await poll(() => resolver.status.process?.pid === second && isGone(first), 5000);
  await poll(() => isGone(firstStandby), 5000);
  t.pass('the first one has ended, and who stood by for it');
  await scene.standby(firstStandby);
  t.pass('another one stands by');
  await sleep(500);
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.same([result.wrong, result.failed, result.repeated], [0, 0, 0]);
});

t.test('no process can be kept alive', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  using _docker = dockerResolver(sandbox, '--host-record=web,192.0.2.9');
  // As a program that keeps its socket.
  const ask = () => sandbox.dig('-b', '127.0.0.1#20000', 'web', '+short');
  await poll(() => ask() === '192.0.2.9');
  await using resolver = await scene.resolver();
  await resolver.ready(sandbox.key, 10_000);
  const isRedirected = () => sandbox.namespace.run('nft list tables').includes('weft-dns');
  t.equal(isRedirected(), true);
  const deaths = setInterval(() => {
    const pid = resolver.status.process?.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }, 20);
  await poll(() => !isRedirected(), 30_000);
  await poll(() => ask() === '192.0.2.9');
  t.pass('the sandbox asks Docker again');
  clearInterval(deaths);
  await poll(isRedirected, 30_000);
  await poll(() => ask() === '198.18.0.1');
  t.pass('and weft again when there is a process');
});
