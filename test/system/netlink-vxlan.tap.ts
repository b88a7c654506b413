import t from 'tap';
import type { Ip } from '../../core/address.ts';
import { creations, deletions, diff } from '../../core/diff.ts';
import { hostState, type KernelObject, keyOf } from '../../core/kernel-objects.ts';
import { LinkLayer } from '../../kernel/links/index.ts';
import { poll } from '../support/poll.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';
import {
  aVxlan,
  BRIDGE,
  containerOf,
  floodTo,
  NAMES,
  openVxlanHosts,
  remoteObjects,
  type VxlanHost,
} from '../support/vxlan-hosts.ts';

const UNDERLAYS: readonly (readonly [string, readonly [Ip, Ip, Ip]])[] = [
  ['IPv4', ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as never],
  ['IPv6', ['2001:db8::1', '2001:db8::2', '2001:db8::3'] as never],
];

async function single() {
  const namespace = await openScratchNamespace();
  const links = await LinkLayer.open({ namespace: namespace.path, log: () => undefined });
  return {
    namespace,
    links,
    json: (command: string) => JSON.parse(namespace.run(command) || '[]'),
    differences: async (...wanted: readonly KernelObject[]) =>
      diff(hostState(wanted), hostState(await links.snapshot(wanted))).map(
        ({ op, object }) => `${op} ${keyOf(object)}`,
      ),
    [Symbol.asyncDispose]: async () => {
      await links[Symbol.asyncDispose]();
      namespace[Symbol.dispose]();
    },
  };
}

/** Tells each host of the others' containers. */
async function introduce(hosts: readonly VxlanHost[]): Promise<void> {
  for (const here of hosts) {
    const others = hosts.filter((each) => each !== here);
    await here.links.apply(
      creations(others.flatMap(({ container, vtep }) => remoteObjects(container, vtep))),
    );
  }
}

for (const [underlay, vteps] of UNDERLAYS) {
  const local = vteps[0];

  t.test(`a VXLAN device on ${underlay} is as wanted, as ip and bridge show it`, async (t) => {
    await using h = await single();
    await h.links.apply(creations([BRIDGE, aVxlan({ local })]));
    const [link] = h.json(`ip -j -d link show ${NAMES.vxlan}`);
    t.match(link, {
      mtu: 1400,
      ifalias: 'weft:weft-overlay:app',
      master: NAMES.bridge,
      inet6_addr_gen_mode: 'none',
      linkinfo: {
        info_kind: 'vxlan',
        info_data: { id: 4242, port: 4789, learning: false, udp_csum: true, udp_zero_csum6_tx: false },
        info_slave_kind: 'bridge',
        info_slave_data: {
          learning: false,
          flood: false,
          mcast_flood: false,
          bcast_flood: false,
          neigh_suppress: true,
          isolated: false,
        },
      },
    });
    t.equal(link.linkinfo.info_data[underlay === 'IPv4' ? 'local' : 'local6'], local);
    t.ok(link.flags.includes('UP'));
    t.same(await h.differences(BRIDGE, aVxlan({ local })), []);
  });

  t.test(`drift of a VXLAN device on ${underlay} is repaired in place`, async (t) => {
    await using h = await single();
    const wanted = [BRIDGE, aVxlan({ local }), ...remoteObjects(containerOf(2), vteps[1])];
    await h.links.apply(creations(wanted));
    const index = h.json(`ip -j link show ${NAMES.vxlan}`)[0].ifindex;
    const drifts = [
      `ip link set ${NAMES.vxlan} down`,
      `ip link set ${NAMES.vxlan} mtu 1300`,
      `ip link set ${NAMES.vxlan} alias mine`,
      `ip link set ${NAMES.vxlan} type vxlan learning`,
      ...['learning', 'flood', 'mcast_flood', 'bcast_flood', 'isolated', 'hairpin'].map(
        (flag) => `bridge link set dev ${NAMES.vxlan} ${flag} on`,
      ),
      `bridge link set dev ${NAMES.vxlan} neigh_suppress off`,
    ];
    for (const drift of drifts) {
      h.namespace.run(drift);
      const steps = diff(hostState(wanted), hostState(await h.links.snapshot(wanted)));
      t.same(
        steps.map(({ op, object }) => `${op} ${keyOf(object)}`),
        [`replace link ${NAMES.vxlan}`],
        drift,
      );
      await h.links.apply(steps);
      t.same(await h.differences(...wanted), [], `${drift}: repaired`);
    }
    t.equal(h.json(`ip -j link show ${NAMES.vxlan}`)[0].ifindex, index);
  });

  t.test(`containers reach each other over ${underlay}, and nothing else is tunnelled`, async (t) => {
    await using network = await openVxlanHosts({ vteps: vteps.slice(0, 2), flood: false });
    const [a, b] = network.hosts as readonly [VxlanHost, VxlanHost];
    await introduce(network.hosts);
    const before = [a.sent(), b.sent()];
    t.same(before, [0, 0], 'what the containers say of themselves on coming up stays here');
    t.match(a.inside.run(`ping -c 3 -i 0.05 -W 1 ${b.container.ipv4}`), / 3 received/);
    t.match(b.inside.run(`ping -c 3 -i 0.05 -W 1 ${a.container.ipv6}`), / 3 received/);
    t.same([a.sent(), b.sent()], [6, 6], 'requests and replies, and neither ARP nor ND');
    a.inside.run(`ping -c 1 -W 0.2 10.9.0.77 || true; ping -c 1 -W 0.2 fd00:9::77 || true
      ping -b -c 1 -W 0.2 10.9.0.255 || true; ping -c 1 -W 0.2 ff02::1%eth0 || true`);
    t.same([a.sent(), b.sent()], [6, 6], 'unknown addresses, broadcasts and multicasts stay here');
    const learnt = a.inside.run('ip neigh; ip -6 neigh');
    t.match(learnt, new RegExp(`${b.container.ipv4} dev eth0 lladdr ${b.container.mac}`));
    t.match(learnt, new RegExp(`${b.container.ipv6} dev eth0 lladdr ${b.container.mac}`));
  });

  t.test(`with flooding over ${underlay}, frames to everybody reach all members`, async (t) => {
    await using network = await openVxlanHosts({ vteps, flood: true });
    await introduce(network.hosts);
    const [a, ...others] = network.hosts as readonly [VxlanHost, ...VxlanHost[]];
    await a.links.apply(creations(others.map(({ vtep }) => floodTo(vtep))));
    const broadcast = a.inside.run('ping -b -c 3 -i 0.2 -W 1 10.9.0.255 2>&1 || true');
    // From its own address: to a link-local one, which may or may not be ready, they would answer from theirs.
    const from = a.container.ipv6;
    const multicast = a.inside.run(`ping -I ${from} -c 3 -i 0.2 -W 1 ff02::1%eth0 2>&1 || true`);
    for (const { container } of others) {
      t.match(broadcast, `from ${container.ipv4}:`);
      t.match(multicast, `from ${container.ipv6}:`);
    }
  });
}

