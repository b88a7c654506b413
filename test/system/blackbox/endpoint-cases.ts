import { execFileSync } from 'node:child_process';
import type { Test } from 'tap';
import { poll } from '../../support/poll.ts';
import { attach } from './attach.ts';
import { bridgeOf, kernelState, kernelStateLike, link } from './kernel-witness.ts';
import { endpointBody, id, ipamData, networkBody, ports } from './requests.ts';
import { ask, type JoinAnswer, Sandbox } from './sandbox.ts';
import type { Case, Scene } from './weftd-suite.ts';

const NETWORK = id('endpoints');
const SUBNETS = {
  ipv4: [ipamData('10.64.0.0/24', '10.64.0.1/24')],
  ipv6: [ipamData('fd00:64::/64', 'fd00:64::1/64')],
};

const network = ({ weftd }: Scene) => weftd.net('CreateNetwork', networkBody({ id: NETWORK, ...SUBNETS }));
const ids = (name: string) => ({ NetworkID: NETWORK, EndpointID: id(name) });

async function join({ weftd }: Scene, name: string, key: string): Promise<JoinAnswer> {
  return (await weftd.net('Join', {
    ...ids(name),
    SandboxKey: key,
    Options: ports([]),
  })) as unknown as JoinAnswer;
}

async function noEcho(t: Test, scene: Scene): Promise<void> {
  await network(scene);
  const given = { network: NETWORK, ipv4: '10.64.0.2/24', ipv6: 'fd00:64::2/64', mac: '02:42:ac:11:00:99' };
  const create = (body: object) => scene.weftd.net('CreateEndpoint', body);
  const echo = JSON.stringify(await create(endpointBody({ ...given, id: id('n7a') })));
  for (const text of ['10.64.0.2', 'fd00:64::2', '02:42:ac']) t.notMatch(echo, text);
  t.same(
    await create(endpointBody({ ...given, id: id('n7a') })),
    JSON.parse(echo),
    'nor when it is repeated',
  );
  const one = (await create(endpointBody({ network: NETWORK, id: id('n7b'), ipv4: '10.64.0.3/24' })))[
    'Interface'
  ];
  t.match(
    one,
    { Address: '', AddressIPv6: '', MacAddress: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/ },
    'a MAC only if absent',
  );
  const two = (await create(endpointBody({ network: NETWORK, id: id('n7b'), ipv4: '10.64.0.3/24' })))[
    'Interface'
  ];
  t.same(two, one, 'the same one when it is repeated');
  const { InterfaceName } = await join(scene, 'n7b', '/run/docker/netns/n7');
  t.equal(
    link(InterfaceName?.SrcName)?.address,
    (one as { MacAddress: string }).MacAddress,
    'it is the link’s',
  );
}

async function base64Mac(t: Test, scene: Scene): Promise<void> {
  await network(scene);
  const options = {
    'com.docker.network.endpoint.macaddress': Buffer.from('024242424242', 'hex').toString('base64'),
  };
  const base = { network: NETWORK, options };
  const mac = '02:42:ac:11:00:77';
  await scene.weftd.net(
    'CreateEndpoint',
    endpointBody({ ...base, id: id('n8a'), ipv4: '10.64.0.2/24', mac }),
  );
  const { InterfaceName } = await join(scene, 'n8a', '/run/docker/netns/n8');
  t.equal(link(InterfaceName?.SrcName)?.address, mac, 'Interface counts');
  const { Interface } = (await scene.weftd.net(
    'CreateEndpoint',
    endpointBody({ ...base, id: id('n8b'), ipv4: '10.64.0.3/24' }),
  )) as { Interface: { MacAddress: string } };
  t.match(Interface.MacAddress, /^[0-9a-f:]{17}$/);
  t.not(Interface.MacAddress, '02:42:42:42:42:42', 'the option alone does not');
}

async function joinedLink(t: Test, scene: Scene): Promise<void> {
  const { weftd, lan } = scene;
  await network(scene);
  await weftd.net('CreateEndpoint', endpointBody({ network: NETWORK, id: id('n9a'), ipv4: '10.64.0.2/24' }));
  const answer = await join(scene, 'n9a', '/run/docker/netns/n9a');
  t.match(answer, { Gateway: '10.64.0.1', GatewayIPv6: '', StaticRoutes: [], DisableGatewayService: true });
  const ours = link(answer.InterfaceName?.SrcName);
  t.ok(ours, 'the link exists when the answer arrives');
  const vethPeer = link((ours as unknown as { link: string }).link);
  t.match(vethPeer, { master: bridgeOf(NETWORK)?.ifname, flags: /UP/ }, 'its other end is up on the bridge');
  t.same(await join(scene, 'n9a', '/run/docker/netns/n9a'), answer, 'repeated, it says the same');
  using one = await Sandbox.open('n9a');
  using two = await Sandbox.open('n9b');
  one.plumb(answer, { ipv4: '10.64.0.2/24' });
  await attach(weftd, two, { network: NETWORK, id: id('n9b'), ipv4: '10.64.0.3/24', ipv6: 'fd00:64::3/64' });
  await two.serve('tcp', 80, 'two');
  await two.serve('udp', 53, 'two-udp');
  await lan.serve('tcp', 8009, 'lan');
  t.equal(ask(one, 'tcp', '10.64.0.3', 80), 'two', 'TCP to a neighbour');
  t.equal(ask(one, 'udp', '10.64.0.3', 53), 'two-udp', 'UDP to a neighbour');
  t.match(one.run('ping -n -c 1 -W 2 10.64.0.1'), / 0% packet loss/, 'the gateway');
  t.equal(ask(one, 'tcp', '192.0.2.2', 8009), 'lan', 'the LAN');
  t.equal(ask(two, 'tcp', 'fd00:1a::2', 8009), 'lan', 'the LAN over IPv6');
}

