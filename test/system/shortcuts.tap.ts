import t from 'tap';
import type { Ip } from '../../core/address.ts';
import { creations, deletions, diff } from '../../core/diff.ts';
import type { ElementObject, KernelObject, ShortcutObject } from '../../core/kernel-objects.ts';
import { hostState, keyOf } from '../../core/kernel-objects.ts';
import type { Kernel } from '../../core/ports.ts';
import { shortcutTable, TABLE } from '../../drivers/index.ts';
import { openLinuxKernel, tableObject } from '../../kernel/index.ts';
import {
  aVxlan,
  BRIDGE,
  containerOf,
  openVxlanHosts,
  remoteObjects,
  type VxlanHost,
} from '../support/vxlan-hosts.ts';

/* Frames between endpoints that are known go past the bridge; all others go over it as without weft's table. */

const VTEPS = ['192.0.2.1', '192.0.2.2'] as unknown as readonly [Ip, Ip];
const { vni, name: VXLAN } = aVxlan();
const TO_CONTAINERS = `ether daddr { ${containerOf(1).mac}, ${containerOf(2).mac} } counter`;
const PROBE = `table bridge probe { chain seen { type filter hook prerouting priority -300; ${TO_CONTAINERS}; }; }`;
const WAYS = tableObject(shortcutTable);

function shortcut(dev: string): ShortcutObject {
  return { kind: 'shortcut', dev: dev as never, table: TABLE, set: 'ways' };
}

function way(mac: string, dev: string): ElementObject {
  return {
    kind: 'element',
    family: 'netdev',
    table: TABLE,
    set: 'ways',
    key: [String(vni), mac],
    data: [dev],
  };
}

function wantedOn(here: VxlanHost, there: VxlanHost): readonly KernelObject[] {
  const { veth, mac } = here.container;
  return [
    BRIDGE,
    aVxlan({ local: here.vtep, group: vni }),
    { ...veth, group: vni },
    ...remoteObjects(there.container, there.vtep),
    WAYS,
    way(mac, veth.name),
    way(there.container.mac, VXLAN),
    shortcut(veth.name),
    shortcut(VXLAN),
  ];
}

async function stepsOn(kernel: Kernel, wanted: readonly KernelObject[]) {
  const actual = await kernel.snapshot(wanted);
  const known = new Map([...actual].filter(([, { kind }]) => kind !== 'address' && kind !== 'sysctl'));
  return diff(hostState(wanted), known);
}

/** Frames for containers that the bridge of a host has seen since the last look. */
function seen({ host }: VxlanHost): number {
  const { nftables } = JSON.parse(host.run('nft -j list table bridge probe')) as {
    readonly nftables: readonly {
      readonly rule?: { readonly expr: readonly { readonly counter?: { readonly packets: number } }[] };
    }[];
  };
  host.run(`nft 'flush chain bridge probe seen; add rule bridge probe seen ${TO_CONTAINERS}'`);
  return nftables
    .flatMap(({ rule }) => rule?.expr ?? [])
    .reduce((sum, { counter }) => sum + (counter?.packets ?? 0), 0);
}

function ping(from: VxlanHost, to: VxlanHost): string {
  const { ipv4, ipv6 } = to.container;
  return from.inside.run(`ping -c 2 -i 0.05 -W 1 ${ipv4}; ping -c 2 -i 0.05 -W 1 ${ipv6}`);
}

