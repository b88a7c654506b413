import type { Test } from 'tap';
import { until } from '../../lab/index.ts';
import { addresses, key, linksOf } from './link-state.ts';
import { cannotReach, pings, reaches, run, serverCommand } from './probe.ts';
import type { Suite } from './run-suite.ts';
import type { Scene } from './scene.ts';

async function bridgeNames(t: Test, scene: Scene): Promise<void> {
  const { host, docker } = scene;
  await scene.network('named', { options: { [key('bridge.name')]: 'tap0br' } });
  t.equal((await linksOf(host, 'dev', 'tap0br')).length, 1, 'the bridge has the name asked for');
  const ann = await scene.server('ann', 'named', { ports: ['8080:80'] });
  await reaches(t, scene.lan, { ip: host.ip, port: 8080, name: 'ann' }, 'it works');
  await t.rejects(
    scene.network('eth', { options: { [key('bridge.name')]: 'eth0' } }),
    /"eth0".*not a bridge/,
    'another link’s name is refused',
  );
  await t.rejects(
    scene.network('again', { options: { [key('bridge.name')]: 'tap0br' } }),
    /tap0br/,
    'twice is refused',
  );
  await ann.remove();
  await docker.removeNetwork('named');
  await until('the bridge is deleted', async () =>
    (await linksOf(host)).every((link) => link.ifname !== 'tap0br'),
  );
}

