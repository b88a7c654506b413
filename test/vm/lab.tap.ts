import t, { type Test } from 'tap';
import type { DoctorFinding, DriftReport } from '../../core/control.ts';
import { type ClusterNode, until } from '../lab/index.ts';
import { reaches } from '../system/bridge/probe.ts';
import { OverlayScene } from '../system/overlay/overlay-scene.ts';
import { allReachAll } from '../system/overlay/suite-reachability.ts';

/* Two hosts with the oldest and the newest engine and an etcd: the short way through bridges and overlay networks. */

/** What weftd and doctor may find wrong with a healthy host. */
async function isWell(t: Test, { name, host, weftd }: ClusterNode): Promise<void> {
  const { stdout } = await host.weft(['doctor', '--json']);
  const findings = JSON.parse(stdout) as readonly DoctorFinding[];
  t.ok(findings.length > 5, `doctor looked at ${findings.length} things on ${name}`);
  t.same(
    // The lab's hosts are not in the machine's first network namespace, which alone has the table's limits.
    findings.filter(({ id, level }) => (level === 'fail' || level === 'warn') && id !== 'neighbour-table'),
    [],
    `${name} lacks nothing`,
  );
  t.same(
    weftd.logs.filter((line) => /"level":(50|60|"error"|"fatal")/.test(line)),
    [],
    'weftd logged no error',
  );
}

async function overBridge(t: Test, scene: OverlayScene): Promise<void> {
  for (const node of scene.nodes) {
    const network = { name: 'one', driver: 'weft-bridge', ipamDriver: 'weft', ipv6: true };
    await node.docker.createNetwork(network);
    const a = await scene.server(node, 'one', { name: 'ann', ports: ['8080:80', '8080:80/udp'] });
    const b = await scene.server(node, 'one', { name: 'bob' });
    await allReachAll(t, [a, b]);
    const { lan } = scene.cluster;
    for (const ip of [node.host.ip, node.host.ip6]) {
      const target = { ip, port: 8080, name: 'ann' };
      await reaches(t, lan, { ...target, peer: ip.includes(':') ? lan.ip6 : lan.ip }, `TCP to ${ip}`);
      await reaches(t, lan, { ...target, transport: 'udp' }, `UDP to ${ip}`);
    }
    await reaches(t, node.host, { ip: '127.0.0.1', port: 8080, name: 'ann' }, 'over 127.0.0.1');
  }
}

async function overOverlay(t: Test, scene: OverlayScene): Promise<void> {
  const [one] = scene.nodes;
  const { v4, v6 } = scene.takeSubnets();
  const spec = { ipv6: true, subnets: [{ subnet: v4 }, { subnet: v6 }] };
  await scene.network('both', spec, one);
  const servers = await scene.serverOnEach('both');
  await allReachAll(t, servers);
  for (const { node, mac } of servers) {
    const ways = await node.host.exec(['nft', 'list', 'map', 'netdev', 'weft', 'ways']);
    for (const other of servers) t.match(ways, other.mac, `${node.name} has a way past the bridge to ${mac}`);
  }
}

async function afterDeath(t: Test, scene: OverlayScene): Promise<void> {
  const [one] = scene.nodes;
  if (one === undefined) throw new Error('a host is needed');
  const { v4 } = scene.takeSubnets();
  await scene.network('kept', { subnets: [{ subnet: v4 }] }, one);
  const servers = await scene.serverOnEach('kept');
  await one.weftd.kill9();
  await one.host.exec(['nft', 'delete table netdev weft; delete table ip weft']);
  await one.startWeftd();
  await allReachAll(t, servers);
  t.match(await one.host.exec(['nft', 'list', 'tables']), /table netdev weft/);
  await one.host.exec(['nft', 'delete', 'table', 'ip', 'weft']);
  const repaired = () =>
    one.weftJson<DriftReport>('drift').then(({ repairs }) => repairs.map(({ key }) => key));
  const keys = await until('the table is repaired', async () => {
    const found = await repaired();
    return found.includes('table ip weft') && found;
  });
  t.ok(keys.length > 0);
}

t.setTimeout(600_000);

const scene = await OverlayScene.open({ hosts: 2, engine: ['20.10', '28.5'], etcd: 1 });
try {
  await scene.run(t, {
    'networks of one host': overBridge,
    'networks of both hosts': overOverlay,
    'weftd dies, and what it made with it': afterDeath,
    'nothing is wrong': async (t) => {
      for (const node of scene.nodes) await isWell(t, node);
    },
  });
} finally {
  await scene[Symbol.asyncDispose]();
}