t.test('who holds a VNI is named, where it can be found', async (t) => {
  await using h = await single();
  await h.links.apply(creations([BRIDGE]));
  h.namespace.run('ip link add theirs type vxlan id 4242 dstport 4789 local 192.0.2.7');
  await t.rejects(h.links.apply(creations([aVxlan()])), {
    name: 'KernelError',
    errno: 'EEXIST',
    message: `create vxlan ${NAMES.vxlan}: VNI 4242 on UDP port 4789 is taken by the device theirs (EEXIST)`,
  });
  t.same(await h.differences(BRIDGE, aVxlan()), [`create link ${NAMES.vxlan}`], 'nothing was made');
  using other = await openScratchNamespace();
  h.namespace.run(`ip link set theirs netns ${other.pid}`);
  await t.rejects(h.links.apply(creations([aVxlan()])), /taken by a device in another network namespace/);
  await h.links.apply(creations([BRIDGE, aVxlan({ port: 4790 })]));
  await t.rejects(h.links.apply(creations([aVxlan({ port: 4791 })])), /there is another link of this name/);
});

t.test('a device gets another underlay address without losing what stands on it', async (t) => {
  await using h = await single();
  const entries = remoteObjects(containerOf(2), '192.0.2.2' as Ip);
  await h.links.apply(creations([BRIDGE, aVxlan(), ...entries]));
  const object = aVxlan({ local: '192.0.2.9' as Ip });
  await h.links.apply([{ op: 'replace', object, was: aVxlan() }]);
  t.match(h.json(`ip -j -d link show ${NAMES.vxlan}`), [{ linkinfo: { info_data: { local: '192.0.2.9' } } }]);
  t.same(await h.differences(BRIDGE, object, ...entries), []);
});

t.test('entries are as bridge and ip show them, and go', async (t) => {
  await using h = await single();
  const { mac, ipv4, ipv6 } = containerOf(2);
  const entries = remoteObjects(containerOf(2), '192.0.2.2' as Ip);
  await h.links.apply(creations([BRIDGE, aVxlan(), ...entries]));
  const fdb = () =>
    h
      .json(`bridge -j fdb show dev ${NAMES.vxlan}`)
      .filter((entry: { mac: string }) => entry.mac === mac)
      .sort((a: { dst?: string }) => (a.dst === undefined ? 1 : -1));
  t.match(fdb(), [
    { mac, dst: '192.0.2.2', flags: ['self'], state: 'permanent' },
    { mac, master: NAMES.bridge, state: 'static' },
  ]);
  const neighbours = () => h.json(`ip -j neigh show dev ${NAMES.bridge} nud permanent`);
  t.same(
    neighbours()
      .map(({ dst, lladdr }: { dst: string; lladdr: string }) => `${dst} ${lladdr}`)
      .sort(),
    [`${ipv4} ${mac}`, `${ipv6} ${mac}`],
  );
  await h.links.apply(deletions(entries));
  t.same([...fdb(), ...neighbours()], []);
  await h.links.apply(deletions(entries));
});

