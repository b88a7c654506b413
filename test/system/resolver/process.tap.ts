import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { endResolver } from '../../../daemon/resolver/index.ts';
import { aName } from '../../support/a-name.ts';
import { poll } from '../../support/poll.ts';
import { ip, ResolverScene, type SceneSandbox } from './scene.ts';

/** Descriptors by which a process holds sockets of a sandbox. */
function socketsOf(pid: number, { namespace }: SceneSandbox): readonly string[] {
  const inodes = namespace.run("awk '{ print $10 }' /proc/net/udp /proc/net/tcp").split('\n');
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      const socket = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return socket !== undefined && inodes.includes(socket);
    } catch (error) {
      // Closed since the directory was read.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return false;
    }
  });
}

t.test('names of a sandbox over UDP and TCP', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(aName('e1', ['web', 'www'], { ipv4: ip('198.18.0.1'), ipv6: ip('fd00::1') }));
  scene.naming.putName(aName('e2', ['web'], { ipv4: ip('198.18.0.2') }));
  scene.naming.putName(aName('e3', ['hidden'], { network: 'other', ipv4: ip('198.18.1.1') }));
  const sandbox = await scene.sandbox();
  await using resolver = await scene.resolver({ ttl: 7 });
  t.equal(await resolver.ready(sandbox.key, 10_000), true, 'the redirect is in place');

  t.same(sandbox.dig('web', '+short').split('\n').sort(), ['198.18.0.1', '198.18.0.2']);
  t.equal(sandbox.dig('WWW', 'AAAA', '+short'), 'fd00::1');
  t.equal(sandbox.dig('+tcp', 'www', '+short'), '198.18.0.1', 'over TCP');
  t.equal(sandbox.dig('-x', '198.18.0.2', '+short'), 'web.net.');
  t.match(
    sandbox.dig('www', '+noall', '+answer'),
    /^www\.\s+7\s+IN\s+A\s+198\.18\.0\.1$/,
    'the TTL of the network',
  );
  t.match(sandbox.dig('hidden'), /status: SERVFAIL/, 'a network that the sandbox is not on');

  scene.naming.putName(aName('e4', ['late'], { ipv4: ip('198.18.0.4') }));
  await poll(() => sandbox.dig('late', '+short') === '198.18.0.4');
  scene.sandboxes.set(sandbox.key, ['net-id', 'other']);
  await poll(() => sandbox.dig('hidden', '+short') === '198.18.1.1');
});

t.test('the process may enter sandboxes and nothing else', async (t) => {
  await using scene = new ResolverScene();
  const sandbox = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(sandbox.key, 10_000);
  const pid = await scene.running();
  const threads = readdirSync(`/proc/${pid}/task`);
  t.ok(threads.length > 2);
  for (const thread of threads) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(status)?.[1];
    t.same(
      [field('CapEff'), field('CapPrm'), field('CapInh'), field('CapAmb')],
      Array(4).fill('0000000000200000'),
      'CAP_SYS_ADMIN alone',
    );
    t.same([field('NoNewPrivs'), field('Seccomp')], ['1', '2']);
  }
  t.not(
    readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[5],
    readFileSync('/proc/self/stat', 'utf8').split(' ')[5],
  );
});

t.test('a sandbox that appears later, goes, and comes again', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(aName('e1', ['web'], { ipv4: ip('198.18.0.1') }));
  const first = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(first.key, 10_000);
  const key = scene.nextKey();
  scene.sandboxes.set(key, ['net-id']);
  t.equal(await resolver.ready(key, 50), false, 'not there yet');
  const began = performance.now();
  const sandbox = await scene.namespaceAt(key);
  t.equal(await resolver.ready(key, 5000), true);
  t.comment(`ready ${Math.round(performance.now() - began)} ms after its namespace was begun`);
  t.equal(sandbox.dig('web', '+short'), '198.18.0.1');

  const pid = await scene.running();
  t.equal(socketsOf(pid, sandbox).length, 2, 'one of UDP and one of TCP');
  sandbox.unmount();
  await poll(() => socketsOf(pid, sandbox).length === 0);
  t.pass('its sockets are closed when its file is gone');
  scene.sandboxes.remove(key);
  const other = await scene.namespaceAt(key);
  scene.sandboxes.set(key, ['net-id']);
  t.equal(await resolver.ready(key, 5000), true);
  t.equal(other.dig('web', '+short'), '198.18.0.1');
});

t.test('what the process may not do, although it has CAP_SYS_ADMIN', async (t) => {
  const script = `
    const { spawnSync } = await import('node:child_process');
    const { inNamespace, refuseSystemCalls } = await import('${import.meta.dirname}/../../../kernel/libc/index.ts');
    const run = () => spawnSync('/bin/true').error?.code ?? 'ran';
    const before = run();
    refuseSystemCalls();
    process.stdout.write([before, run(), inNamespace('/proc/self/ns/net', () => 'entered')].join(' '));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.equal(said, 'ran EPERM entered');
});

t.test('cleanup', async (t) => {
  await using scene = new ResolverScene();
  const sandbox = await scene.sandbox();
  {
    await using resolver = await scene.resolver();
    await resolver.ready(sandbox.key, 10_000);
  }
  const tables = () => sandbox.namespace.run('nft list tables').trim();
  t.equal(tables(), 'table ip weft-dns', 'the redirect stays without weftd');
  const { pid } = scene;
  await endResolver({ runDir: scene.runDir, log: scene.log });
  t.equal(tables(), '');
  await poll(() => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z '));
  await endResolver({ runDir: scene.runDir, log: scene.log });
  t.pass('and there may be nothing to clean up');
});

/** Resolver processes of a run directory, whatever they do. */
function processesOf({ runDir }: ResolverScene): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(runDir);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

t.test('cleanup while processes begin', async (t) => {
  for (const ms of [0, 20, 60, 120]) {
    await using scene = new ResolverScene();
    {
      await using resolver = await scene.resolver();
      await poll(() => processesOf(scene).length > 0);
      // The first one, and then the one that is to stand by.
      if (ms > 0) await scene.serving(resolver, 0);
      await sleep(ms);
    }
    await endResolver({ runDir: scene.runDir, log: scene.log });
    // A lock is given back a moment before its process is gone.
    await poll(() => processesOf(scene).length === 0, 3000);
    t.pass(`none is left ${ms} ms after one was there`);
  }
});
