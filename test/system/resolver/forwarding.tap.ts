import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { aName } from '../../support/a-name.ts';
import { poll } from '../../support/poll.ts';
import { dnsmasq, dockerResolver, ip, ResolverScene, startFlood, startStream } from './scene.ts';

t.setTimeout(120_000);

const WEB = aName('e1', ['web'], { ipv4: ip('198.18.0.1') });

t.test('Docker’s resolver behind weft’s, and another one behind that', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  const { namespace } = sandbox;
  const many = Array.from({ length: 60 }, (_, i) => `--host-record=many.example,192.0.2.${i + 1}`);
  const docker = dockerResolver(sandbox, '--host-record=other.example,192.0.2.9', ...many);
  namespace.run('ip addr add 198.18.9.9/32 dev lo');
  using _far = dnsmasq(namespace, [
    '--listen-address=198.18.9.9',
    '--port=53',
    '--host-record=far.example,192.0.2.77',
    '--host-record=fresh.example,192.0.2.78',
  ]);
  await poll(() => sandbox.dig('other.example', '+short') === '192.0.2.9');
  await poll(
    () => namespace.run('dig +time=1 +short @198.18.9.9 far.example || true').trim() === '192.0.2.77',
  );
  await using resolver = await scene.resolver({ servers: [{ address: ip('198.18.9.9'), port: 53 }] });
  t.equal(await resolver.ready(sandbox.key, 10_000), true);

  t.equal(sandbox.dig('web', '+short'), '198.18.0.1', 'weft answers first');
  t.equal(sandbox.dig('other.example', '+short'), '192.0.2.9', 'Docker’s resolver knows the rest');
  t.equal(sandbox.dig('+tcp', 'other.example', '+short'), '192.0.2.9');
  t.equal(
    sandbox.dig('many.example', '+short').split('\n').length,
    60,
    'what does not fit goes over TCP, both ways',
  );
  t.match(sandbox.dig('+ignore', 'many.example'), /flags: qr[a-z ]* tc/, 'and is cut short over UDP');
  t.equal(sandbox.dig('far.example', '+short'), '192.0.2.77', 'a name that Docker’s resolver does not know');
  docker[Symbol.dispose]();
  t.equal(sandbox.dig('fresh.example', '+short'), '192.0.2.78', 'Docker’s resolver is gone');
  t.equal(sandbox.dig('other.example', '+short'), '192.0.2.9', 'what it said is remembered');
  await poll(() => resolver.status.queries.forwarded > 2, 15_000);
  t.pass('queries are counted');
});

t.test('a container with a DNS server of its own', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const sandbox = await scene.sandbox();
  const own = dnsmasq(sandbox.namespace, ['--port=53', '--host-record=own.example,192.0.2.5']);
  await poll(
    () => sandbox.namespace.run('dig +time=1 +short @127.0.0.1 own.example || true').trim() === '192.0.2.5',
  );
  await using resolver = await scene.resolver();
  t.equal(await resolver.ready(sandbox.key, 10_000), true);
  t.equal(sandbox.dig('web', '+short'), '198.18.0.1');
  t.equal(
    sandbox.namespace.run('dig +short @127.0.0.1 own.example').trim(),
    '192.0.2.5',
    'it is reached as before',
  );
  own[Symbol.dispose]();

  const later = await scene.sandbox();
  t.equal(await resolver.ready(later.key, 10_000), true);
  using _own = dnsmasq(later.namespace, ['--port=53', '--host-record=own.example,192.0.2.5']);
  await poll(
    () => later.namespace.run('dig +time=1 +short @127.0.0.1 own.example || true').trim() === '192.0.2.5',
  );
  t.equal(later.dig('web', '+short'), '198.18.0.1', 'port 53 is free for one that starts after weft');
});

t.test('a container throws its rules away', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const [one, two] = [await scene.sandbox(), await scene.sandbox()];
  await using resolver = await scene.resolver();
  for (const { key } of [one, two]) t.equal(await resolver.ready(key, 10_000), true);
  const tables = () => one.namespace.run('nft list table ip weft-dns 2>&1 || true');
  const made = tables();

  one.namespace.run('nft flush ruleset');
  resolver.disturbed(one.key);
  await poll(() => tables() === made);
  t.equal(one.dig('web', '+short'), '198.18.0.1', 'what balancing hears of is repaired at once');

  one.namespace.run('nft "add table ip own; add chain ip own c; flush chain ip weft-dns output"');
  await poll(() => scene.repairs.length > 1, 25_000);
  t.equal(tables(), made);
  t.equal(one.dig('web', '+short'), '198.18.0.1', 'and what nobody hears of within seconds');
  t.same(
    scene.repairs.map(({ kind, key, action }) => [kind, key, action]),
    [
      ['table', `table ip weft-dns in ${one.key}`, 'created'],
      ['table', `table ip weft-dns in ${one.key}`, 'replaced'],
    ],
  );
});

t.test('a flood in one sandbox beside another one', async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(WEB);
  const [quiet, loud] = [await scene.sandbox(), await scene.sandbox()];
  await using resolver = await scene.resolver();
  for (const { key } of [quiet, loud]) t.equal(await resolver.ready(key, 10_000), true);
  const alone = startStream(quiet, 100, 'web', '198.18.0.1');
  await sleep(2000);
  const before = await alone.end();
  const flood = startFlood(loud, 'nowhere.example');
  const beside = startStream(quiet, 100, 'web', '198.18.0.1');
  await sleep(3000);
  const after = await beside.end();
  flood[Symbol.dispose]();
  t.comment(`alone ${JSON.stringify(before)}`);
  t.comment(`beside a flood ${JSON.stringify(after)}`);
  await poll(() => (resolver.queriesOf(loud.key)?.limited ?? 0) > 10_000, 15_000);
  t.comment(`the flood ${JSON.stringify(resolver.queriesOf(loud.key))}`);
  t.same([after.wrong, after.failed], [0, 0]);
  t.equal(after.answered, after.asked);
});

t.test('questions under way when another program takes over', async (t) => {
  await using scene = new ResolverScene();
  const sandbox = await scene.sandbox();
  const { namespace } = sandbox;
  // Nobody listens at Docker's; the other one takes its time.
  namespace.run('ip addr add 198.18.9.9/32 dev lo');
  namespace.run('nft "add table ip slow; add chain ip slow i { type filter hook input priority 0; }"');
  namespace.run('nft add rule ip slow i ip daddr 198.18.9.9 udp dport 53 drop');
  using _far = dnsmasq(namespace, [
    '--listen-address=198.18.9.9',
    '--port=53',
    '--host-record=far.example,192.0.2.77',
  ]);
  const servers = [{ address: ip('198.18.9.9'), port: 53 }];
  const before = await scene.resolver({ build: 'one', servers });
  await before.ready(sandbox.key, 10_000);
  const first = await scene.serving(before, 1);
  await before[Symbol.asyncDispose]();
  await using resolver = await scene.resolver({ build: 'two', servers });
  const stream = startStream(sandbox, 50, 'far.example', '192.0.2.77');
  await scene.serving(resolver, 1, first);
  namespace.run('nft delete table ip slow');
  await poll(() => ![0, first].includes(scene.pid), 20_000);
  const result = await stream.end();
  t.comment(JSON.stringify(result));
  t.equal(result.wrong, 0);
});