t.test('entries of ours that nobody wants are found, and the kernel’s own are not', async (t) => {
  await using h = await single();
  const wanted = [BRIDGE, aVxlan(), ...remoteObjects(containerOf(2), '192.0.2.2' as Ip)];
  await h.links.apply(creations(wanted));
  t.same(await h.differences(...wanted), []);
  h.namespace.run(`bridge fdb add 02:00:00:00:00:55 dev ${NAMES.vxlan} dst 192.0.2.5 self permanent
    bridge fdb append 00:00:00:00:00:00 dev ${NAMES.vxlan} dst 192.0.2.6 self permanent
    bridge fdb add 02:00:00:00:00:56 dev ${NAMES.vxlan} master static
    ip neigh add 10.9.0.55 lladdr 02:00:00:00:00:55 dev ${NAMES.bridge} nud permanent
    ip neigh add fd00:9::55 lladdr 02:00:00:00:00:55 dev ${NAMES.bridge} nud permanent
    ip neigh add 10.9.0.56 lladdr 02:00:00:00:00:56 dev ${NAMES.bridge} nud stale
    bridge fdb add 02:00:00:00:00:57 dev ${NAMES.vxlan} master dynamic`);
  const orphans = [
    `delete fdb ${NAMES.vxlan} 00:00:00:00:00:00 192.0.2.6`,
    `delete fdb ${NAMES.vxlan} 02:00:00:00:00:55 192.0.2.5`,
    `delete fdb ${NAMES.vxlan} 02:00:00:00:00:56 `,
    `delete neighbour ${NAMES.bridge} 10.9.0.55`,
    `delete neighbour ${NAMES.bridge} fd00:9::55`,
  ];
  t.same([...(await h.differences(...wanted))].sort(), orphans);
  await h.links.apply(diff(hostState(wanted), hostState(await h.links.snapshot(wanted))));
  t.same(await h.differences(...wanted), []);
});

t.test('entries that somebody has turned into others are put right', async (t) => {
  await using h = await single();
  const { mac, ipv4, ipv6 } = containerOf(2);
  const wanted = [BRIDGE, aVxlan(), ...remoteObjects(containerOf(2), '192.0.2.2' as Ip)];
  await h.links.apply(creations(wanted));
  const changes = [
    `ip neigh replace ${ipv4} lladdr ${mac} dev ${NAMES.bridge} nud reachable`,
    `ip neigh replace ${ipv6} lladdr 02:00:00:00:00:66 dev ${NAMES.bridge} nud permanent`,
    `bridge fdb replace ${mac} dev ${NAMES.vxlan} dst 192.0.2.2 port 9 self permanent`,
    `bridge fdb replace ${mac} dev ${NAMES.vxlan} dst 192.0.2.3 self permanent`,
    `bridge fdb replace ${mac} dev ${NAMES.vxlan} master dynamic`,
  ];
  for (const change of changes) {
    h.namespace.run(change);
    const steps = diff(hostState(wanted), hostState(await h.links.snapshot(wanted)));
    t.not(steps.length, 0, change);
    await h.links.apply(steps);
    t.same(await h.differences(...wanted), [], `${change}: put right`);
  }
});

t.test('what is done to entries is told, by weft and by hand', async (t) => {
  await using h = await single();
  const container = containerOf(2);
  const entries = remoteObjects(container, '192.0.2.2' as Ip);
  await h.links.apply(creations([BRIDGE, aVxlan()]));
  const told: string[] = [];
  const marks = [container.mac, container.ipv4, container.ipv6];
  // The links that were just made still have the kernel's own entries made and removed.
  using _watch = h.links.watch(({ entry, gone }) => {
    if (entry === undefined || !marks.some((mark) => keyOf(entry).includes(mark))) return;
    told.push(`${gone === true ? 'gone' : 'there'} ${keyOf(entry)}`);
  });
  const expectTold = async (what: string, ...expected: readonly string[]): Promise<void> => {
    await poll(() => expected.every((each) => told.includes(each)));
    t.same(told.splice(0).sort(), [...expected].sort(), what);
  };
  const keys = entries.map(keyOf);
  await h.links.apply(creations(entries));
  await expectTold('made', ...keys.map((key) => `there ${key}`));
  const [moved] = remoteObjects(container, '192.0.2.3' as Ip).filter((each) => 'destination' in each);
  const [was] = entries.filter((each) => 'destination' in each);
  if (moved === undefined || was === undefined) throw new Error('no entry of a VTEP');
  await h.links.apply([
    { op: 'delete', object: was },
    { op: 'create', object: moved },
  ]);
  await expectTold('moved without a gap', `there ${keyOf(moved)}`);
  h.namespace.run(`bridge fdb del ${container.mac} dev ${NAMES.vxlan} master
    bridge fdb del ${container.mac} dev ${NAMES.vxlan} dst 192.0.2.3 self
    ip neigh del ${container.ipv4} dev ${NAMES.bridge}
    ip neigh replace ${container.ipv6} lladdr ${container.mac} dev ${NAMES.bridge} nud reachable`);
  const now = keys.map((key) => (key === keyOf(was) ? keyOf(moved) : key));
  await poll(() => now.every((key) => told.includes(`gone ${key}`)));
  t.notOk(
    told.some((each) => each.startsWith('there')),
    'by hand',
  );
});
