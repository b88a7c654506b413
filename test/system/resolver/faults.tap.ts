import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { aName } from '../../support/listed-names.ts';
import { poll } from '../../support/poll.ts';
import { ip, ResolverScene, startStream } from './scene.ts';

t.setTimeout(120_000);

/** Queries a second. */
const RATE = 500;
const WEB = aName('e1', ['web'], { ipv4: ip('198.18.0.1') });

/** Ended, if not yet waited for by whoever started it. */
function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

t.test('the process is killed under queries', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.put(WEB);
  const sandbox = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(sandbox.key, 10_000);
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1');
  await sleep(1000);
  const first = await scene.serving(resolver, 1);
  process.kill(first, 'SIGKILL');
  const second = await scene.serving(resolver, 1, first);
  await sleep(500);
  process.kill(second, 'SIGKILL');
  await scene.serving(resolver, 1, second);
  await sleep(1000);
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.ok(result.asked > RATE);
  t.equal(result.wrong, 0, 'no wrong answer');
  t.equal(result.failed, 0, 'no query fails');
  t.equal(result.answered, result.asked);
  const { restarts, lastError } = resolver.status;
  t.equal(restarts, 2);
  t.equal(lastError, `process ${second} has ended: SIGKILL`);
});

t.test('the process is killed under queries of many sandboxes', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.put(WEB);
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
  scene.naming.put(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver();
  await before.ready(sandbox.key, 10_000);
  const journal = join(scene.stateDir, 'names.journal');
  await poll(() => existsSync(journal) && readFileSync(journal, 'utf8').includes(sandbox.key));
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

t.test('the process is killed while weftd is away', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.put(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver();
  await before.ready(sandbox.key, 10_000);
  const redirect = sandbox.namespace.run('nft list table ip weft-dns');
  await before[Symbol.asyncDispose]();
  const ports = join(scene.runDir, 'resolver/ports.json');
  await poll(() => existsSync(ports) && readFileSync(ports, 'utf8').includes(sandbox.key));
  process.kill(scene.pid, 'SIGKILL');
  await poll(() => sandbox.dig('web', '+short') !== '198.18.0.1');
  await using resolver = await scene.resolver();
  await scene.serving(resolver, 1);
  t.equal(sandbox.dig('web', '+short'), '198.18.0.1');
  t.equal(sandbox.namespace.run('nft list table ip weft-dns'), redirect, 'on the ports that it had');
});

t.test('weftd is away, and another one comes', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.put(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver();
  await before.ready(sandbox.key, 10_000);
  const first = await scene.serving(before, 1);
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1');
  await sleep(300);
  await before[Symbol.asyncDispose]();
  await sleep(1000);
  scene.naming.put(aName('e2', ['new'], { ipv4: ip('198.18.0.2') }));
  const later = await scene.sandbox();
  await using resolver = await scene.resolver();
  t.equal(await scene.serving(resolver, 2), first, 'the same process goes on');
  t.equal(await resolver.ready(later.key, 5000), true);
  t.equal(later.dig('new', '+short'), '198.18.0.2', 'and is told what is new');
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.same([result.wrong, result.failed, result.repeated], [0, 0, 0]);
});

t.test('another program takes over', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.put(WEB);
  const sandbox = await scene.sandbox();
  const before = await scene.resolver({ build: 'one' });
  await before.ready(sandbox.key, 10_000);
  const first = await scene.serving(before, 1);
  const stream = startStream(sandbox, RATE, 'web', '198.18.0.1');
  await sleep(300);
  await before[Symbol.asyncDispose]();
  await using resolver = await scene.resolver({ build: 'two' });
  const second = await scene.serving(resolver, 1, first);
  t.equal(resolver.status.process?.build, 'two');
  await poll(() => scene.pid === second, 20_000);
  await poll(() => resolver.status.process?.pid === second && isGone(first), 5000);
  t.pass('the first one has ended');
  await sleep(500);
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.same([result.wrong, result.failed, result.repeated], [0, 0, 0]);
});

t.test('no process can be kept alive', async (t) => {
  await using scene = new ResolverScene();
  const sandbox = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(sandbox.key, 10_000);
  const isRedirected = () => sandbox.namespace.run('nft list tables').includes('weft-dns');
  t.equal(isRedirected(), true);
  const deaths = setInterval(() => {
    const pid = resolver.status.process?.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }, 20);
  await poll(() => !isRedirected(), 30_000);
  t.pass('the sandbox asks Docker again');
  clearInterval(deaths);
  await poll(isRedirected, 30_000);
});
