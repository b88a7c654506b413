import '../support/own-mounts.ts';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import t from 'tap';
import { VIP_TABLE } from '../../balancer/index.ts';
import type { SandboxKey } from '../../core/ids.ts';
import type { Backend } from '../../core/service.ts';
import { Balancing, removeVips } from '../../daemon/balancing/index.ts';
import { DriftLog } from '../../daemon/reconcile/index.ts';
import { NamespaceWatch } from '../../daemon/sandboxes/index.ts';
import { GivenServices } from '../support/given-services.ts';
import { MemorySandboxes } from '../support/memory-sandboxes.ts';
import { NamespaceFiles } from '../support/namespace-files.ts';
import { openNetAgent } from '../support/net-agent.ts';
import { poll } from '../support/poll.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';
import { backendOf, openVipScene, serveAll, serviceOf, type VipHost } from '../support/vip-scene.ts';

type Tally = Record<string, number>;

const LOG = pino({ level: 'warn' }, pino.destination(2));

/** Open sockets of this process. */
function sockets(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.startsWith('socket:')).length;
}

function tables(namespace: ScratchNamespace): readonly string[] {
  return namespace
    .run('nft list tables | sort')
    .trim()
    .split('\n')
    .filter((line) => line !== '');
}

const BOTH = [`table ip ${VIP_TABLE}`, `table ip6 ${VIP_TABLE}`];

t.setTimeout(240_000);

