import type { Test } from 'tap';
import { attach } from './attach.ts';
import { addressesOf, bridgeOf, kernelState } from './kernel-witness.ts';
import { endpointBody, GENERIC, id, ipamData, networkBody, ports } from './requests.ts';
import { ask, Sandbox } from './sandbox.ts';
import type { Case, Scene } from './weftd-suite.ts';

const V4 = [ipamData('10.61.0.0/24', '10.61.0.1/24')];
const V6 = [ipamData('fd00:61::/64', 'fd00:61::1/64')];
const P = 'com.docker.network.';

async function createTwice(t: Test, { weftd }: Scene): Promise<void> {
  const body = networkBody({ id: id('n1'), ipv4: V4, options: { [`${P}driver.mtu`]: '1400' } });
  await weftd.net('CreateNetwork', body);
  const once = await kernelState();
  await weftd.net('CreateNetwork', body);
  t.same(await kernelState(), once, 'the same request again changes nothing');
  for (const [what, other] of [
    ['mtu', networkBody({ id: id('n1'), ipv4: V4, options: { [`${P}driver.mtu`]: '1300' } })],
    ['gateway', networkBody({ id: id('n1'), ipv4: [ipamData('10.61.0.0/24', '10.61.0.9/24')] })],
    ['internal', networkBody({ id: id('n1'), ipv4: V4, labels: { [`${P}internal`]: true } })],
    ['family', networkBody({ id: id('n1'), ipv4: V4, ipv6: V6 })],
  ] as const) {
    const { status, json } = await weftd.tryNet('CreateNetwork', other);
    t.equal(status, 500, what);
    t.match(json?.['Err'], /network [0-9a-f]{64} exists already with other content: /, what);
  }
  const { json } = await weftd.tryNet('CreateNetwork', body, 'weft-none');
  t.match(json?.['Err'], /belongs to weft-bridge, not to weft-none/);
  t.same(await kernelState(), once, 'nor does a refused one');
  t.equal(bridgeOf(id('n1'))?.mtu, 1400);
}

async function deleteUnknown(t: Test, { weftd }: Scene): Promise<void> {
  const before = await kernelState();
  t.same(await weftd.net('DeleteNetwork', { NetworkID: id('nobody') }), {});
  await weftd.net('CreateNetwork', networkBody({ id: id('n2'), ipv4: V4 }));
  t.same(await weftd.net('DeleteNetwork', { NetworkID: id('n2') }), {});
  t.same(await weftd.net('DeleteNetwork', { NetworkID: id('n2') }), {}, 'and twice');
  t.same(
    before.filter((thing) => thing.includes('10.61.')),
    [],
  );
}

async function enableIpv4(t: Test, { weftd }: Scene): Promise<void> {
  for (const [name, flag, ipv4] of [
    ['absent', undefined, V4],
    ['true', true, V4],
    ['false', false, []],
  ] as const) {
    const body = networkBody({ id: id(name), ipv4, ipv6: V6, labels: { [`${P}enable_ipv4`]: flag } });
    await weftd.net('CreateNetwork', body);
    const bridge = bridgeOf(id(name));
    t.same(
      bridge && addressesOf(bridge),
      [...(flag === false ? [] : ['10.61.0.1/24']), 'fd00:61::1/64'],
      name,
    );
    await weftd.net('DeleteNetwork', { NetworkID: id(name) });
  }
}

async function ipv6Only(t: Test, scene: Scene): Promise<void> {
  const { weftd } = scene;
  await weftd.net('CreateNetwork', networkBody({ id: id('n4'), ipv4: [], ipv6: V6 }));
  using one = await Sandbox.open('n4a');
  using two = await Sandbox.open('n4b');
  const a = await attach(weftd, one, { network: id('n4'), id: id('n4a'), ipv6: 'fd00:61::a/64' });
  await attach(weftd, two, { network: id('n4'), id: id('n4b'), ipv6: 'fd00:61::b/64' });
  t.match(a.join, { Gateway: '', GatewayIPv6: 'fd00:61::1' });
  await two.serve('tcp', 80, 'two');
  t.equal(ask(one, 'tcp', 'fd00:61::b', 80), 'two', 'its containers talk');
  await scene.lan.serve('tcp', 80, 'lan');
  t.equal(ask(one, 'tcp', 'fd00:1a::2', 80), 'lan', 'and reach the LAN');
}

