import type { Test } from 'tap';
import type { ContainerEndpoint } from '../../lab/index.ts';
import { reaches } from './probe.ts';
import type { Suite } from './run-suite.ts';
import type { Scene } from './scene.ts';

async function subnetsOf({ docker }: Scene, network: string) {
  return (await docker.inspectNetwork(network)).IPAM.Config ?? [];
}

async function endpointOf(
  scene: Scene,
  name: string,
  network: string,
  spec = {},
): Promise<ContainerEndpoint> {
  const container = await scene.client(name, network, spec);
  return container.endpoint();
}

async function automaticPools(t: Test, scene: Scene): Promise<void> {
  const names = ['one', 'two', 'three', 'four'];
  for (const name of names) await scene.network(name);
  const configs = (await Promise.all(names.map((name) => subnetsOf(scene, name)))).flat();
  t.equal(
    new Set(configs.map(({ Subnet }) => Subnet)).size,
    names.length,
    'every network has its own subnet',
  );
  for (const { Subnet, Gateway } of configs) {
    t.match(Subnet, /^10\.(6[4-9]|7\d)\.\d+\.0\/24$/, 'a /24 of 10.64.0.0/12');
    t.equal(Gateway, Subnet.replace('0/24', '1'), 'its first address is the gateway');
  }
  const first = await endpointOf(scene, 'ann', 'one');
  t.equal(
    `${first.IPAddress}/${first.IPPrefixLen}`,
    configs[0]?.Subnet.replace('0/24', '2/24'),
    'then containers',
  );
  await scene.docker.removeNetwork('four');
  await scene.network('five');
  t.equal(
    (await subnetsOf(scene, 'five'))[0]?.Subnet,
    configs[3]?.Subnet,
    'a subnet is free after its network',
  );
}

async function explicitPools(t: Test, scene: Scene): Promise<void> {
  const { subnet, base } = scene.takeSubnet();
  const config = { subnet, gateway: `${base}.254`, ipRange: `${base}.64/29`, aux: { printer: `${base}.65` } };
  await scene.network('explicit', { subnets: [config] });
  const seen: string[] = [];
  for (const name of ['ann', 'bob', 'cat']) {
    const { IPAddress, Gateway } = await endpointOf(scene, name, 'explicit');
    t.equal(Gateway, `${base}.254`, 'the gateway asked for');
    seen.push(IPAddress);
  }
  t.same(
    seen,
    [`${base}.64`, `${base}.66`, `${base}.67`],
    'addresses come from the range, without the auxiliary one',
  );
  const outside = await endpointOf(scene, 'dan', 'explicit', { ip: `${base}.200` });
  t.equal(outside.IPAddress, `${base}.200`, 'an address outside the range may be asked for');
  for (const [ip, why] of [
    [`${base}.65`, 'auxiliary'],
    [`${base}.254`, 'gateway'],
    [`${base}.66`, 'bob’s'],
    [`${base}.255`, 'broadcast'],
  ] as const) {
    await t.rejects(
      scene.client('eve', 'explicit', { ip }),
      new RegExp(ip.replaceAll('.', '\\.')),
      `the ${why} address is refused`,
    );
  }
}

async function overlaps(t: Test, scene: Scene): Promise<void> {
  const { host, docker } = scene;
  const { subnet, base } = scene.takeSubnet();
  await scene.network('holder', { subnets: [{ subnet }] });
  const taken = { subnets: [{ subnet: `${base}.128/25` }] };
  await t.rejects(
    scene.network('late', taken),
    new RegExp(`${base}\\.128/25 overlaps ${base}\\.0/24 of network (holder|[0-9a-f]{12})`),
    'a subnet of another network is refused, naming both',
  );
  await t.rejects(
    scene.network('lan', { subnets: [{ subnet: `${host.ip.replace(/\d+$/, '')}0/25` }] }),
    /overlaps this host's route .* dev eth0/,
    'a subnet the host has a route to is refused, naming the route',
  );
  await docker.createNetwork({ name: 'dockers', subnets: [scene.takeSubnet()] });
  const theirs = (await subnetsOf(scene, 'dockers'))[0]?.Subnet ?? '';
  await t.rejects(
    scene.network('same', { subnets: [{ subnet: theirs }] }),
    /overlaps/,
    'and one of Docker’s own bridges',
  );
  t.equal(
    (await docker.listNetworks()).filter(({ Driver }) => Driver === 'weft-bridge').length,
    1,
    'nothing stays',
  );
  await docker.removeNetwork('holder');
  await scene.network('late', taken);
  t.equal((await subnetsOf(scene, 'late'))[0]?.Subnet, `${base}.128/25`, 'afterwards it may be had');
}

