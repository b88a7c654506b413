import t, { type Test } from 'tap';
import type { ServiceDetail } from '../../core/control.ts';
import { type NetAgent, openNetAgent } from '../support/net-agent.ts';
import { poll } from '../support/poll.ts';
import type { ScratchNamespace } from '../support/scratch-namespace.ts';
import { echoes, type LanHost } from './lan-host.ts';
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

/** Containers that all tests share, each on a network of the test's: starting their programs takes longest of all. */
interface People {
  readonly ann: ScratchNamespace;
  readonly bob: ScratchNamespace;
  readonly client: ScratchNamespace;
  /** The client's, and the host's. */
  readonly agents: { readonly client: NetAgent; readonly host: NetAgent };
}

let people: Promise<People> | undefined;
const opened = new DisposableStack();
t.teardown(() => opened.dispose());

async function openPeople(lan: LanHost): Promise<People> {
  const [ann, bob, client] = await Promise.all([lan.sandbox(), lan.sandbox(), lan.sandbox()]);
  for (const [name, namespace] of Object.entries({ ann, bob }))
    await opened.use(openNetAgent(namespace)).run('serve', { name, tcp: [80] });
  const agents = {
    client: opened.use(openNetAgent(client)),
    host: opened.use(openNetAgent(lan.host.namespace)),
  };
  return { ann, bob, client, agents };
}

/** Two backends of a service `shop`, one that only asks, and the service. */
async function openShop(lan: LanHost, driver: LanDriver, networkId: string) {
  people ??= openPeople(lan);
  const { ann, bob, client: asking, agents } = await people;
  const service = { 'weft.service': 'shop' };
  const backends = [
    await lan.connect(ann, driver, networkId, '10.9.0.21', service),
    await lan.connect(bob, driver, networkId, '10.9.0.22', service),
  ];
  const client = await lan.connect(asking, driver, networkId, '10.9.0.23');
  const path = `/v1/services/${networkId}/shop`;
  const detail = () => lan.host.control<ServiceDetail>(path).catch(() => undefined);
  await poll(async () => (await detail())?.readyCount === 2, 20_000);
  const { vip4 = '' } = (await detail()) ?? {};
  const close = async () => {
    for (const each of [...backends, client]) await lan.disconnect(driver, each);
    await lan.removeNetwork(driver, networkId);
  };
  return { client, vip4, agents, close };
}

async function services(t: Test, lan: LanHost, driver: LanDriver, options: object): Promise<void> {
  const id = await lan.network(driver, '10.9.0.0/24', { parent: 'eth0', ...options });
  const { client, vip4, agents, close } = await openShop(lan, driver, id);
  t.match(vip4, /^10\.9\.0\.2\d\d$/, 'from the other end of the subnet');
  await poll(() => client.namespace.run('nft list tables').includes('weft-vip'), 10_000);
  t.same(await answers(agents.client, vip4), ['ann', 'bob'], 'both take their turns');
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
  const { vip4, agents, close } = await openShop(lan, driver, id);
  await poll(() => lan.host.namespace.run('nft list tables').includes('weft-vip'), 10_000);
  t.same(await answers(agents.host, vip4), ['ann', 'bob'], 'the host reaches both');
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