t.test('virtual IPs are kept in all sandboxes and on the host', { timeout: 240_000 }, async (t) => {
  await using scene = await openVipScene(3);
  const { client, backends, host } = scene;
  await serveAll(backends, { tcp: [80], udp: [53] });
  host.run(`ip link set lo up
    sysctl -qw net.ipv6.conf.net0.accept_dad=0
    ip addr add 198.18.0.1/16 dev net0; ip addr add fd00:a::1/64 dev net0`);
  using local = openNetAgent(host);
  using elsewhere = await openScratchNamespace();
  using files = new NamespaceFiles();
  const naming = new GivenServices();
  const sandboxes = new MemorySandboxes();
  const drift = new DriftLog({ repaired: () => undefined, recovered: () => undefined });
  const all = (): Backend[] => backends.map((each) => backendOf(each));
  const open = async () => {
    const stack = new AsyncDisposableStack();
    const namespaces = stack.use(new NamespaceWatch(sandboxes));
    const balancing = stack.use(
      await Balancing.open({
        ...{ naming, sandboxes, namespaces, drift, log: LOG, hostNamespace: host.path },
        hostNetworks: () => ['net'],
        clock: { now: () => Date.now() },
      }),
    );
    return { balancing, close: () => stack.disposeAsync() };
  };
  const before = sockets();
  let { balancing, close } = await open();
  const web = serviceOf(1);
  const vips = [web.vip4 ?? '', web.vip6 ?? ''];
  const keys = new Map<VipHost, SandboxKey>();

  await t.test('the tables come with the namespace, whenever that is', async (t) => {
    naming.set(web, all());
    const key = sandboxes.set(files.key('client'), ['net']);
    t.equal(await balancing.ready(key, 20), false, 'there is no namespace yet');
    files.touch('client');
    await sleep(30);
    t.equal(await balancing.ready(key, 20), false, 'a file is none');
    files.mount('client', client.namespace);
    const begun = performance.now();
    t.equal(await balancing.ready(key, 2000), true);
    t.comment(`${(performance.now() - begun).toFixed(1)} ms after the mount`);
    t.same(tables(client.namespace), BOTH);
    keys.set(client, key);
    for (const each of backends) {
      files.mount(each.name, each.namespace);
      keys.set(each, sandboxes.set(files.key(each.name), ['net']));
    }
    for (const each of keys.values()) t.equal(await balancing.ready(each, 2000), true);
    t.equal(await balancing.ready(files.key('nobody'), 20), false, 'a sandbox that nobody knows');
  });

  const requests: Tally = {};
  await t.test('every sandbox and the host reach the service, over both families', async (t) => {
    for (const address of vips) {
      for (const agent of [client.agent, backends[0]?.agent, local]) {
        const seen = (await agent?.run<Tally>('tally', { host: address, port: 80, count: 30 })) ?? {};
        t.same(Object.keys(seen).sort(), ['b1', 'b2', 'b3'], `${address} ${JSON.stringify(seen)}`);
        for (const [name, count] of Object.entries(seen)) requests[name] = (requests[name] ?? 0) + count;
      }
    }
  });

  await t.test('what each backend got is summed over all of them', async (t) => {
    const sums = await balancing.tallies('net', 's1');
    const connections = sums.map((sum) => [sum.endpoint, Number(sum.connections)]);
    t.same(Object.fromEntries(connections), requests);
    t.ok(
      sums.every((sum) => sum.packets >= sum.connections * 5n && sum.bytes > sum.connections * 200n),
      'packets and bytes of both directions',
    );
    await t.rejects(balancing.tallies('net', 'nothing'), { code: 'not_found' });
  });

  await t.test('a change touches the sandboxes of its network only', async (t) => {
    naming.set({ ...serviceOf(7), network: 'other' }, all());
    files.mount('elsewhere', elsewhere);
    const key = sandboxes.set(files.key('elsewhere'), ['other']);
    t.equal(await balancing.ready(key, 2000), true);
    const heard = elsewhere.run(`timeout 1 nft monitor > ${files.directory}/heard & sleep 0.3; echo`);
    t.equal(heard.trim(), '');
    naming.set(web, all().slice(0, 2));
    t.equal(await balancing.ready(keys.get(client) ?? key, 2000), true);
    await sleep(1000);
    t.equal(elsewhere.run(`cat ${files.directory}/heard`), '', 'no transaction elsewhere');
    const two = await client.agent.run<Tally>('tally', { host: web.vip4, port: 80, count: 20 });
    t.same(Object.keys(two).sort(), ['b1', 'b2']);
    sandboxes.set(key, ['other', 'net']);
    t.equal(await balancing.ready(key, 2000), true);
    t.match(
      elsewhere.run(`nft list set ip ${VIP_TABLE} vips`),
      web.vip4 ?? '',
      'once on both, it reaches both',
    );
    sandboxes.remove(key);
    await poll(() => tables(elsewhere).length === 0);
    naming.set(web, all());
  });

  await t.test('what others change is put right and counted', async (t) => {
    const good = () => client.agent.run<Tally>('tally', { host: web.vip4, port: 80, count: 30 });
    await poll(async () => Object.keys(await good()).length === 3);
    const breaks = [
      `nft delete element ip ${VIP_TABLE} vips { ${web.vip4} }`,
      `nft flush chain ip ${VIP_TABLE} output`,
      `nft delete table ip ${VIP_TABLE}`,
      `nft add element ip ${VIP_TABLE} vips { 198.18.255.254 }`,
    ];
    for (const broken of breaks) {
      const counted = drift.repairs().length;
      client.namespace.run(broken);
      await poll(() => drift.repairs().length > counted, 10_000);
      t.same(Object.keys(await poll(good)).length, 3, broken);
      const repair = drift.repairs().at(counted);
      t.match(repair, { cause: 'timer', key: /in .*client$/ }, `${repair?.action} ${repair?.key}`);
    }
    t.notMatch(client.namespace.run(`nft list set ip ${VIP_TABLE} vips`), '198.18.255.254');
  });

  await t.test('backends are replaced one after the other under steady requests', async (t) => {
    const seconds = 12;
    const streams = vips.map((address) =>
      client.agent.run<Tally>('steady', { host: address, port: 80, rate: 100, seconds }),
    );
    const key = keys.get(client);
    if (key === undefined) throw new Error('the client has no sandbox');
    const change = async (to: readonly Backend[], forMs: number) => {
      naming.set(web, to);
      t.equal(await balancing.ready(key, 5000), true);
      await sleep(forMs);
    };
    const until = performance.now() + (seconds - 1) * 1000;
    let replaced = 0;
    for (; performance.now() < until; replaced++) {
      const leaving = replaced % 3;
      const having = (state: Backend['state']) =>
        backends.map((each, i) => backendOf(each, i === leaving ? { state } : {}));
      // What was asked of it before is answered in this time, also by a busy machine.
      await change(having('draining'), 200);
      await change(
        all().filter((_, i) => i !== leaving),
        40,
      );
      await change(having('starting'), 40);
      await change(all(), 40);
    }
    for (const seen of await Promise.all(streams)) {
      t.same(
        Object.keys(seen).sort(),
        ['b1', 'b2', 'b3'],
        `${replaced} replacements: ${JSON.stringify(seen)}`,
      );
      t.equal(
        Object.values(seen).reduce((sum, n) => sum + n, 0),
        100 * seconds,
      );
    }
  });

  await t.test('a new process finds what is there, and puts right what changed meanwhile', async (t) => {
    const ask = () => client.agent.run<string>('udpAsk', { host: web.vip4, port: 53 });
    const first = await ask();
    await close();
    t.equal(sockets(), before, 'no socket is left open');
    t.same(tables(client.namespace), BOTH, 'the tables stay');
    const meanwhile = await client.agent.run<Tally>('tally', { host: web.vip4, port: 80, count: 30 });
    t.same(Object.keys(meanwhile).sort(), ['b1', 'b2', 'b3'], 'and work');
    naming.set(
      web,
      all().filter(({ endpoint }) => endpoint !== first),
    );
    ({ balancing, close } = await open());
    for (const key of keys.values()) t.equal(await balancing.ready(key, 5000), true);
    t.equal(
      Object.keys(await client.agent.run<Tally>('tally', { host: web.vip4, port: 80, count: 20 })).length,
      2,
    );
    t.not(
      await poll(async () => (await ask()) !== first && ask()),
      first,
      'and its UDP clients are sent elsewhere',
    );
    naming.set(web, all());
  });

  await t.test('a sandbox that ends leaves its counts and no socket', async (t) => {
    t.ok(sockets() - before <= 2 * (keys.size + 1), `${sockets() - before} sockets`);
    const [gone] = backends;
    if (gone === undefined) return;
    await gone.agent.run('tally', { host: web.vip4, port: 80, count: 30 });
    const sum = async () =>
      (await balancing.tallies('net', 's1')).reduce((all, { connections }) => all + connections, 0n);
    const counted = await sum();
    t.ok(counted >= 30n);
    const held = sockets();
    files.unmount(gone.name);
    await poll(() => sockets() < held);
    t.equal(await sum(), counted);
    files.remove(gone.name);
    sandboxes.remove(files.key(gone.name));
    t.equal(await sum(), counted);
  });

  await t.test('a service that goes leaves nothing, and cleaning up neither', async (t) => {
    naming.dropService('net', 's1');
    await poll(() => tables(client.namespace).length === 0 && tables(host).length === 0);
    naming.set(web, all());
    await poll(() => tables(client.namespace).length === 2);
    await close();
    await removeVips([files.directory]);
    t.same(tables(client.namespace), []);
    t.equal(sockets(), before);
  });
});
