import t from 'tap';
import type { Ip } from '../../core/address.ts';
import { openNetAgent } from '../support/net-agent.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';
import { backendOf, openVipScene, serveAll, serviceOf, VipNamespace } from '../support/vip-scene.ts';

type Tally = Record<string, number>;

t.test('a host and what it forwards reach virtual IPs', { timeout: 60_000 }, async (t) => {
  await using scene = await openVipScene(2);
  const { backends, host, client } = scene;
  await serveAll(backends, { tcp: [8080], udp: [53] });
  // A client beyond the host, to which the backends have no route.
  using outside = await openScratchNamespace();
  host.run(`ip link set lo up
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    sysctl -qw net.ipv6.conf.net0.accept_dad=0
    ip addr add 198.18.0.1/16 dev net0; ip addr add fd00:a::1/64 dev net0
    ip link add lan type veth peer name eth0 netns ${outside.pid}
    sysctl -qw net.ipv6.conf.lan.accept_dad=0
    ip link set lan up; ip addr add 192.0.2.1/24 dev lan; ip addr add fd00:b::1/64 dev lan`);
  outside.run(`ip link set lo up
    sysctl -qw net.ipv6.conf.eth0.accept_dad=0
    ip link set eth0 up; ip addr add 192.0.2.2/24 dev eth0; ip addr add fd00:b::2/64 dev eth0
    ip route add default via 192.0.2.1; ip -6 route add default via fd00:b::1`);
  using outsider = openNetAgent(outside);
  using local = openNetAgent(host);
  await using vip = await VipNamespace.open(host);
  const service = serviceOf(1, {
    ports: [
      { protocol: 'tcp', port: 80, target: 8080 },
      { protocol: 'udp', port: 53, target: 53 },
    ],
  });
  await vip.set([{ service, backends: backends.map((each) => backendOf(each)) }], { place: 'host' });
  t.same(await vip.differences(), []);

  const places = [
    ['the host', local],
    ['a client beyond it', outsider],
  ] as const;
  for (const to of [service.vip4, service.vip6] as readonly Ip[]) {
    for (const [who, agent] of places) {
      const tcp = await agent.run<Tally>('tally', { host: to, port: 80, count: 100 });
      t.ok(Math.abs((tcp['b1'] ?? 0) - 50) <= 2 && Math.abs((tcp['b2'] ?? 0) - 50) <= 2, JSON.stringify(tcp));
      const udp = await agent.run<Tally>('udpTally', { host: to, port: 53, count: 20 });
      t.same(Object.keys(udp).sort(), ['b1', 'b2'], `${who} by UDP`);
      t.same(
        await agent.run('tally', { host: to, port: 81, count: 10 }),
        { ECONNREFUSED: 10 },
        `${who}, refused`,
      );
    }
    t.match(outside.run(`ping -c 2 -i 0.1 -W 1 ${to}`), '2 received');
  }

  await t.test('what is not for a virtual IP keeps its addresses', async (t) => {
    client.namespace.run('ip route add 192.0.2.0/24 via 198.18.0.1');
    await client.agent.run('serve', { name: 'client', tcp: [80] });
    const line = await outsider.run('hold', { id: 1, host: client.ipv4, port: 80 });
    t.equal(line, 'client 192.0.2.2', 'no masquerading');
  });

  await vip.set([]);
  t.equal(host.run('nft list ruleset'), '', 'nothing is left');
});
