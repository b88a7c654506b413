import t from 'tap';
import { flowsToForget, VIP_TABLE } from '../../balancer/index.ts';
import type { Backend, Service } from '../../core/service.ts';
import { Conntrack } from '../../kernel/netlink/index.ts';
import { poll } from '../support/poll.ts';
import { backendOf, openVipScene, serveAll, serviceOf, VipNamespace } from '../support/vip-scene.ts';

t.setTimeout(180_000);

type Tally = Record<string, number>;

t.test('virtual IPs while backends change', { timeout: 120_000 }, async (t) => {
  await using scene = await openVipScene(3);
  const { client, backends } = scene;
  await serveAll(backends, { tcp: [80, 8080], udp: [53] });
  await using vip = await VipNamespace.open(client.namespace);
  const all = (): Backend[] => backends.map((host) => backendOf(host));
  const vips = (service: Service) => [service.vip4, service.vip6].filter((each) => each !== undefined);
  const count = (host: string, count: number, more = {}) =>
    client.agent.run<Tally>('tally', { host, port: 80, count, ...more });

  await t.test('draining, weight 0 and failing: nothing new, and what there is goes on', async (t) => {
    const service = serviceOf(1);
    for (const host of vips(service)) {
      for (const change of [{ state: 'draining' }, { weight: 0 }, { state: 'failing' }] as const) {
        await vip.set([{ service, backends: all() }]);
        const lines = await Promise.all(
          [1, 2, 3].map((id) => client.agent.run<string>('hold', { id, host, port: 80 })),
        );
        const leaving = lines.findIndex((line) => line.startsWith('b2 ')) + 1;
        t.ok(leaving > 0, `one of three connections is to b2: ${lines}`);
        await vip.set([
          { service, backends: backends.map((each) => backendOf(each, each.name === 'b2' ? change : {})) },
        ]);
        const seen = await count(host, 200);
        t.same(Object.keys(seen).sort(), ['b1', 'b3'], `${host} ${JSON.stringify(change)}`);
        t.equal(await client.agent.run('ask', { id: leaving, text: 'still there?' }), 'still there?');
        await vip.set([{ service, backends: backends.map((each) => backendOf(each, change)) }]);
        t.same(await count(host, 20), { ECONNREFUSED: 20 }, 'with all of them so, none is left');
        t.equal(await client.agent.run('ask', { id: leaving, text: 'and now?' }), 'and now?');
      }
    }
    await vip.set([]);
  });

  await t.test('no connection fails while backends come and go, and no rule or chain changes', async (t) => {
    const service = serviceOf(1, { ports: [{ protocol: 'tcp', port: 80, target: 8080 }] });
    await vip.set([{ service, backends: all() }]);
    const handles = () =>
      client.namespace.run('nft -a list table ip weft-vip | grep -o "# handle .*" | sort -u | grep -c .');
    const rules = () =>
      client.namespace.run('nft -a list chains ip; nft -a list table ip weft-vip | grep comment');
    const withoutCounts = (text: string) => text.replace(/packets \d+ bytes \d+/g, '');
    const before = [handles(), withoutCounts(rules())];
    await client.agent.run('startStream', { host: service.vip4, port: 80, parallel: 8 });
    for (let change = 0; change < 300; change++) {
      const some = backends.filter((_, i) => i === change % 3 || (change >> i) % 2 === 1);
      const steps = await vip.set([
        { service, backends: some.map((host, i) => backendOf(host, { weight: 1 + ((change + i) % 7) })) },
      ]);
      const others = steps.filter(({ object }) => object.kind !== 'element');
      if (others.length > 0) t.fail(`change ${change} is not of elements only`);
    }
    await vip.set([{ service, backends: all() }]);
    const seen = await client.agent.run<Tally>('stopStream');
    t.same(Object.keys(seen).sort(), ['b1', 'b2', 'b3'], JSON.stringify(seen));
    t.ok(Object.values(seen).reduce((sum, n) => sum + n, 0) > 300, 'there were connections all the time');
    t.same([handles(), withoutCounts(rules())], before);
    t.same(await vip.differences(), []);
    await vip.set([]);
  });

  await t.test('a client keeps its backend by its address alone', async (t) => {
    const service = serviceOf(1, { affinity: {} });
    const addresses = Array.from({ length: 60 }, (_, i) => `198.18.9.${i + 1}`);
    client.namespace.run(addresses.map((each) => `ip addr add ${each}/16 dev eth0`).join('\n'));
    const whereAll = async () => {
      const seen = new Map<string, string>();
      for (const localAddress of addresses) {
        const names = Object.keys(await count(service.vip4 ?? '', 3, { localAddress }));
        t.equal(names.length, 1, `${localAddress} has one backend: ${names}`);
        seen.set(localAddress, names[0] ?? '');
      }
      return seen;
    };
    await vip.set([{ service, backends: all() }]);
    const before = await whereAll();
    t.equal(new Set(before.values()).size, 3, 'different clients have different ones');
    await vip.set([{ service, backends: all().slice(0, 2) }]);
    for (const [address, name] of await whereAll()) {
      if (before.get(address) !== 'b3') t.equal(name, before.get(address), `${address} stays`);
    }
    await vip.set([{ service, backends: all() }]);
    t.same(await whereAll(), before, 'and with the third one back all is as before');
    const six = await count(service.vip6 ?? '', 20);
    t.equal(Object.keys(six).length, 1, 'IPv6');
    client.namespace.run(addresses.map((each) => `ip addr del ${each}/16 dev eth0`).join('\n'));
    await vip.set([]);
  });

  await t.test('a client is remembered for a while, and elsewhere when its backend drains', async (t) => {
    for (const ports of [[], [{ protocol: 'tcp', port: 80, target: 8080 }]] as const) {
      const service = serviceOf(1, { ports, affinity: { timeoutSeconds: 2 } });
      for (const host of vips(service)) {
        const family = host.includes(':') ? 'ip6' : 'ip';
        const remembered = () => client.namespace.run(`nft list map ${family} ${VIP_TABLE} clients`);
        await vip.set([{ service, backends: all() }]);
        const [first = '', ...more] = Object.keys(await count(host, 50, { parallel: 1 }));
        t.same(more, [], `${host}: fifty connections to ${first}`);
        t.match(remembered(), 'expires');
        await vip.set([
          {
            service,
            backends: backends.map((each) => backendOf(each, each.name === first ? { weight: 0 } : {})),
          },
        ]);
        const [next = '', ...others] = Object.keys(await count(host, 50, { parallel: 1 }));
        t.same(others, [], `${host}: fifty connections to ${next}`);
        t.not(next, first, 'not to the one that drains');
        await vip.set([{ service, backends: all() }]);
        t.same(await count(host, 20, { parallel: 1 }), { [next]: 20 }, 'and there it stays');
        t.same(await vip.differences(), [], 'what is remembered is no drift');
        await poll(() => !remembered().includes('expires'));
        const later = await poll(async () => {
          const [name = ''] = Object.keys(await count(host, 1));
          if (name !== next) return name;
          await poll(() => !remembered().includes('expires'));
          return undefined;
        }, 30_000);
        t.not(later, next, 'once forgotten, it has its turn like any other');
        await vip.set([]);
      }
    }
  });

  await t.test('a client of UDP is sent elsewhere when its backend goes', async (t) => {
    const service = serviceOf(1);
    for (const host of vips(service)) {
      await vip.set([{ service, backends: all() }]);
      const ask = () => client.agent.run<string>('udpAsk', { host, port: 53 });
      const first = await ask();
      t.equal(await ask(), first, `${host}: one connection to conntrack`);
      const left = all().filter(({ endpoint }) => endpoint !== first);
      await vip.set([{ service, backends: left }]);
      t.equal(await ask(), first, 'which does not notice that its backend is gone');
      const flows = flowsToForget(service, all(), left, 'datagrams');
      await using conntrack = Conntrack.open({ namespace: client.namespace.path });
      t.equal(await conntrack.forget(flows), 1);
      t.not(await ask(), first);
      await client.agent.run('udpForget');
    }
    await vip.set([]);
  });

  await t.test(
    'a connection that conntrack has forgotten goes on or is reset, but does not hang',
    async (t) => {
      const service = serviceOf(1);
      await vip.set([{ service, backends: all() }]);
      for (const host of vips(service)) {
        const outcomes: Tally = {};
        for (let id = 1; id <= 12; id++) {
          await client.agent.run('hold', { id, host, port: 80 });
          client.namespace.run('conntrack -F 2>/dev/null');
          const answer = await client.agent.run<string>('ask', { id, text: 'x' });
          outcomes[answer] = (outcomes[answer] ?? 0) + 1;
        }
        t.same(
          Object.keys(outcomes).filter((each) => each !== 'x' && each !== 'CLOSED'),
          [],
          host,
        );
        t.comment(`${host}: ${JSON.stringify(outcomes)}`);
      }
      await vip.set([]);
    },
  );

  await t.test('nothing is left', (t) => {
    t.equal(client.namespace.run('nft list ruleset'), '');
    t.end();
  });
});
