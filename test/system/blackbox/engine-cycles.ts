import type { Test } from 'tap';
import { until } from '../../lab/index.ts';
import type { Suite } from '../bridge/run-suite.ts';
import type { Scene } from '../bridge/scene.ts';
import { withoutLinks } from './without-links.ts';

const AT_ONCE = 4;

async function manyCycles(t: Test, scene: Scene, count: number): Promise<void> {
  const { host, docker } = scene;
  await scene.network('cycle', { ipv6: true, subnets: [scene.takeSubnet(), scene.takeSubnet6()] });
  // The first container brings the bridge's carrier, and with it a route.
  await (await scene.client('warm', 'cycle')).remove();
  const before = await withoutLinks(host, /^link w[vc]-/);
  let done = 0;
  const worker = async (lane: number): Promise<void> => {
    for (let i = 0; i < count / AT_ONCE; i++) {
      const ports = [`${8100 + lane}:80`, `${8100 + lane}:80/udp`, ':81'];
      const container = await docker.runContainer({ name: `lane${lane}`, network: 'cycle', ports });
      if (i % 2 === 0) await container.stop();
      await container.remove();
      done++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => worker(lane)));
  t.equal(done, count);
  const like = async () => {
    const now = await host.leaks();
    return now.length === before.length ? now : undefined;
  };
  const after = await until('links are deleted', like).catch(() => host.leaks());
  t.same(after, before, 'links, addresses, rules and processes are as before the first');
  t.same(JSON.parse((await host.weft(['port', 'ls', '--json'])).stdout), [], 'no port is held');
  t.same(JSON.parse((await host.weft(['endpoint', 'ls', '--json'])).stdout), [], 'no endpoint is known');
  const pools = JSON.parse((await host.weft(['ipam', 'ls', '--json'])).stdout) as { readonly used: number }[];
  t.same(
    pools.map(({ used }) => used),
    [1, 1],
    'every address but the gateways is free',
  );
}

/** What so many containers leave, which must be nothing. */
export function engineCycles(count: number): Suite {
  const name = `E1 run/stop/rm cycle ×${count}: no leak of links, addresses, rules`;
  return { tests: { [name]: (t, scene) => manyCycles(t, scene, count) } };
}