t.test('past the bridge', { timeout: 120_000 }, async (t) => {
  await using network = await openVxlanHosts({ vteps: VTEPS, flood: false });
  const [a, b] = network.hosts as readonly [VxlanHost, VxlanHost];
  await using stack = new AsyncDisposableStack();
  const kernels = new Map<VxlanHost, Kernel>();
  for (const each of [a, b]) {
    const options = { namespace: each.host.path, log: () => undefined };
    kernels.set(each, stack.use(await openLinuxKernel(options)));
    each.host.run(`nft '${PROBE}'`);
  }
  const wanted = new Map([
    [a, wantedOn(a, b)],
    [b, wantedOn(b, a)],
  ]);
  const repair = async (host: VxlanHost): Promise<readonly string[]> => {
    const kernel = kernels.get(host);
    const objects = wanted.get(host) ?? [];
    if (kernel === undefined) throw new Error('no kernel');
    const steps = await stepsOn(kernel, objects);
    await kernel.apply(steps);
    return steps.map(({ op, object }) => `${op} ${keyOf(object)}`);
  };

  await t.test('endpoints that are known reach each other, and no bridge sees it', async (t) => {
    for (const host of [a, b]) {
      t.ok((await repair(host)).length > 0, 'made');
      t.same(await repair(host), [], 'as wanted');
      await kernels
        .get(host)
        ?.apply(creations((wanted.get(host) ?? []).filter(({ kind }) => kind !== 'link')));
      t.same(await repair(host), [], 'making what is there changes nothing');
    }
    // The first packets look for neighbours.
    ping(a, b);
    for (const host of [a, b]) seen(host);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      t.equal(ping(from, to).match(/ 2 received/g)?.length, 2, 'IPv4 and IPv6');
    }
    for (const host of [a, b]) t.equal(seen(host), 0, 'frames on the bridge');
    const listed = a.host.run('nft list table netdev weft');
    t.match(listed, `${b.container.mac} : "${VXLAN}"`, 'nft(8) shows the way by name');
  });

  await t.test('TCP in large segments', async (t) => {
    b.inside.run('iperf3 -s -1 -D -p 5201');
    const report = JSON.parse(a.inside.run(`sleep 0.3; iperf3 -J -n 20M -p 5201 -c ${b.container.ipv4}`));
    t.ok(report.end.sum_sent.bytes >= 20_000_000);
  });

  await t.test('the gateway is reached over the bridge', async (t) => {
    a.host.run(`ip addr add 10.9.0.254/24 dev ${BRIDGE.name}`);
    seen(a);
    t.match(a.inside.run('ping -c 2 -i 0.05 -W 1 10.9.0.254'), / 2 received/);
  });

  const { veth } = a.container;
  const drifts: Readonly<Record<string, readonly string[]>> = {
    [`nft delete chain netdev weft ${veth.name}`]: [`create shortcut ${veth.name}`],
    [`nft flush chain netdev weft ${VXLAN}`]: [`replace shortcut ${VXLAN}`],
    [`nft add rule netdev weft ${VXLAN} counter drop`]: [`replace shortcut ${VXLAN}`],
    [`nft delete element netdev weft ways '{ ${vni} . ${b.container.mac} }'`]: [
      `create element netdev weft ways ${vni} . ${b.container.mac}`,
    ],
    [`ip link set ${VXLAN} group default`]: [`replace link ${VXLAN}`],
  };
  for (const [drift, steps] of Object.entries(drifts)) {
    await t.test(`found and repaired: ${drift}`, async (t) => {
      a.host.run(drift);
      t.same(await repair(a), steps);
      t.same(await repair(a), []);
      t.equal(ping(a, b).match(/ 2 received/g)?.length, 2);
    });
  }

  await t.test('found and repaired: the table or the device deleted', async (t) => {
    for (const drift of ['nft delete table netdev weft', `ip link delete ${VXLAN}`]) {
      a.host.run(drift);
      t.ok((await repair(a)).length > 0, drift);
      t.same(await repair(a), []);
      t.equal(ping(a, b).match(/ 2 received/g)?.length, 2, 'IPv4 and IPv6');
    }
  });

  await t.test('without them frames take the bridge', async (t) => {
    for (const host of [a, b]) {
      const own = (wanted.get(host) ?? []).filter(({ kind }) => kind === 'shortcut' || kind === 'element');
      await kernels.get(host)?.apply(deletions(own));
      seen(host);
    }
    t.equal(ping(a, b).match(/ 2 received/g)?.length, 2);
    for (const host of [a, b]) t.ok(seen(host) > 0);
  });
});
