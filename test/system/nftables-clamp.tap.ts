import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import type { TableObject } from '../../core/kernel-objects.ts';
import type { NftExpr, NftFamily, NftTable } from '../../core/nft.ts';
import { Nftables, tableObject } from '../../kernel/nftables/index.ts';
import { poll } from '../support/poll.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

const SIZE = { option: 2, offset: 2, len: 2 } as const;

const OPENING: readonly NftExpr[] = [
  { expr: 'meta', key: 'l4proto', dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(6) },
  { expr: 'payload', base: 'transport', offset: 13, len: 1, dreg: 0 },
  { expr: 'bitwise', sreg: 0, dreg: 0, mask: Uint8Array.of(6), xor: Uint8Array.of(0) },
  { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(2) },
  { expr: 'counter' },
];

const TO_ROUTE: readonly NftExpr[] = [
  { expr: 'rt', key: 'tcpmss', dreg: 0 },
  { expr: 'byteorder', op: 'hton', sreg: 0, dreg: 0, len: 2, size: 2 },
  { expr: 'tcp-option-set', ...SIZE, sreg: 0 },
];

function toConstant(size: number): readonly NftExpr[] {
  return [
    { expr: 'immediate', dreg: 0, data: Uint8Array.of(size >> 8, size & 0xff) },
    { expr: 'tcp-option-set', ...SIZE, sreg: 0 },
  ];
}

function tableOf(family: NftFamily, exprs: readonly NftExpr[]): TableObject {
  const table: NftTable = {
    family,
    name: 'weft',
    sets: [],
    chains: [
      {
        name: 'clamp',
        base: { type: 'filter', hook: 'forward', priority: -150, policy: 'accept' },
        rules: [{ comment: 'smaller segments', exprs: [...OPENING, ...exprs] }],
      },
    ],
  };
  return tableObject(table);
}

const HOSTS = { client: ['198.18.0.2', 'fd00:a::2'], server: ['198.18.1.2', 'fd00:b::2'] } as const;

/** client — middle — server; the middle routes, or is one bridge. */
async function openPath(kind: 'routed' | 'bridged') {
  await using stack = new AsyncDisposableStack();
  const [client, middle, server] = await Promise.all(
    [1, 2, 3].map(async () => stack.use(await openScratchNamespace())),
  );
  if (client === undefined || middle === undefined || server === undefined) throw new Error('no namespaces');
  for (const each of [client, middle, server]) {
    each.run('sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0');
  }
  middle.run(`ip link add out type veth peer name eth0 netns ${client.pid}
    ip link add in type veth peer name eth0 netns ${server.pid}
    ${kind === 'bridged' ? 'ip link add b0 type bridge; ip link set b0 up; ip link set out master b0; ip link set in master b0' : ''}
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip link set out up; ip link set in up`);
  const width = kind === 'bridged' ? ['/15', '/16'] : ['/24', '/64'];
  for (const [host, addresses] of [
    [client, HOSTS.client],
    [server, HOSTS.server],
  ] as const) {
    host.run(`sysctl -qw net.ipv4.tcp_timestamps=0; ip link set lo up; ip link set eth0 up
      ip addr add ${addresses[0]}${width[0]} dev eth0; ip addr add ${addresses[1]}${width[1]} dev eth0 nodad`);
  }
  if (kind === 'routed') {
    middle.run(`ip addr add 198.18.0.1/24 dev out; ip addr add fd00:a::1/64 dev out nodad
      ip addr add 198.18.1.1/24 dev in; ip addr add fd00:b::1/64 dev in nodad; ip link set in mtu 1400`);
    client.run('ip route add default via 198.18.0.1; ip route add default via fd00:a::1');
    server.run('ip route add default via 198.18.1.1; ip route add default via fd00:b::1');
  }
  const nft = stack.use(await Nftables.open({ namespace: middle.path, tables: ['weft'] }));
  stack.use(await serving(server));
  const owned = stack.move();
  return { client, middle, server, nft, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

async function serving(server: ScratchNamespace): Promise<Disposable> {
  const listen = 'tcp6-listen:80,ipv6only=0,fork,reuseaddr';
  const child = spawn('nsenter', [`--net=${server.path}`, 'socat', listen, 'system:cat']);
  await poll(() => server.run('ss -Htln').includes(':80 '));
  return { [Symbol.dispose]: () => child.kill() };
}

/** Largest segment that the client sends to the server, as the handshake left it. */
async function segment(client: ScratchNamespace, server: string): Promise<number> {
  const host = server.includes(':') ? `[${server}]` : server;
  const child = spawn('nsenter', [`--net=${client.path}`, 'socat', '-', `tcp:${host}:80`]);
  try {
    const shown = () => client.run(`ss -Htin state established dst ${host} dport = :80`);
    return Number(await poll(() => /\bmss:(\d+)/.exec(shown())?.[1]));
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}

/** Those of IPv4 and IPv6. */
async function segments(client: ScratchNamespace): Promise<readonly number[]> {
  const [four, six] = HOSTS.server;
  return [await segment(client, four), await segment(client, six)];
}

function counted(middle: ScratchNamespace, family: NftFamily): number {
  return Number(/counter packets (\d+)/.exec(middle.run(`nft list chain ${family} weft clamp`))?.[1]);
}

t.test('segments are made to fit the route, of both families', async (t) => {
  await using path = await openPath('routed');
  t.same(await segments(path.client), [1460, 1440], 'without');
  const tables = (['ip', 'ip6'] as const).map((family) => tableOf(family, TO_ROUTE));
  await path.nft.apply(tables.map((object) => ({ op: 'create', object })));
  t.same(await segments(path.client), [1360, 1340], 'with');
  t.same(
    [counted(path.middle, 'ip'), counted(path.middle, 'ip6')],
    [2, 2],
    'the opening packet of each side',
  );
  t.match(path.middle.run('nft list ruleset'), /tcp option maxseg size set rt mtu/);
});

t.test('segments are made no larger than a number, and never larger than they were', async (t) => {
  await using path = await openPath('routed');
  const clamp = (size: number): Promise<void> =>
    path.nft.apply(
      (['ip', 'ip6'] as const).map((family) => ({ op: 'create', object: tableOf(family, toConstant(size)) })),
    );
  await clamp(1000);
  t.same(await segments(path.client), [1000, 1000]);
  await clamp(1450);
  t.same(await segments(path.client), [1450, 1440]);
});

t.test('a table of family bridge does so with frames between ports', async (t) => {
  await using path = await openPath('bridged');
  t.same(await segments(path.client), [1460, 1440], 'without');
  const object = tableOf('bridge', toConstant(1300));
  await path.nft.apply([{ op: 'create', object }]);
  t.same(await segments(path.client), [1300, 1300], 'with');
  t.equal(counted(path.middle, 'bridge'), 4);
  const [found] = await path.nft.snapshot();
  t.match(found, { kind: 'table', family: 'bridge', fingerprint: object.fingerprint });
  await path.nft.cleanup();
  t.equal(path.middle.run('nft list ruleset'), '');
});

t.test('a bridge has no route to fit', async (t) => {
  await using path = await openPath('bridged');
  await t.rejects(
    path.nft.apply([{ op: 'create', object: tableOf('bridge', TO_ROUTE) }]),
    /create rule "smaller segments".*EOPNOTSUPP/,
  );
  t.equal(path.middle.run('nft list ruleset'), '');
});
