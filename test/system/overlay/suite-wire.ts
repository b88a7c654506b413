import type { Test } from 'tap';
import { type ClusterNode, type LabProcess, until } from '../../lab/index.ts';
import { reaches } from '../bridge/probe.ts';
import { tunnels } from './kernel-entries.ts';
import type { OverlayScene, Placed } from './overlay-scene.ts';
import { allReachAll } from './suite-reachability.ts';

const VXLAN_PORT = 4789;
const GROUP = '239.1.2.3';
const GROUP_PORT = 9999;
/**
 * Questions for addresses inside tunnels. The inner EtherType comes after UDP 8, VXLAN 8 and two MAC addresses; the
 * inner ICMPv6 type after the whole frame header and 40 of IPv6. `udp[…]` of tcpdump knows no IPv6.
 */
const INNER_QUESTIONS = [
  'udp[28:2] = 0x0806',
  '(udp[28:2] = 0x86dd and udp[36] = 58 and udp[70] = 135)',
  'ip6[68:2] = 0x0806',
  '(ip6[68:2] = 0x86dd and ip6[76] = 58 and ip6[110] = 135)',
].join(' or ');
const QUESTIONS = `udp dst port ${VXLAN_PORT} and (${INNER_QUESTIONS})`;

/** A capture on the LAN's bridge, which sees what hosts send each other. */
async function capture(scene: OverlayScene, filter: string): Promise<LabProcess> {
  const argv = ['tcpdump', '-i', 'any', '-nn', '-l', '--immediate-mode', filter];
  const dump = await scene.cluster.underlay.spawn(argv);
  await dump.line('listening', (line) => line.includes('listening on'));
  return dump;
}

async function stopped(dump: LabProcess): Promise<number> {
  await dump.stop('SIGINT');
  return Number(/^(\d+) packets captured/m.exec(dump.lines.join('\n'))?.[1]);
}

async function answersLocally(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  const { base4 } = await scene.dualNetwork('quiet');
  const near = await scene.server(one, 'quiet');
  const far = await scene.server(two, 'quiet');
  const [questions, tunnelled] = await Promise.all([
    capture(scene, QUESTIONS),
    capture(scene, `udp dst port ${VXLAN_PORT}`),
  ]);
  await near.container.netExec(['ip', 'neigh', 'flush', 'dev', 'eth0']);
  await reaches(t, near.container, { ip: far.ip, name: far.name }, 'the other host’s container is found');
  await reaches(t, near.container, { ip: far.ip6, name: far.name }, 'by its IPv6 address, too');
  t.ok((await stopped(tunnelled)) > 4, 'the conversation itself was seen on the LAN');
  t.equal(await stopped(questions), 0, 'the question for its address was not');
  const nobody = await capture(scene, `udp dst port ${VXLAN_PORT}`);
  const { code } = await near.container.tryNetExec(['ping', '-nc2', '-i0.2', '-W1', `${base4}.199`]);
  t.not(code, 0, 'an address nobody has does not answer');
  t.equal(await stopped(nobody), 0, 'and is asked for nowhere else');
}

/** A container's datagram to a group, and who got it. */
async function groupDelivery(servers: readonly Placed[]): Promise<readonly string[]> {
  const [sender, ...others] = servers;
  if (sender === undefined) throw new Error('nobody to send');
  const join = `UDP4-RECVFROM:${GROUP_PORT},ip-add-membership=${GROUP}:eth0,reuseaddr`;
  const listeners = await Promise.all(
    others.map(async ({ container, node }) => {
      const listener = await container.netSpawn(['socat', '-u', join, 'STDOUT']);
      await until('it listens', () =>
        container.netExec(['ss', '-Hlnu', `sport = :${GROUP_PORT}`]).then(Boolean),
      );
      return { node, listener };
    }),
  );
  const send = `UDP4-DATAGRAM:${GROUP}:${GROUP_PORT},ip-multicast-if=${sender.ip},ip-multicast-ttl=4`;
  const heard = () => listeners.filter(({ listener }) => listener.lines.includes('hello'));
  await until(
    'all have heard',
    async () => {
      await sender.container.netExec(['sh', '-c', `echo hello | socat -u - ${send}`]);
      return heard().length === listeners.length;
    },
    { timeoutMs: 3000, intervalMs: 200 },
  ).catch(() => undefined);
  for (const { listener } of listeners) await listener.kill9();
  return heard().map(({ node }) => node.name);
}

