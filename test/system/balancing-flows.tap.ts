import '../support/own-mounts.ts';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pino } from 'pino';
import t from 'tap';
import type { EndpointId } from '../../core/ids.ts';
import type { Backend, Service } from '../../core/service.ts';
import { Balancing } from '../../daemon/balancing/index.ts';
import { DriftLog } from '../../daemon/reconcile/index.ts';
import { NamespaceWatch } from '../../daemon/sandboxes/index.ts';
import { GivenServices } from '../support/given-services.ts';
import { MemorySandboxes } from '../support/memory-sandboxes.ts';
import { NamespaceFiles } from '../support/namespace-files.ts';
import { poll } from '../support/poll.ts';
import { backendOf, openVipScene, serveAll, serviceOf, type VipHost } from '../support/vip-scene.ts';

type Tally = Record<string, number>;

const LOG = pino({ level: 'warn' }, pino.destination(2));

function vipsOf({ vip4, vip6 }: Service): readonly string[] {
  return [vip4, vip6].filter((vip) => vip !== undefined);
}

/** Whether an echo is answered within a second. It has the same number each time: one connection to conntrack. */
async function isAnswered({ namespace }: VipHost, ip: string): Promise<boolean> {
  const argv = [`--net=${namespace.path}`, 'ping', '-e', '77', '-c', '1', '-W', '1', ip];
  return promisify(execFile)('nsenter', argv).then(
    () => true,
    () => false,
  );
}

t.test('connections to backends that go or fail', { timeout: 120_000 }, async (t) => {
  await using scene = await openVipScene(3);
  const { client, backends, host } = scene;
  await serveAll(backends, { tcp: [80], udp: [53] });
  using files = new NamespaceFiles();
  const naming = new GivenServices();
  const sandboxes = new MemorySandboxes();
  const drift = new DriftLog({ repaired: () => undefined, recovered: () => undefined });
  using namespaces = new NamespaceWatch(sandboxes);
  let reached = ['net'];
  await using balancing = await Balancing.open({
    ...{ naming, sandboxes, namespaces, drift, log: LOG, hostNamespace: host.path },
    hostNetworks: () => reached,
    clock: { now: () => Date.now() },
  });
  const all = (): Backend[] => backends.map((each) => backendOf(each));
  const web = serviceOf(1);
  const vips = vipsOf(web);
  naming.set(web, all());
  files.mount('client', client.namespace);
  const key = sandboxes.set(files.key('client'), ['net']);
  t.equal(await balancing.ready(key, 2000), true);

  await t.test('UDP clients and remembered clients are sent elsewhere when a backend goes', async (t) => {
    const sticky = serviceOf(2, { affinity: { timeoutSeconds: 600 } });
    naming.set(sticky, all());
    for (const service of [web, sticky]) {
      for (const host of vipsOf(service)) {
        const ask = () => client.agent.run<string>('udpAsk', { host, port: 53 });
        const first = await poll(async () => /^b\d$/.exec(await ask())?.[0]);
        t.equal(await ask(), first);
        naming.set(
          service,
          all().filter(({ endpoint }) => endpoint !== first),
        );
        t.not(await poll(async () => (await ask()) !== first && ask()), first, `${service.name} ${host}`);
        naming.set(service, all());
        await client.agent.run('udpForget');
      }
    }
    naming.dropService('net', 's2');
  });

  await t.test('of a backend that is gone connections are reset and echoes go elsewhere', async (t) => {
    const [gone, other] = backends;
    if (gone === undefined || other === undefined) throw new Error('too few backends');
    for (const host of vips) {
      const ping = () => isAnswered(client, host);
      naming.set(web, [backendOf(gone)]);
      t.equal(await balancing.ready(key, 2000), true);
      t.match(await client.agent.run('hold', { id: 1, host, port: 80 }), `${gone.name} `);
      t.ok(await ping(), `${host} answers`);
      gone.namespace.run('ip link set eth0 down');
      t.notOk(await ping(), 'its container is gone');
      naming.set(web, [backendOf(other)]);
      t.ok(await poll(ping), 'another one answers the same echo');
      t.equal(
        await client.agent.run('ask', { id: 1, text: 'still there?' }),
        'CLOSED',
        'and ends what was open',
      );
      gone.namespace.run(`ip link set eth0 up; ip addr replace ${gone.ipv6}/64 dev eth0`);
    }
    naming.set(web, all());
  });

  await t.test('a try that a backend has not answered goes elsewhere when that fails', async (t) => {
    const [deaf, other] = backends;
    if (deaf === undefined || other === undefined) throw new Error('too few backends');
    deaf.namespace.run(`nft add table inet deaf
      nft add chain inet deaf input '{ type filter hook input priority 0; }'
      nft add rule inet deaf input tcp dport 80 drop`);
    t.teardown(() => {
      deaf.namespace.run('nft delete table inet deaf');
      naming.set(web, all());
    });
    for (const vip of vips) {
      naming.set(web, [backendOf(deaf)]);
      // Before that, it would still go to a backend that answers.
      t.equal(await balancing.ready(key, 2000), true);
      const asked = client.agent.run<Tally>('tally', { host: vip, port: 80, count: 1 });
      const tracked = () =>
        client.namespace.run(`conntrack -L -p tcp -f ${vip.includes(':') ? 'ipv6' : 'ipv4'} 2>/dev/null`);
      await poll(() => tracked().includes('SYN_SENT'));
      naming.set(web, [backendOf(deaf, { state: 'failing' }), backendOf(other)]);
      t.same(await asked, { [other.name]: 1 }, vip);
    }
  });

  await t.test('counts are those of an endpoint, not of who has its address next', async (t) => {
    const counts = async () => (await balancing.tallies('net', 's1')).map((sum) => Number(sum.connections));
    await poll(async () => (await counts()).length === backends.length);
    t.equal(await balancing.ready(key, 2000), true);
    await client.agent.run('tally', { host: web.vip4, port: 80, count: 30 });
    const counted = await counts();
    t.ok(
      counted.every((count) => count >= 9),
      `${counted} connections`,
    );
    const ended = Promise.withResolvers<void>();
    using _ending = namespaces.subscribe(({ alive }) => (alive ? undefined : ended.resolve()));
    files.unmount('client');
    // Noticed before the store says so: what it counted is then taken over at once, not after it may have come back.
    await ended.promise;
    sandboxes.remove(key);
    const isAsCounted = async () => `${await counts()}` === `${counted}`;
    t.ok(await poll(isAsCounted), 'they outlive the sandbox that counted');
    // Nobody here reaches the network any more, so nobody is told of what becomes of its services.
    reached = [];
    await poll(() => host.run('nft list tables') === '');
    naming.dropService('net', 's1');
    const again = (name: string) => `${name}-again` as EndpointId;
    naming.set(
      web,
      all().map((backend) => ({ ...backend, endpoint: again(backend.endpoint) })),
    );
    t.same(
      await counts(),
      backends.map(() => 0),
      'others with their addresses have none',
    );
  });
});