async function adoptedBridge(t: Test, scene: Scene): Promise<void> {
  const { host, docker } = scene;
  const { subnet, base } = scene.takeSubnet();
  await host.exec(['ip', 'link', 'add', 'mine0', 'type', 'bridge']);
  await host.exec(['ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'mine0']);
  await host.exec(['ip', 'link', 'set', 'mine0', 'up']);
  await scene.network('adopted', { options: { [key('bridge.name')]: 'mine0' }, subnets: [{ subnet }] });
  const ann = await scene.server('ann', 'adopted', { ports: ['8080:80'] });
  const bob = await scene.client('bob', 'adopted');
  t.same(addresses((await linksOf(host, 'dev', 'mine0'))[0]), ['192.0.2.1', `${base}.1`], 'both addresses');
  await reaches(t, bob, { ip: (await ann.endpoint()).IPAddress, name: 'ann' }, 'containers use it');
  await reaches(t, scene.lan, { ip: host.ip, port: 8080, name: 'ann' }, 'ports are published');
  await ann.remove();
  await bob.remove();
  await docker.removeNetwork('adopted');
  const after = await until('weft’s address goes', async () => {
    const found = await linksOf(host, 'dev', 'mine0');
    return addresses(found[0]).includes(`${base}.1`) ? undefined : found;
  });
  t.same(addresses(after[0]), ['192.0.2.1'], 'the bridge stays with its own address');
  await host.exec(['ip', 'link', 'del', 'mine0']);
}

async function mtuAndNames(t: Test, scene: Scene): Promise<void> {
  const { host } = scene;
  const options = {
    [key('driver.mtu')]: '1380',
    [key('container_iface_prefix')]: 'net',
    [key('bridge.name')]: 'small0',
  };
  await scene.network('small', { options });
  const ann = await scene.server('ann', 'small');
  const bob = await scene.client('bob', 'small');
  const { IPAddress } = await ann.endpoint();
  const inside = (await linksOf(ann)).find((link) => addresses(link).includes(IPAddress));
  t.match(inside, { ifname: 'net0', mtu: 1380 }, 'name and MTU inside the container');
  t.match((await linksOf(host, 'dev', 'small0'))[0], { mtu: 1380 }, 'MTU of the bridge');
  const ping = (size: number) =>
    run(bob, ['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', String(size), IPAddress]);
  t.equal((await ping(1380 - 28)).code, 0, 'a datagram of the MTU passes');
  t.not((await ping(1381 - 28)).code, 0, 'a longer one does not');
}

async function fixedAddresses(t: Test, scene: Scene): Promise<void> {
  const [four, six] = [scene.takeSubnet(), scene.takeSubnet6()];
  await scene.network('fixed', { ipv6: true, subnets: [four, six] });
  const [ip, ip6, mac] = [`${four.base}.77`, `${six.base}77`, '02:42:c0:ff:ee:07'];
  const ann = await scene.server('ann', 'fixed', { ip, ip6, mac });
  const { IPAddress, GlobalIPv6Address, MacAddress, Gateway, IPv6Gateway } = await ann.endpoint();
  t.same([IPAddress, GlobalIPv6Address, MacAddress], [ip, ip6, mac], 'docker inspect shows them');
  t.same([Gateway, IPv6Gateway], [`${four.base}.1`, `${six.base}1`], 'and the gateways');
  const inside = (await linksOf(ann)).find((link) => addresses(link).includes(ip));
  t.match(inside, { address: mac }, 'the container has the MAC');
  t.same(addresses(inside), [ip, ip6], 'and both addresses');
  const bob = await scene.client('bob', 'fixed');
  const chosen = (await bob.endpoint()).MacAddress;
  const bobs = (await linksOf(bob)).find((link) => addresses(link).some((one) => one.startsWith(four.base)));
  t.equal(chosen, bobs?.address, 'a MAC that weft chose is shown by docker inspect');
  t.match(chosen, /^.[26ae]:/, 'and is a locally administered unicast one');
  await t.rejects(
    scene.client('cat', 'fixed', { ip }),
    /in use|held|taken|already/i,
    'an address is given once',
  );
  await reaches(t, bob, { ip, name: 'ann' }, 'reached over IPv4');
  await reaches(t, bob, { ip: ip6, name: 'ann' }, 'reached over IPv6');
}

async function severalNetworks(t: Test, scene: Scene): Promise<void> {
  const { docker, lan, host } = scene;
  for (const name of ['first', 'second', 'third']) await scene.network(name);
  const servers = { first: await scene.server('one', 'first'), second: await scene.server('two', 'second') };
  const ann = await scene.client('ann', 'first', {
    ports: ['8080:80'],
    cmd: serverCommand(),
    env: { NAME: 'ann' },
  });
  const [one, two] = [
    (await servers.first.endpoint()).IPAddress,
    (await servers.second.endpoint()).IPAddress,
  ];
  const gateway = async () => (await ann.netExec(['ip', 'route', 'show', 'default'])).match(/via (\S+)/)?.[1];
  const running = ann.netExec(['ping', '-n', '-i', '0.2', '-w', '4', one]);
  await docker.connect('second', ann);
  await reaches(t, ann, { ip: two, name: 'two' }, 'connected to a second network while it runs');
  await docker.connect('third', ann, { aliases: ['annie'] });
  await docker.disconnect('third', ann);
  t.match(await running, / 0% packet loss/, 'no echo on the first network is lost meanwhile');
  await reaches(t, lan, { ip: host.ip, port: 8080, name: 'ann' }, 'its published port answers');
  await docker.disconnect('first', ann);
  await cannotReach(t, ann, { ip: one }, 'disconnected from the first network');
  t.equal(await gateway(), (await ann.endpoint('second')).Gateway, 'the default route moves to the second');
  t.ok(await pings(ann, lan.ip), 'and leads out');
  await reaches(t, lan, { ip: host.ip, port: 8080, name: 'ann' }, 'the published port moves with it');
  await docker.connect('first', ann);
  await reaches(t, ann, { ip: one, name: 'one' }, 'connected again');
  await reaches(t, lan, { ip: host.ip, port: 8080, name: 'ann' }, 'the port answers throughout');
  await docker.disconnect('second', ann);
  await docker.disconnect('first', ann);
  t.equal(await gateway(), undefined, 'on no network it has no way out');
}

async function masqueradeAndSource(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  const server = await lan.spawn(serverCommand().with(2, `export NAME=lan; ${serverCommand()[2]}`));
  const second = `${host.ip.replace(/\d+$/, '')}250`;
  await host.exec(['ip', 'addr', 'add', `${second}/24`, 'dev', 'eth0']);
  const plain = scene.takeSubnet();
  await scene.network('plain', {
    subnets: [plain],
    options: { [key('bridge.enable_ip_masquerade')]: 'false' },
  });
  await scene.network('source', { options: { [key('host_ipv4')]: second } });
  const ann = await scene.client('ann', 'plain');
  const bob = await scene.client('bob', 'source');
  await cannotReach(t, ann, { ip: lan.ip }, 'without masquerade answers need a route');
  await lan.route(plain.subnet, host);
  const own = (await ann.endpoint()).IPAddress;
  await reaches(
    t,
    ann,
    { ip: lan.ip, name: 'lan', peer: own },
    'and the LAN sees the container’s own address',
  );
  await reaches(t, bob, { ip: lan.ip, name: 'lan', peer: second }, 'with host_ipv4 it sees that address');
  await host.exec(['ip', 'addr', 'del', `${second}/24`, 'dev', 'eth0']);
  await server.stop();
}

async function inhibit(t: Test, scene: Scene): Promise<void> {
  const options = { [key('bridge.inhibit_ipv4')]: 'true', [key('bridge.name')]: 'bare0' };
  await scene.network('bare', { options });
  const ann = await scene.server('ann', 'bare');
  const bob = await scene.client('bob', 'bare');
  t.same(addresses((await linksOf(scene.host, 'dev', 'bare0'))[0]), [], 'the bridge has no IPv4 address');
  await reaches(
    t,
    bob,
    { ip: (await ann.endpoint()).IPAddress, name: 'ann' },
    'containers talk all the same',
  );
}

async function unknownOptions(t: Test, scene: Scene): Promise<void> {
  const wrong = { 'weft.isolat': 'false' };
  await t.rejects(scene.network('typo', { options: wrong }), /weft\.isolat.*nearest is "weft\.isolate"/);
  await t.rejects(
    scene.network('value', { options: { [key('bridge.enable_icc')]: 'perhaps' } }),
    /enable_icc is "perhaps": expected "true" or "false"/,
    'a wrong value is refused, naming what is accepted',
  );
  t.same((await scene.host.weft(['network', 'ls', '--json'])).stdout.trim(), '[]', 'nothing stays of either');
  await scene.network('future', { options: { [key('bridge.something_new')]: 'yes' } });
  const line = await scene.weftd.waitLog('the key', (text) => text.includes('something_new'));
  t.match(line, /"level":(40|"warn")/, 'a key of Docker’s that weft does not know is accepted and logged');
}

/** Another container takes over a fixed address; everybody's neighbour cache holds the old MAC. */
async function replacedAddress(t: Test, scene: Scene): Promise<void> {
  const { host } = scene;
  const [four, six] = [scene.takeSubnet(), scene.takeSubnet6()];
  await scene.network('moving', { ipv6: true, subnets: [four, six] });
  const [ip, ip6] = [`${four.base}.9`, `${six.base}9`];
  const bob = await scene.client('bob', 'moving');
  const old = await scene.server('old', 'moving', { ip, ip6, mac: '02:00:00:00:00:01' });
  for (const from of [bob, host]) {
    for (const each of [ip, ip6]) await reaches(t, from, { ip: each, name: 'old' }, `old at ${each}`);
  }
  await old.remove();
  await scene.server('new', 'moving', { ip, ip6, mac: '02:00:00:00:00:02' });
  for (const from of [bob, host]) {
    const who = from === bob ? 'another container' : 'the host';
    for (const each of [ip, ip6]) {
      const neighbours = await run(from, ['ip', 'neigh', 'show', each]);
      t.notMatch(neighbours.stdout, /00:01/, `${who} has forgotten the old MAC of ${each}`);
      const { code } = await run(from, ['ping', '-n', '-c', '1', '-W', '1', each]);
      t.equal(code, 0, `${who} reaches the new container at ${each} with the first packet`);
      await reaches(t, from, { ip: each, name: 'new' }, `${who} talks to the new one`);
    }
  }
}

/** Options of networks and endpoints. */
export const options: Suite = {
  weftdArgs: ['--gc-grace', '5m', '--address-rest', '1s'],
  tests: {
    'a bridge has the name asked for': bridgeNames,
    'a bridge that was there is used and stays': adoptedBridge,
    'MTU and interface prefix': mtuAndNames,
    'fixed addresses and MAC': fixedAddresses,
    'several networks, connected and disconnected while running': severalNetworks,
    'enable_ip_masquerade and host_ipv4': masqueradeAndSource,
    inhibit_ipv4: inhibit,
    'unknown and wrong options': unknownOptions,
    'a fixed address that moves to another MAC': replacedAddress,
  },
};
