import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Cidr, Ip } from '../../core/address.ts';
import type { IfName, Mac, SandboxKey } from '../../core/ids.ts';
import type { BridgeLink, KernelObject, MacvlanLink, VethLink } from '../../core/kernel-objects.ts';
import { linkName } from '../../core/names.ts';
import type { KernelHint, SandboxPlumbing } from '../../core/ports.ts';
import { LinkLayer } from '../../kernel/links/index.ts';
import { kernelIsAtLeast } from '../support/kernel-version.ts';
import { poll } from '../support/poll.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

const BRIDGE: BridgeLink = {
  kind: 'link',
  type: 'bridge',
  name: linkName('wb', 'n1'),
  alias: 'weft:n1',
  ipv6: true,
};
const VETH: VethLink = {
  kind: 'link',
  type: 'veth',
  name: linkName('wv', 'e1'),
  peerName: linkName('wc', 'e1'),
  peerMac: '02:00:00:00:00:02' as Mac,
  alias: 'weft:e1',
  master: BRIDGE.name,
  isolated: false,
  hairpin: false,
};
const GATEWAYS: KernelObject[] = [
  { kind: 'address', dev: BRIDGE.name, address: { ip: '198.18.0.1' as Ip, prefix: 24 } },
  { kind: 'address', dev: BRIDGE.name, address: { ip: 'fd00::1' as Ip, prefix: 64 } },
];

async function openLinks(scratch: ScratchNamespace): Promise<LinkLayer> {
  return LinkLayer.open({
    namespace: scratch.path,
    log: ({ message }) => {
      throw new Error(message);
    },
  });
}

const plumbing = (sandbox: ScratchNamespace, changes: Partial<SandboxPlumbing> = {}): SandboxPlumbing => ({
  namespace: sandbox.path as SandboxKey,
  link: VETH,
  defaultByDevice: [],
  prefix: 'eth',
  mac: '02:00:00:00:00:05' as Mac,
  addresses: [
    { ip: '198.18.0.5' as Ip, prefix: 24 },
    { ip: 'fd00::5' as Ip, prefix: 64 },
  ],
  gateway: '198.18.0.1' as Ip,
  gatewayIpv6: 'fd00::1' as Ip,
  ...changes,
});

t.test('a lost pair is made again into the sandbox, and packets pass', async (t) => {
  using host = await openScratchNamespace();
  using sandbox = await openScratchNamespace();
  await using links = await openLinks(host);
  await links.apply([BRIDGE, ...GATEWAYS].map((object) => ({ op: 'create', object })));
  sandbox.run('ip link add eth0 type veth peer name other');
  t.equal(await links.replumb(plumbing(sandbox)), true);
  const [eth] = JSON.parse(sandbox.run('ip -j addr show eth1'));
  t.match(eth, { address: '02:00:00:00:00:05' });
  t.match(JSON.parse(sandbox.run('ip -j route show default')), [{ gateway: '198.18.0.1', dev: 'eth1' }]);
  t.match(JSON.parse(sandbox.run('ip -j -6 route show default')), [{ gateway: 'fd00::1', dev: 'eth1' }]);
  t.match(JSON.parse(host.run(`ip -j -d link show ${VETH.name}`)), [
    { master: BRIDGE.name, ifalias: 'weft:e1' },
  ]);
  sandbox.run('ping -c1 -W2 198.18.0.1 && ping -6 -c1 -W2 fd00::1');
});

/** The MAC of a link on a LAN is the sandbox's; on the parent `lan0`. */
function lanLink(sandbox: ScratchNamespace): MacvlanLink {
  return {
    kind: 'link',
    type: 'macvlan',
    mode: 'bridge',
    name: linkName('wl', 'e1'),
    alias: 'weft:e1',
    parent: 'lan0' as IfName,
    mac: '02:00:00:00:00:05' as Mac,
    sandbox: sandbox.path as SandboxKey,
  };
}