async function exhaustion(t: Test, scene: Scene): Promise<void> {
  const { base } = scene.takeSubnet();
  await scene.network('tiny', { subnets: [{ subnet: `${base}.0/29` }] });
  const containers = [];
  for (const name of ['c-1', 'c-2', 'c-3', 'c-4', 'c-5']) containers.push(await scene.client(name, 'tiny'));
  const addresses = await Promise.all(containers.map(async (one) => (await one.endpoint()).IPAddress));
  t.same(
    addresses,
    [2, 3, 4, 5, 6].map((last) => `${base}.${last}`),
    'a /29 has room for five beside the gateway',
  );
  await t.rejects(
    scene.client('c-6', 'tiny'),
    /\.0\/29 is full: 6 of 6 usable addresses in use \(5 endpoints, 1 gateway\)/,
  );
  await containers[1]?.remove();
  await t.rejects(
    scene.client('c-7', 'tiny'),
    /1 resting, the first free in \d+ s/,
    'one that rests is named',
  );
  const next = await endpointOf(scene, 'c-8', 'tiny', { ip: `${base}.3` });
  t.equal(next.IPAddress, `${base}.3`, 'and may be asked for');
}

async function restPeriod(t: Test, scene: Scene): Promise<void> {
  const { base, subnet } = scene.takeSubnet();
  await scene.network('resting', { subnets: [{ subnet }] });
  const ann = await scene.client('ann', 'resting');
  t.equal((await ann.endpoint()).IPAddress, `${base}.2`);
  await ann.remove();
  const bob = await scene.client('bob', 'resting');
  t.equal((await bob.endpoint()).IPAddress, `${base}.3`, 'a released address is not given again at once');
  await bob.remove();
  const again = await endpointOf(scene, 'cat', 'resting', { ip: `${base}.2` });
  t.equal(again.IPAddress, `${base}.2`, 'unless somebody asks for it');
}

/** The first three groups; the host's random /48 has no zero group but with a chance of 1 in 30,000. */
function prefix48(subnet = ''): string {
  return subnet.split(':').slice(0, 3).join(':');
}

async function ula(t: Test, scene: Scene): Promise<void> {
  await scene.network('six', { ipv6: true });
  const six = (await subnetsOf(scene, 'six')).find(({ Subnet }) => Subnet.includes(':'));
  t.match(six?.Subnet, /^fd[0-9a-f:]+\/64$/, '--ipv6 without a subnet gives a ULA /64');
  await scene.network('six2', { ipv6: true });
  const other = (await subnetsOf(scene, 'six2')).find(({ Subnet }) => Subnet.includes(':'));
  t.not(other?.Subnet, six?.Subnet, 'another one for each network');
  t.equal(prefix48(other?.Subnet), prefix48(six?.Subnet), 'of this host’s own /48');
  const ann = await scene.server('ann', 'six');
  const bob = await scene.client('bob', 'six');
  await reaches(t, bob, { ip: (await ann.endpoint()).GlobalIPv6Address, name: 'ann' }, 'which works');
}

async function mixed(t: Test, scene: Scene): Promise<void> {
  const { docker, host, lan } = scene;
  await scene.network('docker-ipam', { ipamDriver: 'default' });
  await docker.createNetwork({ name: 'weft-ipam', driver: 'bridge', ipamDriver: 'weft' });
  for (const [network, port] of [
    ['docker-ipam', 8081],
    ['weft-ipam', 8082],
  ] as const) {
    const server = await scene.server(`s-${network}`, network, { ports: [`${port}:80`] });
    const client = await scene.client(`c-${network}`, network);
    const { IPAddress } = await server.endpoint();
    await reaches(t, client, { ip: IPAddress, name: server.name }, `${network}: among containers`);
    await reaches(t, lan, { ip: host.ip, port, name: server.name }, `${network}: a published port`);
  }
  t.match(
    (await subnetsOf(scene, 'weft-ipam'))[0]?.Subnet,
    /^10\.(6[4-9]|7\d)\./,
    'weft’s pool for Docker’s bridge',
  );
  t.match((await subnetsOf(scene, 'docker-ipam'))[0]?.Subnet, /^1(72|92)\./, 'Docker’s pool for weft-bridge');
  const { stdout } = await host.weft(['ipam', 'ls', '--json']);
  t.equal((JSON.parse(stdout) as unknown[]).length, 1, 'weft ipam ls shows the one that is weft’s');
}

/** weft's IPAM as Docker uses it. */
export const ipam: Suite = {
  weftdArgs: ['--gc-grace', '5m', '--address-rest', '2m'],
  tests: {
    'automatic pools differ': automaticPools,
    'subnet, gateway, ip-range and auxiliary addresses': explicitPools,
    'overlapping subnets are refused, naming what they overlap': overlaps,
    'a full pool says so': exhaustion,
    'a released address rests': restPeriod,
    'IPv6 pools without a subnet': ula,
    'weft’s IPAM with Docker’s bridge, Docker’s IPAM with weft’s': mixed,
  },
};
