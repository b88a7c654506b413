import t from 'tap';
import type { Explanation, NodeList, Status } from '../../../core/control.ts';
import { until } from '../../lab/index.ts';
import { OverlayScene } from './overlay-scene.ts';

/* What operators see of a cluster: nodes, members of a network, the way between containers, a host that is lost. */

t.setTimeout(300_000);

/** How long a lost host may be thought to live. */
const LEASE_MS = 15_000;

const scene = await OverlayScene.open({ hosts: 2, engine: '28.5', etcd: 1 });
try {
  const [one, two] = scene.nodes;
  if (one === undefined || two === undefined) throw new Error('two hosts are needed');
  const explain = async (from: string, to: string) => {
    const { code, stdout } = await one.weft(['explain', from, to, '--json']);
    return { code, ...(JSON.parse(stdout) as Explanation) };
  };
  const failed = ({ steps }: Explanation) =>
    steps.filter(({ state }) => state === 'fail').map(({ id }) => id);

  const { v4, v6 } = scene.takeSubnets();
  await scene.network('app', { subnets: [{ subnet: v4 }, { subnet: v6 }], ipv6: true }, one);
  await scene.server(one, 'app', { name: 'here' });
  const near = await scene.server(one, 'app', { name: 'near' });
  const far = await scene.server(two, 'app', { name: 'far' });

  await t.test('nodes and members', async (t) => {
    const { nodes, store } = await one.weftJson<NodeList>('node', 'ls');
    t.match(nodes, [
      { name: 'h1', state: 'ready', self: true, networks: 1 },
      { name: 'h2', state: 'ready', self: false, networks: 1 },
    ]);
    t.match(store, { kind: 'etcd', connected: true });
    const members = async () => (await one.weft(['network', 'inspect', 'app'])).stdout;
    await until('members are told', async () => /h2\s+joined\s+1/.test(await members()));
    t.match((await one.weft(['endpoint', 'ls', '--all'])).stdout, new RegExp(`h2 .*${far.ip}`));
    t.equal((await one.weft(['node', 'rm', 'h2'])).code, 1, 'a host that lives is not removed');
    t.match(await one.weftJson<Status>('status'), { cluster: { state: 'ready', nodes: 2 } });
  });

  await t.test('the way holds', async (t) => {
    for (const to of [near.ip, `near:80`, far.ip, `${far.ip}:80`, `[${far.ip6}]:80/udp`]) {
      const told = await until(to, async () => {
        const told = await explain('here', to);
        return told.holds && told;
      }).catch(() => explain('here', to));
      t.same({ code: told.code, failed: failed(told) }, { code: 0, failed: [] }, to);
    }
    t.comment((await one.weft(['explain', 'here', `${far.ip}:80`])).stdout);
  });

  await t.test('it does not where the kernel differs, until weftd has repaired it', async (t) => {
    const links = await one.host.exec(['ip', '-o', 'link', 'show', 'type', 'vxlan']);
    const wx = /wx-[a-z2-7]{10}/.exec(links)?.[0] ?? '';
    await until('a moment between change and repair', async () => {
      const loop = `for i in $(seq 200); do ip link set ${wx} down; done`;
      const sabotage = one.host.exec(['sh', '-c', loop]);
      const seen = failed(await explain('here', far.ip));
      await sabotage;
      return seen.includes('vxlan');
    });
    await until('repaired', async () => (await explain('here', far.ip)).holds);
    t.pass('seen and repaired');
  });

  await t.test('a lost host', async (t) => {
    await scene.cluster.destroy(two);
    const told = await until(
      'it is dead',
      async () => {
        const told = await explain('here', far.ip);
        return !told.holds && told;
      },
      { timeoutMs: 2 * LEASE_MS, intervalMs: 500 },
    );
    t.equal(failed(told)[0], 'node', 'is what does not hold first');
    t.match((await one.weft(['node', 'ls'])).stdout, /h2 .*dead/);
    t.match((await one.weft(['doctor'])).stdout, /Node h2 is dead/);
    t.match(await one.weft(['node', 'rm', 'h2']), { code: 0, stdout: /node h2 removed, with 1 endpoint/ });
    t.same(
      (await one.weftJson<NodeList>('node', 'ls')).nodes.map(({ name }) => name),
      ['h1'],
    );
    t.equal(failed(await explain('here', far.ip))[0], 'to', 'nobody has its address any more');
  });
} finally {
  await scene[Symbol.asyncDispose]();
}
