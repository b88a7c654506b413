import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { NftFamily } from '../../core/nft.ts';
import type { Step } from '../../core/ports.ts';
import { exampleTable } from '../../kernel/nftables/example-table.ts';
import { Nftables, tableObject } from '../../kernel/nftables/index.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

/** Addresses by family: client and router on one link, router and server on another. */
const PLANS = {
  ip: {
    client: '198.18.0.2',
    outside: '198.18.0.1',
    inside: '198.18.1.1',
    server: '198.18.1.2',
    net: '198.18.1.0/24',
    bits: 24,
  },
  ip6: {
    client: 'fd00:a::2',
    outside: 'fd00:a::1',
    inside: 'fd00:b::1',
    server: 'fd00:b::2',
    net: 'fd00:b::/64',
    bits: 64,
  },
} as const;

/** client — router — server, where the server has no route back but by its router. */
function join(client: ScratchNamespace, router: ScratchNamespace, server: ScratchNamespace): void {
  router.run(`
    ip link set lo up
    ip link add out type veth peer name eth0 netns ${client.pid}
    ip link add wb-in type veth peer name eth0 netns ${server.pid}
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`);
  for (const [namespace, links] of [
    [router, ['out', 'wb-in']],
    [client, ['eth0']],
    [server, ['eth0']],
  ] as const) {
    for (const link of links) {
      namespace.run(
        `sysctl -qw net.ipv6.conf.${link}.accept_dad=0; ip link set ${link} up; ip link set lo up`,
      );
    }
  }
  for (const { client: c, outside, inside, server: s, bits } of Object.values(PLANS)) {
    router.run(`ip addr add ${outside}/${bits} dev out; ip addr add ${inside}/${bits} dev wb-in`);
    client.run(`ip addr add ${c}/${bits} dev eth0; ip route add default via ${outside}`);
    server.run(`ip addr add ${s}/${bits} dev eth0; ip route add default via ${inside}`);
  }
}

/** A server that answers each connection with the address of its client. */
async function serve(namespace: ScratchNamespace, port: number): Promise<ChildProcess> {
  const listen = `tcp6-listen:${port},ipv6only=0,fork,reuseaddr`;
  const child = spawn('nsenter', [
    `--net=${namespace.path}`,
    'socat',
    listen,
    'system:"echo from $SOCAT_PEERADDR"',
  ]);
  const deadline = performance.now() + 5000;
  while (!namespace.run('ss -Htln').includes(`:${port} `)) {
    if (performance.now() > deadline) throw new Error('the server does not listen');
    await sleep(10);
  }
  return child;
}

/** What the server says to a connection, or an empty text when there is none within a second. */
function ask(namespace: ScratchNamespace, address: string, port: number): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return namespace.run(`socat -u -T1 tcp:${host}:${port},connect-timeout=1 - 2>/dev/null || true`).trim();
}

function element(
  family: NftFamily,
  set: string,
  key: readonly string[],
  data?: readonly string[],
): ElementObject {
  return { kind: 'element', family, table: 'weft', set, key, ...(data && { data }) };
}

const step = (op: 'create' | 'delete', ...objects: readonly ElementObject[]): readonly Step[] =>
  objects.map((object) => ({ op, object }));

t.test('packets go where the maps say', async (t) => {
  using client = await openScratchNamespace();
  using router = await openScratchNamespace();
  using server = await openScratchNamespace();
  join(client, router, server);
  const web = await serve(server, 8080);
  t.teardown(() => web.kill());
  await using nft = await Nftables.open({ namespace: router.path, tables: ['weft'] });

  for (const family of ['ip', 'ip6'] as const) {
    const plan = PLANS[family];
    await nft.apply([{ op: 'create', object: tableObject(exampleTable(family)) }]);
    t.equal(ask(client, plan.outside, 80), '', `${family}: nothing is published yet`);
    const one = element(family, 'ports_addr', ['tcp', plan.outside, '80'], [plan.server, '8080']);
    await nft.apply(step('create', one));
    const direct = ask(client, plan.server, 8080);
    t.match(direct, /^from /);
    t.equal(ask(client, plan.outside, 80), direct, `${family}: published on one address, source kept`);
    t.equal(ask(client, plan.outside, 81), '', `${family}: no other port`);
    t.equal(ask(router, plan.outside, 80).slice(0, 5), 'from ', `${family}: from the router itself too`);
    t.equal(ask(client, plan.inside, 80), '', `${family}: no other address`);

    const any = element(family, 'ports_any', ['tcp', '88'], [plan.server, '8080']);
    await nft.apply(step('create', any));
    t.equal(ask(client, plan.inside, 88), direct, `${family}: published on any local address`);
    t.equal(ask(client, plan.outside, 88), direct, `${family}: on both`);

    await nft.apply(step('create', element(family, 'sources', ['wb-in'], [plan.inside])));
    const translated = ask(client, plan.outside, 80);
    t.not(translated, direct, `${family}: the source is translated by the link it leaves through`);
    t.equal(translated, ask(router, plan.server, 8080));
    await nft.apply(step('delete', element(family, 'sources', ['wb-in'])));

    const net = family === 'ip' ? '198.18.0.0/24' : 'fd00:a::/64';
    await nft.apply(step('create', element(family, 'subnets', [net])));
    t.equal(ask(client, plan.outside, 80), translated, `${family}: a subnet is masqueraded`);
    await nft.apply(step('create', element(family, 'subnets', [plan.net])));
    t.equal(ask(client, plan.outside, 80), direct, `${family}: but not towards another`);
    await nft.apply(
      step('delete', element(family, 'subnets', [net]), element(family, 'subnets', [plan.net])),
    );

    await nft.apply(step('create', element(family, 'rulings', ['out'], ['jump isolate'])));
    t.equal(ask(client, plan.server, 8080), '', `${family}: a link is ruled out`);
    t.equal(ask(client, plan.outside, 80), direct, `${family}: translated packets come before that`);
    await nft.apply(step('create', element(family, 'pairs', ['out', 'wb-in'])));
    t.equal(ask(client, plan.server, 8080), direct, `${family}: a pair of links is let through`);
    await nft.apply(
      step('delete', element(family, 'rulings', ['out']), element(family, 'pairs', ['out', 'wb-in'])),
    );

    await nft.apply([
      ...step('delete', any),
      { op: 'replace', was: one, object: { ...one, data: [plan.server, '9'] } },
    ]);
    t.equal(ask(client, plan.outside, 80), '', `${family}: the port leads elsewhere now`);
    t.equal(ask(client, plan.inside, 88), '', `${family}: the other is not published any more`);
  }
});
