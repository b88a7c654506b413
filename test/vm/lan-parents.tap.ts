import type { Test } from 'tap';
import { poll } from '../support/poll.ts';
import { echoes, type LanHost } from './lan-host.ts';
import { runLanTests } from './run-lan-tests.ts';

/*
 * 802.1Q sub-interfaces, which the machine's own kernel may lack, as parents: made, shared, lost and removed; and a
 * network without a parent.
 */

async function vlans(t: Test, lan: LanHost): Promise<void> {
  const { namespace } = lan.host;
  const links = (): string => namespace.run('ip -d -o link show');
  const first = await lan.network('weft-macvlan', '10.9.50.0/24', { parent: 'eth0.50' });
  const second = await lan.network('weft-macvlan', '10.9.51.0/24', { parent: 'eth0.50' });
  t.match(links(), /eth0\.50@eth0: .*UP.* vlan protocol 802\.1Q id 50 /, 'the sub-interface is made');
  const a = await lan.container('weft-macvlan', first, '10.9.50.7');
  t.ok(echoes(a.namespace, '10.9.50.2'), 'a container reaches the VLAN');
  await t.rejects(
    lan.network('weft-ipvlan', '10.9.52.0/24', { parent: 'eth0.50' }),
    /one device carries ipvlan or macvlan links/,
  );
  const onDevice = await lan.network('weft-ipvlan', '10.9.52.0/24', { parent: 'eth0' });
  t.pass('the device itself is another parent');
  namespace.run('ip link delete eth0.50');
  await poll(() => links().includes('eth0.50@') && echoes(a.namespace, '10.9.50.2'), 20_000);
  t.pass('a lost sub-interface is made again, and the links on it');
  await lan.host.killWeftd();
  namespace.run('ip link delete eth0.50');
  await lan.host.startWeftd();
  await poll(() => echoes(a.namespace, '10.9.50.2'), 20_000);
  t.pass('also while weftd was away');
  namespace.run('ip link set eth0 down');
  namespace.run('ip link set eth0 up');
  await poll(() => echoes(a.namespace, '10.9.50.2'), 20_000);
  t.pass('and works after the device was down');
  await lan.removeNetwork('weft-macvlan', second);
  await lan.host.control('/v1/status');
  t.ok(echoes(a.namespace, '10.9.50.2'), 'it stays for the other network');
  await lan.remove('weft-macvlan', a);
  await lan.removeNetwork('weft-macvlan', first);
  await lan.removeNetwork('weft-ipvlan', onDevice);
  await poll(() => !links().includes('eth0.50@'), 10_000);
  t.pass('and goes with the last one');
}

async function foreignVlan(t: Test, lan: LanHost): Promise<void> {
  const { namespace } = lan.host;
  namespace.run('ip link add link eth0 name eth0.50 type vlan id 50; ip link set eth0.50 up');
  const id = await lan.network('weft-ipvlan', '10.9.50.0/24', { parent: 'eth0.50' });
  const a = await lan.container('weft-ipvlan', id, '10.9.50.8');
  t.ok(echoes(a.namespace, '10.9.50.2'), 'somebody else’s sub-interface is used');
  await lan.remove('weft-ipvlan', a);
  await lan.removeNetwork('weft-ipvlan', id);
  await lan.host.stopWeftd();
  await lan.host.startWeftd();
  t.match(namespace.run('ip -o link show'), /eth0\.50@eth0/, 'and stays');
  namespace.run('ip link delete eth0.50');
}

async function internal(t: Test, lan: LanHost): Promise<void> {
  const id = await lan.network('weft-ipvlan', '10.9.60.0/24', {});
  t.match(lan.host.namespace.run('ip -d -o link show'), / wp-[a-z2-7]+: .* dummy /, 'on a dummy device');
  const a = await lan.container('weft-ipvlan', id, '10.9.60.2');
  const b = await lan.container('weft-ipvlan', id, '10.9.60.3');
  t.ok(echoes(a.namespace, b.ip), 'containers reach each other');
  for (const each of [a, b]) await lan.remove('weft-ipvlan', each);
  await lan.removeNetwork('weft-ipvlan', id);
}

await runLanTests([
  ['VLANs', vlans],
  ['a VLAN of somebody else’s', foreignVlan],
  ['without a parent', internal],
]);