async function nullArrays(t: Test, { weftd }: Scene): Promise<void> {
  const swarm = {
    NetworkID: 'x2v0pl4h9q8e0j3b7k6m5n1zz',
    Options: { a: 'b' },
    IPv4Data: null,
    IPv6Data: null,
  };
  t.same(await weftd.net('AllocateNetwork', swarm), { Options: { a: 'b' } });
  t.same(await weftd.net('AllocateNetwork', swarm), { Options: { a: 'b' } }, 'again the same');
  t.same(await weftd.net('FreeNetwork', { NetworkID: swarm.NetworkID }), {});
  const empty = { NetworkID: id('n5'), Options: { [GENERIC]: null }, IPv4Data: null, IPv6Data: null };
  const { status, json } = await weftd.tryNet('CreateNetwork', empty);
  t.equal(status, 400);
  t.match(json?.['Err'], /neither an IPv4 nor an IPv6 subnet/);
  await weftd.net('CreateNetwork', { ...empty, IPv4Data: V4 });
  const bridge = bridgeOf(id('n5'));
  t.same(bridge && addressesOf(bridge), ['10.61.0.1/24'], 'null is no subnet of that family');
}

async function badOptions(t: Test, { weftd }: Scene): Promise<void> {
  const before = await kernelState();
  for (const [key, value, says] of [
    [`${P}driver.mtu`, 'jumbo', /driver\.mtu is "jumbo": expected a whole number from 68 to 65535/],
    [`${P}driver.mtu`, '70000', /"70000"/],
    [`${P}bridge.enable_icc`, 'maybe', /enable_icc is "maybe": expected "true" or "false"/],
    [
      `${P}bridge.gateway_mode_ipv4`,
      'isolated',
      /gateway_mode_ipv4 is "isolated": that needs an --internal network/,
    ],
    [`${P}bridge.host_binding_ipv4`, 'all', /host_binding_ipv4 is "all": expected an IP address/],
    [`${P}bridge.name`, 'lan0', /bridge\.name is "lan0": that link exists and is a veth, not a bridge/],
    [`${P}bridge.name`, 'lo', /bridge\.name is "lo": that link exists/],
    [`${P}container_iface_prefix`, 'a/b', /container_iface_prefix is "a\/b"/],
    ['weft.isolate', 'perhaps', /weft\.isolate is "perhaps"/],
    ['weft.isolated', 'true', /no option "weft\.isolated"; the nearest is "weft\.isolate"/],
  ] as const) {
    const answer = await weftd.tryNet(
      'CreateNetwork',
      networkBody({ id: id('n6'), ipv4: V4, options: { [key]: value } }),
    );
    t.not(answer.status, 200, key);
    t.match(answer.json?.['Err'], says);
    t.same(answer.json?.['Error'], answer.json?.['Err']);
  }
  t.same(await kernelState(), before, 'nothing is left in the kernel');
  t.same(await weftd.control('/v1/networks'), []);
}

async function internal(t: Test, { weftd, lan }: Scene): Promise<void> {
  await weftd.net(
    'CreateNetwork',
    networkBody({ id: id('n14'), ipv4: V4, ipv6: V6, labels: { [`${P}internal`]: true } }),
  );
  using inside = await Sandbox.open('n14');
  using other = await Sandbox.open('n14b');
  const at = { network: id('n14'), ipv4: '10.61.0.5/24', ipv6: 'fd00:61::5/64' };
  const { join } = await attach(weftd, inside, { ...at, id: id('n14e') });
  await attach(weftd, other, {
    network: id('n14'),
    id: id('n14f'),
    ipv4: '10.61.0.6/24',
    ipv6: 'fd00:61::6/64',
  });
  t.match(join, { Gateway: '', GatewayIPv6: '', StaticRoutes: [], DisableGatewayService: true });
  await other.serve('tcp', 80, 'other');
  await lan.serve('tcp', 8014, 'lan');
  t.equal(ask(inside, 'tcp', '10.61.0.6', 80), 'other', 'inside they talk');
  inside.run('ip route add default via 10.61.0.1; ip -6 route add default via fd00:61::1');
  t.equal(ask(inside, 'tcp', '192.0.2.2', 8014), '', 'no way out even with a route');
  t.equal(ask(inside, 'tcp', 'fd00:1a::2', 8014), '', 'nor over IPv6');
  t.equal(ask(lan, 'tcp', '10.61.0.6', 80), '', 'and no way in');
}