t.test('a link on a LAN that was left half-made is made anew', async (t) => {
  using host = await openScratchNamespace();
  using sandbox = await openScratchNamespace();
  host.run('ip link add lan0 type veth peer name lan1; ip link set lan0 up; ip link set lan1 up');
  await using links = await openLinks(host);
  const link = lanLink(sandbox);
  host.run(`ip link add ${link.name} link lan0 netns ${sandbox.pid} type macvlan mode bridge`);
  t.equal(await links.replumb(plumbing(sandbox, { link })), true);
  const found = JSON.parse(sandbox.run('ip -j -d link show type macvlan'));
  t.match(found, [{ ifname: 'eth0', ifalias: 'weft:e1', address: '02:00:00:00:00:05' }]);
  t.equal(found.length, 1);
});

t.test(
  'the link of a container that has ended is deleted in its sandbox; one that lives keeps it',
  async (t) => {
    using host = await openScratchNamespace();
    using sandbox = await openScratchNamespace();
    host.run('ip link add lan0 type veth peer name lan1; ip link set lan0 up; ip link set lan1 up');
    await using links = await openLinks(host);
    const link = lanLink(sandbox);
    t.equal(await links.replumb(plumbing(sandbox, { link })), true);
    t.equal(await links.discardInside(link), false, 'a process lives there');
    t.match(sandbox.run('ip link show eth0'), 'state');
    // The namespace goes on without a process.
    const kept = `${await mkdtemp(join(tmpdir(), 'weft-netns-'))}/ns`;
    await writeFile(kept, '');
    execFileSync('mount', ['--bind', sandbox.path, kept]);
    sandbox[Symbol.dispose]();
    await poll(() => !existsSync(`/proc/${sandbox.pid}/ns/net`));
    try {
      // An older kernel does not rename what is up: Docker takes the link out of there.
      const isRenamed = kernelIsAtLeast(6, 2);
      t.equal(await links.discardInside({ ...link, sandbox: kept as SandboxKey }), isRenamed);
      if (!isRenamed) {
        execFileSync('nsenter', [`--net=${kept}`, 'ip', 'link', 'delete', 'eth0']);
      }
      await links.apply([{ op: 'create', object: { ...link, sandbox: kept as SandboxKey } }]);
      host.run(`ip link set ${link.name} up`);
      const inside = execFileSync('nsenter', [`--net=${kept}`, 'ip', '-o', 'link']).toString();
      t.notMatch(inside, 'macvlan|eth0|wl-', 'whoever makes the next one with this MAC has waited');
    } finally {
      execFileSync('umount', [kept]);
      await rm(join(kept, '..'), { recursive: true });
    }
  },
);

t.test('a gateway outside the subnets gets a route of its own first', async (t) => {
  using host = await openScratchNamespace();
  using sandbox = await openScratchNamespace();
  await using links = await openLinks(host);
  await links.apply([{ op: 'create', object: BRIDGE }]);
  const changes = { gateway: '192.0.2.1' as Ip, gatewayIpv6: 'fd00:2::1' as Ip };
  t.equal(await links.replumb(plumbing(sandbox, changes)), true);
  t.match(JSON.parse(sandbox.run('ip -j route show default')), [{ gateway: '192.0.2.1', dev: 'eth0' }]);
  t.match(JSON.parse(sandbox.run('ip -j -6 route show default')), [{ gateway: 'fd00:2::1', dev: 'eth0' }]);
});

t.test('a sandbox that is gone is no error', async (t) => {
  using host = await openScratchNamespace();
  await using links = await openLinks(host);
  const gone = { namespace: '/run/docker/netns/000000000000' as SandboxKey };
  t.equal(await links.replumb(plumbing(host, gone)), false);
  const unmounted = { namespace: '/etc/hostname' as SandboxKey };
  t.equal(await links.replumb(plumbing(host, unmounted)), false);
});

