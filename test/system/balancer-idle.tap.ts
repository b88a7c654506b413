import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { poll } from '../support/poll.ts';
import { backendOf, openVipScene, serveAll, serviceOf, VipNamespace } from '../support/vip-scene.ts';

/** Longer than an answer takes, shorter than TCP gives up. */
const HANGING_MS = 3000;
const CONNECTIONS = 12;

t.test('a connection that conntrack has forgotten goes on or is reset', { timeout: 120_000 }, async (t) => {
  await using scene = await openVipScene(3);
  const { client, backends } = scene;
  await serveAll(backends, { tcp: [80, 8080] });
  await using vip = await VipNamespace.open(client.namespace);
  const mapped = serviceOf(1, { ports: [{ protocol: 'tcp', port: 80, target: 8080 }] });
  const whole = serviceOf(2);
  const draining = serviceOf(3);
  await vip.set([
    ...[mapped, whole].map((service) => ({ service, backends: backends.map((host) => backendOf(host)) })),
    { service: draining, backends: backends.map((host) => backendOf(host)) },
  ]);
  client.namespace.run('sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=1');

  const entries = () =>
    client.namespace.run('conntrack -L -p tcp 2>/dev/null; conntrack -L -f ipv6 -p tcp 2>/dev/null');
  /**
   * What becomes of connections that are used again after they were idle: `goes on`, `reset` or `hangs`.
   * @param meanwhile done while they are.
   */
  const afterIdling = async (
    host: string,
    meanwhile?: () => Promise<unknown>,
  ): Promise<readonly string[]> => {
    const ids = Array.from({ length: CONNECTIONS }, (_, id) => id);
    for (const id of ids) await client.agent.run('hold', { id, host, port: 80 });
    await meanwhile?.();
    await poll(() => !entries().includes('ESTABLISHED'), 10_000);
    return Promise.all(
      ids.map(async (id) => {
        const answer = client.agent.run<string>('ask', { id, text: 'still there?' });
        const said = await Promise.race([answer, sleep(HANGING_MS, 'HANGS')]);
        if (said === 'still there?') return 'goes on';
        return said === 'CLOSED' ? 'reset' : 'hangs';
      }),
    );
  };

  for (const service of [mapped, whole]) {
    for (const host of [service.vip4 ?? '', service.vip6 ?? '']) {
      client.namespace.run('sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1');
      const picked = await afterIdling(host);
      t.notOk(picked.includes('hangs'), `${host}, picked up: ${picked}`);
      client.namespace.run('sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0');
      const strict = await afterIdling(host);
      t.same(new Set(strict), new Set(['reset']), `${host}, nothing is picked up`);
    }
  }

  await t.test('also when nobody takes connections any more', async (t) => {
    for (const loose of [1, 0]) {
      for (const host of [draining.vip4 ?? '', draining.vip6 ?? '']) {
        client.namespace.run(`sysctl -qw net.netfilter.nf_conntrack_tcp_loose=${loose}`);
        await vip.set([{ service: draining, backends: backends.map((each) => backendOf(each)) }]);
        const gone = backends.map((each) => backendOf(each, { state: 'draining' }));
        const became = await afterIdling(host, () => vip.set([{ service: draining, backends: gone }]));
        t.same(new Set(became), new Set(['reset']), `${host}, loose ${loose}`);
      }
    }
  });
});