async function gatewayCheck(t: Test, { weftd }: Scene): Promise<void> {
  const isolated = (...families: readonly number[]) =>
    Object.fromEntries(families.map((family) => [`${P}bridge.gateway_mode_ipv${family}`, 'isolated']));
  const check = (driver: 'weft-bridge' | 'weft-none', internal: boolean, options: object) =>
    weftd.net('GwAllocCheck', { Options: { [`${P}internal`]: internal, [GENERIC]: options } }, driver);
  t.same(await check('weft-bridge', false, {}), { SkipIPv4: false, SkipIPv6: false });
  t.same(await check('weft-bridge', true, {}), { SkipIPv4: false, SkipIPv6: false });
  t.same(await check('weft-bridge', true, isolated(4)), { SkipIPv4: true, SkipIPv6: false });
  t.same(await check('weft-bridge', true, isolated(6)), { SkipIPv4: false, SkipIPv6: true });
  t.same(await check('weft-bridge', true, isolated(4, 6)), { SkipIPv4: true, SkipIPv6: true });
  t.same(await check('weft-none', false, {}), { SkipIPv4: true, SkipIPv6: true });
  const labels = { [`${P}internal`]: true };
  const bare = { ipv4: [ipamData('10.61.0.0/24')], ipv6: [ipamData('fd00:61::/64')] };
  await weftd.net('CreateNetwork', networkBody({ id: id('n15'), ...bare, labels, options: isolated(4, 6) }));
  const bridge = bridgeOf(id('n15'));
  t.same(bridge && addressesOf(bridge), [], 'a network whose gateways were skipped is made without them');
  await weftd.net('CreateNetwork', networkBody({ id: id('n15n'), ...bare }), 'weft-none');
}

async function manySubnets(t: Test, { weftd, lan }: Scene): Promise<void> {
  const ipv4 = [...V4, ipamData('10.62.0.0/24', '10.62.0.1/24'), ipamData('10.63.0.0/16', '10.63.9.9/16')];
  const ipv6 = [...V6, ipamData('fd00:62::/64', 'fd00:62::1/64')];
  await weftd.net('CreateNetwork', networkBody({ id: id('n16'), ipv4, ipv6 }));
  const bridge = bridgeOf(id('n16'));
  const gateways = ['10.61.0.1/24', '10.62.0.1/24', '10.63.9.9/16', 'fd00:61::1/64', 'fd00:62::1/64'];
  t.same(bridge && addressesOf(bridge), gateways, 'the bridge has every gateway');
  using one = await Sandbox.open('n16a');
  using two = await Sandbox.open('n16b');
  const first = { network: id('n16'), id: id('n16a'), ipv4: '10.61.0.7/24', ipv6: 'fd00:61::7/64' };
  const second = { network: id('n16'), id: id('n16b'), ipv4: '10.63.0.7/16', ipv6: 'fd00:62::7/64' };
  t.match((await attach(weftd, one, first)).join, { Gateway: '10.61.0.1', GatewayIPv6: 'fd00:61::1' });
  t.match((await attach(weftd, two, second)).join, { Gateway: '10.63.9.9', GatewayIPv6: 'fd00:62::1' });
  await two.serve('tcp', 80, 'two');
  await lan.serve('tcp', 8016, 'lan');
  t.equal(ask(one, 'tcp', '10.63.0.7', 80), 'two', 'from one subnet of the network to another');
  t.equal(ask(one, 'tcp', 'fd00:62::7', 80), 'two', 'and over IPv6');
  t.equal(ask(two, 'tcp', '192.0.2.2', 8016), 'lan', 'the later subnet reaches the LAN too');
}

async function swarmId(t: Test, { weftd }: Scene): Promise<void> {
  const network = 'y5hf0w2m8b0dkqpz7c1rxv3ta';
  await weftd.net('CreateNetwork', networkBody({ id: network, ipv4: V4 }));
  t.ok(bridgeOf(network));
  using box = await Sandbox.open('n18');
  const { join } = await attach(weftd, box, { network, id: id('n18'), ipv4: '10.61.0.8/24' });
  t.ok((join.InterfaceName?.SrcName.length ?? 99) <= 15);
  await weftd.net('ProgramExternalConnectivity', {
    NetworkID: network,
    EndpointID: id('n18'),
    Options: ports([]),
  });
  t.same(await weftd.net('DeleteEndpoint', { NetworkID: network, EndpointID: id('n18') }), {});
  await weftd.net('CreateEndpoint', endpointBody({ network, id: id('n18-2'), ipv4: '10.61.0.8/24' }));
}

/** Cases about networks. */
export const networkCases: Readonly<Record<string, Case>> = {
  'N1 CreateNetwork twice same ID: same options ok, different options error': createTwice,
  'N2 DeleteNetwork of an unknown ID is ok': deleteUnknown,
  'N3 absent, false and true enable_ipv4': enableIpv4,
  'N4 IPv4Data [] with IPv6 only': ipv6Only,
  'N5 null arrays (AllocateNetwork)': nullArrays,
  'N6 bad option value: clear Err and nothing left in the kernel': badOptions,
  'N14 internal: no Gateway in the Join reply': internal,
  'N15 GwAllocCheck matrix': gatewayCheck,
  'N16 multi-subnet, multi-pool': manySubnets,
  'N18 swarm ID of 25 characters': swarmId,
};
