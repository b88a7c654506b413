import type { Test } from 'tap';
import { poll } from '../support/poll.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';
import { echoes, type LanHost, type LanSandbox } from './lan-host.ts';
import { type LanTest, runLanTests } from './run-lan-tests.ts';

/*
 * ipvlan, which the machine's own kernel may lack: who reaches whom in every mode, beside links that `ip` made as
 * Docker's driver makes them; the host's access; addresses of others; links made again.
 */

const IPVLAN = [
  ['l2', 'bridge'],
  ['l2', 'private'],
  ['l2', 'vepa'],
  ['l3', 'bridge'],
  ['l3', 'private'],
  ['l3s', 'bridge'],
] as const;

/** Who of this mode and flag answers: another container of the host, another machine, the host. */
const REACHES: Readonly<Record<string, readonly [boolean, boolean, boolean]>> = {
  bridge: [true, true, false],
  private: [false, true, false],
  vepa: [false, true, false],
};

/** A namespace with an ipvlan link on `eth0` of the host, as moby's driver makes it. */
async function byHand(lan: LanHost, mode: string, flag: string, ip: string): Promise<LanSandbox> {
  const namespace = await openScratchNamespace();
  lan.host.namespace.run(
    `ip link add link eth0 name hand netns ${namespace.pid} type ipvlan mode ${mode} ${flag}`,
  );
  namespace.run(`ip link set lo up; ip link set hand name eth0; ip address add ${ip}/24 dev eth0
    ip link set eth0 up`);
  if (mode !== 'l2') namespace.run('ip route add default dev eth0');
  return { namespace, ip, networkId: '', endpointId: '' };
}

function matrix([a, b]: readonly [LanSandbox, LanSandbox]): readonly boolean[] {
  return [b.ip, '10.9.0.2', '10.9.0.1'].map((ip) => echoes(a.namespace, ip));
}

async function mode(t: Test, lan: LanHost, mode: string, flag: string): Promise<void> {
  // On layer 3 nobody answers ARP for containers: the LAN needs a route to them.
  const routes = mode === 'l2' ? [] : ['10.9.0.21', '10.9.0.31'];
  for (const ip of routes) lan.machine.run(`ip route add ${ip} via 10.9.0.1`);
  const options = { parent: 'eth0', ipvlan_mode: mode, ipvlan_flag: flag };
  const own = [
    await byHand(lan, mode, flag, '10.9.0.31'),
    await byHand(lan, mode, flag, '10.9.0.32'),
  ] as const;
  const docker = matrix(own);
  for (const { namespace } of own) namespace[Symbol.dispose]();
  const id = await lan.network('weft-ipvlan', '10.9.0.0/24', options);
  const pair = [
    await lan.container('weft-ipvlan', id, '10.9.0.21'),
    await lan.container('weft-ipvlan', id, '10.9.0.22'),
  ] as const;
  const weft = matrix(pair);
  t.same(weft, docker, 'as links that were made by hand');
  t.same(weft, REACHES[flag], 'container, machine, host');
  t.match(
    pair[0].namespace.run('ip -d link show eth0'),
    new RegExp(`ipvlan +mode ${mode} ${flag}`),
    'the link is so',
  );
  for (const ip of routes) lan.machine.run(`ip route delete ${ip}`);
  for (const each of pair) await lan.remove('weft-ipvlan', each);
  await lan.removeNetwork('weft-ipvlan', id);
}

async function hostAccess(t: Test, lan: LanHost, mode: string): Promise<void> {
  const id = await lan.network(
    'weft-ipvlan',
    '10.9.0.0/24',
    { parent: 'eth0', ipvlan_mode: mode, 'weft.host_access': 'true' },
    { aux: { 'weft.host': '10.9.0.99/24' } },
  );
  const a = await lan.container('weft-ipvlan', id, '10.9.0.23');
  t.ok(echoes(lan.host.namespace, a.ip), `${mode}: the host reaches the container`);
  t.ok(echoes(a.namespace, '10.9.0.99'), 'the container reaches the host');
  if (mode === 'l2') t.ok(echoes(a.namespace, '10.9.0.2'), 'and the LAN');
  await lan.remove('weft-ipvlan', a);
  await lan.removeNetwork('weft-ipvlan', id);
}

async function addressSafety(t: Test, lan: LanHost): Promise<void> {
  const { host, machine } = lan;
  const macOf = (on: LanSandbox['namespace']) =>
    /ether (\S+)/.exec(on.run('ip -o link show eth0'))?.[1] ?? '';
  const id = await lan.network('weft-ipvlan', '10.9.0.0/24', { parent: 'eth0' });
  for (const [ip, holder] of [
    ['10.9.0.2', macOf(machine)],
    ['10.9.0.1', `${macOf(host.namespace)}, this host’s eth0`],
  ] as const) {
    await t.rejects(
      lan.container('weft-ipvlan', id, ip),
      new RegExp(`address ${ip} is in use on the LAN of eth0 by ${holder}`),
    );
  }
  const ip = '10.9.0.24';
  const believes = () => machine.run(`ip neigh show ${ip} dev eth0`);
  machine.run(`ip neigh replace ${ip} dev eth0 lladdr 02:00:00:00:00:01 nud stale`);
  const a = await lan.container('weft-ipvlan', id, ip);
  await poll(() => believes().includes(macOf(host.namespace)), 10_000);
  t.pass('another machine is told without having asked');
  const before = macOf(host.namespace);
  lan.replaceDevice();
  t.not(macOf(host.namespace), before);
  await poll(() => believes().includes(macOf(host.namespace)), 20_000);
  t.pass('and again, when the container has its link on another device');
  t.ok(echoes(machine, ip), 'where it answers');
  await lan.remove('weft-ipvlan', a);
  await lan.removeNetwork('weft-ipvlan', id);
}

await runLanTests([
  ...IPVLAN.map(([name, flag]): LanTest => [`ipvlan ${name} ${flag}`, (t, lan) => mode(t, lan, name, flag)]),
  ...['l2', 'l3', 'l3s'].map(
    (name): LanTest => [`ipvlan host access, ${name}`, (t, lan) => hostAccess(t, lan, name)],
  ),
  ['ipvlan addresses on a shared LAN', addressSafety],
]);