async function multicast(t: Test, scene: OverlayScene): Promise<void> {
  const [, two, three] = scene.three;
  await scene.dualNetwork('groups', { options: { 'weft.multicast': 'true' } });
  await scene.dualNetwork('plain');
  const groups = await scene.serverOnEach('groups');
  t.same(await groupDelivery(groups), [two.name, three.name], 'with the option every host hears a group');
  const plain = await scene.serverOnEach('plain');
  t.same(await groupDelivery(plain), [], 'without it none does');
}

async function strangersAreDropped(t: Test, scene: OverlayScene): Promise<void> {
  const [one] = scene.three;
  const { base4 } = await scene.dualNetwork('guarded', {
    options: { 'com.docker.network.driver.overlay.vxlanid_list': '7321' },
  });
  const target = await scene.server(one, 'guarded', { name: 'target' });
  const vnis = [...(await tunnels(one)).values()].map(({ vni }) => vni);
  t.ok(vnis.includes(7321), 'the VNI asked for is used');
  const { lan } = scene.cluster;
  const vtep = scene.cluster.nodes[0]?.address ?? '';
  const own = vtep.includes(':') ? lan.ip6 : lan.ip;
  const vxlan = ['type', 'vxlan', 'id', '7321', 'local', own, 'remote', vtep, 'dstport', `${VXLAN_PORT}`];
  await lan.exec(['ip', 'link', 'add', 'forged', ...vxlan]);
  await lan.exec(['ip', 'addr', 'add', `${base4}.250/24`, 'dev', 'forged']);
  await lan.exec(['ip', 'link', 'set', 'forged', 'up']);
  await lan.exec(['ip', 'neigh', 'add', target.ip, 'lladdr', target.mac, 'dev', 'forged']);
  const received = await target.container.netSpawn([
    'tcpdump',
    '-i',
    'eth0',
    '-nn',
    '-l',
    `src host ${base4}.250`,
  ]);
  await received.line('listening', (line) => line.includes('listening on'));
  const before = await dropped(one);
  await lan.tryExec(['ping', '-nc5', '-i0.1', '-W1', target.ip]);
  t.ok((await dropped(one)) - before >= 5, 'frames of a machine that is no member are counted');
  t.equal(await stopped(received), 0, 'and reach nobody');
  await lan.exec(['ip', 'link', 'delete', 'forged']);
}

/** Packets counted by rules of weft's that drop. */
async function dropped({ host }: ClusterNode): Promise<number> {
  const { nftables } = JSON.parse(await host.exec(['nft', '-j', 'list', 'ruleset'])) as {
    readonly nftables: readonly {
      readonly rule?: { readonly table: string; readonly expr: readonly Readonly<Record<string, unknown>>[] };
    }[];
  };
  return nftables.reduce((sum, { rule }) => {
    if (rule?.table !== 'weft' || !rule.expr.some((expr) => 'drop' in expr)) return sum;
    const counter = rule.expr.find((expr) => 'counter' in expr)?.['counter'] as
      | { packets?: number }
      | undefined;
    return sum + (counter?.packets ?? 0);
  }, 0);
}

async function mtuFollowsTheUnderlay(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  await scene.dualNetwork('sized');
  const near = await scene.server(one, 'sized');
  const far = await scene.server(two, 'sized');
  const mtu = scene.cluster.underlay.mtu - (one.address.includes(':') ? 70 : 50);
  const [link] = JSON.parse(await near.container.netExec(['ip', '-j', 'link', 'show', 'eth0'])) as {
    mtu: number;
  }[];
  t.equal(link?.mtu, mtu, 'a container’s link leaves room for the tunnel');
  const ping = (size: number) =>
    near.container.tryNetExec(['ping', '-nc1', '-W2', '-Mdo', '-s', `${size}`, far.ip]);
  t.equal((await ping(mtu - 28)).code, 0, 'the largest packet passes unbroken');
  t.match((await ping(mtu - 27)).stderr, /too long|Message too long/, 'a larger one is refused at once');
}