async function unbornSandbox(t: Test, scene: Scene): Promise<void> {
  await network(scene);
  await scene.weftd.net(
    'CreateEndpoint',
    endpointBody({ network: NETWORK, id: id('n10'), ipv4: '10.64.0.2/24' }),
  );
  const answer = await join(scene, 'n10', '/run/docker/netns/0123456789ab');
  t.ok(link(answer.InterfaceName?.SrcName));
  using late = await Sandbox.open('0123456789ab');
  late.plumb(answer, { ipv4: '10.64.0.2/24' });
  t.match(late.run('ping -n -c 1 -W 2 10.64.0.1'), / 0% packet loss/, 'it works once it exists');
}

async function undoneInAnyOrder(t: Test, scene: Scene): Promise<void> {
  const { weftd } = scene;
  await network(scene);
  const empty = await kernelState();
  const create = (name: string) =>
    weftd.net('CreateEndpoint', endpointBody({ network: NETWORK, id: id(name), ipv4: '10.64.0.2/24' }));
  const remove = (name: string) => weftd.net('DeleteEndpoint', ids(name));
  const isEmpty = async (what: string) => t.same(await kernelStateLike(empty), empty, what);

  await create('n11a');
  t.same(await weftd.net('Leave', ids('n11a')), {}, 'Leave without Join');
  await remove('n11a');
  await isEmpty('never joined');

  const box = await Sandbox.open('n11b');
  const { join: answer, name } = await attach(weftd, box, {
    network: NETWORK,
    id: id('n11b'),
    ipv4: '10.64.0.2/24',
  });
  t.same(await weftd.net('Leave', ids('n11b')), {});
  t.match(box.run(`ip -j link show ${name}`), name, 'Leave leaves the link to Docker');
  t.same(await weftd.net('Leave', ids('n11b')), {}, 'Leave twice');
  box.unplumb(name, answer);
  t.same(await remove('n11b'), {});
  t.same(await remove('n11b'), {}, 'DeleteEndpoint twice');
  await isEmpty('deleted after the link came back');

  await attach(weftd, box, { network: NETWORK, id: id('n11c'), ipv4: '10.64.0.2/24' });
  t.same(await remove('n11c'), {}, 'DeleteEndpoint without Leave');
  await isEmpty('the link inside the sandbox goes with its other end');
  box[Symbol.dispose]();

  const gone = await Sandbox.open('n11d');
  await attach(weftd, gone, { network: NETWORK, id: id('n11d'), ipv4: '10.64.0.2/24' });
  gone[Symbol.dispose]();
  await poll(async () => (await kernelState()).length === empty.length);
  t.same(await remove('n11d'), {}, 'DeleteEndpoint of a link that vanished with its sandbox');
  await create('n11e');
  const { InterfaceName } = await join(scene, 'n11e', '/run/docker/netns/n11e');
  execFileSync('ip', ['link', 'del', InterfaceName?.SrcName ?? '']);
  t.same(await remove('n11e'), {}, 'and of one that somebody deleted');
  await isEmpty('nothing stays');
}

async function operInfo(t: Test, scene: Scene): Promise<void> {
  await network(scene);
  t.same(await scene.weftd.net('EndpointOperInfo', ids('nobody')), { Value: {} });
  t.same(await scene.weftd.net('EndpointOperInfo', { NetworkID: id('none'), EndpointID: id('x') }), {
    Value: {},
  });
  t.same(await scene.weftd.net('EndpointOperInfo', ids('nobody'), 'weft-none'), { Value: {} });
  await scene.weftd.net(
    'CreateEndpoint',
    endpointBody({ network: NETWORK, id: id('n13'), ipv4: '10.64.0.2/24' }),
  );
  t.equal(typeof (await scene.weftd.net('EndpointOperInfo', ids('n13')))['Value'], 'object');
}

/** Cases about endpoints. */
export const endpointCases: Readonly<Record<string, Case>> = {
  'N7 CreateEndpoint never echoes given fields; MAC returned only if absent': noEcho,
  'N8 base64 MAC option ignored in favour of Interface': base64Mac,
  'N9 Join returns existing link, peer up': joinedLink,
  'N10 Join with non-existing SandboxKey': unbornSandbox,
  'N11 Leave without Join, Leave twice, DeleteEndpoint without Leave, DeleteEndpoint of a vanished link':
    undoneInAnyOrder,
  'N13 EndpointOperInfo unknown endpoint: 200 {"Value":{}}': operInfo,
};