t.test('what fails inside the sandbox leaves no pair behind', async (t) => {
  using host = await openScratchNamespace();
  using sandbox = await openScratchNamespace();
  await using links = await openLinks(host);
  await links.apply([{ op: 'create', object: BRIDGE }]);
  const twice = { addresses: [{ ip: '198.18.0.5' as Ip, prefix: 33 }] };
  await t.rejects(links.replumb(plumbing(sandbox, twice)), {
    message: /^give eth0 198\.18\.0\.5\/33 in the sandbox: /,
  });
  t.same(
    JSON.parse(host.run('ip -j link')).map(({ ifname }: { ifname: string }) => ifname),
    ['lo', BRIDGE.name],
  );
});

t.test('changes made by others become hints that name the link', async (t) => {
  using host = await openScratchNamespace();
  await using links = await openLinks(host);
  await links.apply([{ op: 'create', object: BRIDGE }]);
  const hints: KernelHint[] = [];
  using _watch = links.watch((hint) => hints.push(hint));
  const told = (source: KernelHint['source'], dev: string) =>
    poll(() => hints.some((hint) => hint.source === source && hint.dev === dev));
  host.run(`ip addr add 198.18.0.1/24 dev ${BRIDGE.name}`);
  await told('address', BRIDGE.name);
  await told('route', BRIDGE.name);
  host.run(`ip neigh add 198.18.0.3 lladdr 02:00:00:00:00:03 dev ${BRIDGE.name}`);
  await told('neighbour', BRIDGE.name);
  host.run(`sysctl -qw net.ipv4.conf.${BRIDGE.name}.forwarding=1`);
  await poll(() => hints.some(({ source }) => source === 'netconf'));
  host.run(`ip link del ${BRIDGE.name}; ip link add ${BRIDGE.name} type bridge`);
  await told('link', BRIDGE.name);
  await poll(async () => {
    const [link] = JSON.parse(host.run(`ip -j link show ${BRIDGE.name}`));
    return (await links.indexOf(BRIDGE.name)) === link.ifindex;
  });
  t.notOk(hints.some(({ source }) => source === 'overrun'));
});

t.test('all links and all unicast routes are listed', async (t) => {
  using host = await openScratchNamespace();
  await using links = await openLinks(host);
  host.run(`
    ip link add lan0 mtu 1400 type bridge; ip link set lan0 alias mine; ip link set lan0 up
    ip addr add 198.18.0.2/24 dev lan0
    ip route add 198.18.5.0/24 via 198.18.0.1
    ip route add 198.18.6.0/24 via 198.18.0.1 table 1000
    ip route add 198.18.7.0/24 nexthop via 198.18.0.1 nexthop via 198.18.0.3
    ip route add blackhole 198.18.8.0/24
    ip -6 route add default dev lan0`);
  t.match(await links.links(), [
    { name: 'lo', type: '' },
    { name: 'lan0', type: 'bridge', mtu: 1400, alias: 'mine' },
  ]);
  const routes = await links.routes();
  const found = new Set(routes.map(({ destination, dev }) => `${destination} ${dev}`));
  for (const wanted of ['198.18.0.0/24', '198.18.5.0/24', '198.18.6.0/24', '198.18.7.0/24', '::/0']) {
    t.ok(found.has(`${wanted} lan0`), wanted);
  }
  t.notOk(routes.some(({ destination }) => destination === ('198.18.8.0/24' as Cidr)));
  t.notOk(routes.some(({ destination }) => destination === ('198.18.0.2/32' as Cidr)));
});

t.test('what a join asks of the kernel takes a few milliseconds', async (t) => {
  using host = await openScratchNamespace();
  await using links = await openLinks(host);
  await links.apply([BRIDGE, ...GATEWAYS].map((object) => ({ op: 'create', object })));
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const veth = { ...VETH, name: linkName('wv', `j${i}`), peerName: linkName('wc', `j${i}`) };
    const start = performance.now();
    await links.apply([{ op: 'create', object: veth }]);
    times.push(performance.now() - start);
    links.discardLinks([veth.name as IfName]);
    await links.discarded();
  }
  times.sort((a, b) => a - b);
  const median = times[25] ?? Number.NaN;
  t.comment(`one veth pair, one apply: median ${median.toFixed(2)} ms, fastest ${times[0]?.toFixed(2)} ms`);
  t.ok(median < 50);
});