async function narrowWay(t: Test, scene: OverlayScene): Promise<void> {
  const [one, , three] = scene.three;
  const headers = one.address.includes(':') ? 70 : 50;
  const far = three.address;
  const [way] = JSON.parse(await one.host.exec(['ip', '-j', 'route', 'get', far])) as { dev: string }[];
  const route = [far, 'dev', way?.dev ?? ''];
  await one.host.exec(['ip', 'route', 'add', ...route, 'mtu', '1400']);
  try {
    await one.weftd.stop();
    await one.startWeftd();
    await scene.dualNetwork('narrow');
    const near = await scene.server(one, 'narrow');
    const [link] = JSON.parse(await near.container.netExec(['ip', '-j', 'link', 'show', 'eth0'])) as {
      mtu: number;
    }[];
    t.equal(link?.mtu, 1400 - headers, 'the narrowest way decides');
    await allReachAll(t, [near, await scene.server(three, 'narrow')]);
  } finally {
    await one.host.exec(['ip', 'route', 'del', ...route]);
    await one.weftd.stop();
    await one.startWeftd();
  }
}

async function untracked(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two] = scene.three;
  await scene.dualNetwork('free');
  const near = await scene.server(one, 'free', { ports: ['8086:80'] });
  const far = await scene.server(two, 'free');
  const flows = async ({ host }: ClusterNode) =>
    (
      await Promise.all(['ipv4', 'ipv6'].map((family) => host.exec(['conntrack', '-L', '-f', family])))
    ).flatMap((list) => list.trim().split('\n'));
  // What hosts asked each other before there was a network was followed, and is for half a minute.
  for (const { host } of [one, two]) await host.exec(['conntrack', '-F']);
  await allReachAll(t, [near, far]);
  await reaches(
    t,
    scene.cluster.lan,
    { ip: one.host.ip, port: 8086, name: near.name },
    'a port is published',
  );
  for (const node of [one, two]) {
    const all = await flows(node);
    const between = all.filter((flow) => [near.ip, near.ip6].some((ip) => flow.includes(`src=${ip} `)));
    const inside = between.filter((flow) => [far.ip, far.ip6].some((ip) => flow.includes(`dst=${ip} `)));
    t.same(inside, [], `${node.name} follows nothing between containers`);
    t.same(
      all.filter((flow) => flow.includes('dport=4789 ')),
      [],
      'nor any tunnel',
    );
  }
  const published = (await flows(one)).filter((flow) => flow.includes('dport=8086 '));
  t.ok(published.length > 0, 'what is translated is followed');
}

async function segmentsFit(t: Test, scene: OverlayScene): Promise<void> {
  const [one] = scene.three;
  const { lan, underlay } = scene.cluster;
  await scene.dualNetwork('clamped');
  const server = await scene.server(one, 'clamped', { ports: ['8085:80'] });
  const link = underlay.mtu - (one.address.includes(':') ? 70 : 50);
  for (const [host, headers] of [
    [one.host.ip, 40],
    [one.host.ip6, 60],
  ] as const) {
    const opening =
      ['tcp[tcpflags] & tcp-syn != 0', 'ip6[6] == 6 and ip6[53] & 2 != 0'][host.includes(':') ? 1 : 0] ?? '';
    const watch = await server.container.netSpawn(['tcpdump', '-nvlc1', '-i', 'eth0', opening]);
    await watch.line('listening', (line) => /listening on/.test(line));
    await reaches(t, lan, { ip: host, port: 8085, name: server.name }, `a client reaches ${host}`);
    const seen = await watch.line('an opening segment', (line) => /mss \d+/.test(line));
    const size = Number(/mss (\d+)/.exec(seen)?.[1]);
    t.equal(size, link - headers, 'what a client on the LAN offers is made to fit the tunnel');
    await watch.stop();
  }
}

/** What is on the wire between hosts, and what is not. */
export const WIRE = {
  'ARP and ND are answered locally and flood nowhere': answersLocally,
  'multicast goes to member hosts when asked for': multicast,
  'tunnel packets of strangers are dropped and counted': strangersAreDropped,
  'the MTU follows the underlay': mtuFollowsTheUnderlay,
  'the MTU follows the narrowest way to another host': narrowWay,
  'what stays in a network is not tracked': untracked,
  'TCP segments fit the tunnel': segmentsFit,
} as const;
