import type { Test } from 'tap';
import type { ServiceDetail } from '../../core/control.ts';
import { type NetAgent, openNetAgent } from '../support/net-agent.ts';
import { poll } from '../support/poll.ts';
import { echoes, type LanHost, type LanSandbox } from './lan-host.ts';
import { type LanTest, runLanTests } from './run-lan-tests.ts';

/* Services on ipvlan, which the machine's own kernel may lack, and on macvlan: everything is done in the client's sandbox. */

type LanDriver = Parameters<LanHost['network']>[0];

const CASES: readonly (readonly [LanDriver, Readonly<Record<string, string>>])[] = [
  ['weft-macvlan', {}],
  ...['l2', 'l3', 'l3s'].map((mode) => ['weft-ipvlan', { ipvlan_mode: mode }] as const),
];

/** Who answers twenty connections; turns are of two counters, between which chance decides. */
async function answers(agent: NetAgent, host: string): Promise<readonly string[]> {
  return Object.keys(await agent.run<object>('tally', { host, port: 80, count: 20 })).sort();
}

/** Two backends of a service `shop`, one that only asks, and the service. */
async function openShop(lan: LanHost, driver: LanDriver, networkId: string) {
  const backends: LanSandbox[] = [];
  using agents = new DisposableStack();
  for (const [name, ip] of [
    ['ann', '10.9.0.21'],
    ['bob', '10.9.0.22'],
  ] as const) {
    const backend = await lan.container(driver, networkId, ip, { 'weft.service': 'shop' });
    await agents.use(openNetAgent(backend.namespace)).run('serve', { name, tcp: [80] });
    backends.push(backend);
  }
  const client = await lan.container(driver, networkId, '10.9.0.23');
  const path = `/v1/services/${networkId}/shop`;
  const detail = () => lan.host.control<ServiceDetail>(path).catch(() => undefined);
  await poll(async () => (await detail())?.readyCount === 2, 20_000);
  const { vip4 = '' } = (await detail()) ?? {};
  const open = agents.move();
  const close = async () => {
    open.dispose();
    for (const each of [...backends, client]) await lan.remove(driver, each);
    await lan.removeNetwork(driver, networkId);
  };
  return { backends, client, vip4, agent: open.use(openNetAgent(client.namespace)), close };
}

async function services(t: Test, lan: LanHost, driver: LanDriver, options: object): Promise<void> {
  const id = await lan.network(driver, '10.9.0.0/24', { parent: 'eth0', ...options });
  const { client, vip4, agent, close } = await openShop(lan, driver, id);
  t.match(vip4, /^10\.9\.0\.2\d\d$/, 'from the other end of the subnet');
  await poll(() => client.namespace.run('nft list tables').includes('weft-vip'), 10_000);
  t.same(await answers(agent, vip4), ['ann', 'bob'], 'both take their turns');
  t.ok(echoes(client.namespace, vip4), 'it answers an echo');
  t.notMatch(client.namespace.run('ip neigh show'), vip4, 'nobody is asked who has it');
  t.notOk(lan.host.namespace.run('nft list tables').includes('weft-vip'), 'the host has no rules of it');
  await close();
}

async function hostAccess(t: Test, lan: LanHost, driver: LanDriver, options: object): Promise<void> {
  const id = await lan.network(
    driver,
    '10.9.0.0/24',
    { parent: 'eth0', 'weft.host_access': 'true', ...options },
    { aux: { 'weft.host': '10.9.0.99/24' } },
  );
  const { vip4, close } = await openShop(lan, driver, id);
  await poll(() => lan.host.namespace.run('nft list tables').includes('weft-vip'), 10_000);
  using host = openNetAgent(lan.host.namespace);
  t.same(await answers(host, vip4), ['ann', 'bob'], 'the host reaches both');
  t.ok(echoes(lan.host.namespace, vip4), 'it answers an echo');
  await close();
}

await runLanTests(
  CASES.flatMap(([driver, options]): LanTest[] => {
    const name = [driver, ...Object.values(options)].join(' ');
    return [
      [`services on ${name}`, (t, lan) => services(t, lan, driver, options)],
      [`services on ${name}, from the host`, (t, lan) => hostAccess(t, lan, driver, options)],
    ];
  }),
  (t, { host }) =>
    t.notMatch(host.log, /"kind":"table".*"cause":"(timer|event)"/, 'and found its tables as it left them'),
);
