import type { Test } from 'tap';
import { ask, cannotReach, OTHER_PORT, PORT, pings, reaches, run, serverCommand } from './probe.ts';
import type { Suite } from './run-suite.ts';
import type { Scene } from './scene.ts';

/** Starts a server on the LAN machine that says which address it saw. */
async function lanServer({ lan }: Scene) {
  const command = serverCommand().with(2, `export NAME=lan; ${serverCommand()[2]}`);
  const server = await lan.spawn(command);
  return server;
}

async function reachEachOther(t: Test, scene: Scene): Promise<void> {
  await scene.network('one');
  const a = await scene.server('ann', 'one');
  const b = await scene.server('bob', 'one', { aliases: ['bee'] });
  const [ipA, ipB] = [(await a.endpoint()).IPAddress, (await b.endpoint()).IPAddress];
  await reaches(t, a, { ip: ipB, name: 'bob', peer: ipA }, 'by address, with its own source address');
  await reaches(t, b, { ip: ipA, name: 'ann', transport: 'udp', peer: ipB }, 'UDP the other way');
  t.ok(await pings(a, ipB), 'echo');
  for (const name of ['bob', 'bee', 'bob.one']) {
    t.match(await a.exec(['ping', '-c', '1', '-W', '2', name]), ipB, `by the name ${name}`);
  }
  t.match(await a.exec(['nslookup', ipB, '127.0.0.11']), /bob\.one/, 'by reverse name');
  await reaches(t, scene.host, { ip: ipA, name: 'ann' }, 'the host reaches a container directly');
}

async function reachTheLan(t: Test, scene: Scene): Promise<void> {
  const server = await lanServer(scene);
  await scene.network('out', { ipv6: true, subnets: [scene.takeSubnet(), scene.takeSubnet6()] });
  const a = await scene.client('ann', 'out');
  const { lan, host } = scene;
  await reaches(t, a, { ip: lan.ip, name: 'lan', peer: host.ip }, 'TCP leaves with the host’s address');
  await reaches(t, a, { ip: lan.ip, transport: 'udp', name: 'lan', peer: host.ip }, 'UDP too');
  await reaches(t, a, { ip: lan.ip6, name: 'lan', peer: host.ip6 }, 'and IPv6');
  t.ok(await pings(a, lan.ip), 'echo over IPv4');
  t.ok(await pings(a, lan.ip6), 'echo over IPv6');
  await server.stop();
}

async function internal(t: Test, scene: Scene): Promise<void> {
  const { lan, host } = scene;
  const server = await lanServer(scene);
  const four = scene.takeSubnet();
  const subnets = [four, scene.takeSubnet6()];
  await scene.network('in', { internal: true, ipv6: true, subnets });
  for (const { subnet } of subnets) await lan.route(subnet, host);
  const a = await scene.server('ann', 'in');
  const b = await scene.server('bob', 'in');
  const at = await a.endpoint();
  await reaches(t, b, { ip: at.IPAddress, name: 'ann' }, 'among themselves');
  await reaches(t, b, { ip: at.GlobalIPv6Address, name: 'ann' }, 'among themselves over IPv6');
  await reaches(t, host, { ip: at.IPAddress, name: 'ann' }, 'the host reaches it');
  await reaches(t, host, { ip: at.GlobalIPv6Address, name: 'ann' }, 'the host reaches it over IPv6');
  t.equal((await a.netExec(['ip', '-4', 'route', 'show', 'default'])).trim(), '', 'no default route');
  t.equal((await a.netExec(['ip', '-6', 'route', 'show', 'default'])).trim(), '', 'no IPv6 default route');
  // Somebody inside adds a route by hand.
  await a.netExec(['ip', 'route', 'add', 'default', 'via', `${four.base}.1`]);
  await cannotReach(t, a, { ip: lan.ip }, 'no way out, even with a route');
  await cannotReach(t, lan, { ip: at.IPAddress }, 'no way in from the LAN');
  await cannotReach(t, lan, { ip: at.GlobalIPv6Address }, 'no way in over IPv6');
  t.match(await b.exec(['ping', '-4', '-c', '1', '-W', '2', 'ann']), at.IPAddress, 'names resolve');
  await server.stop();
}

async function iccOff(t: Test, scene: Scene): Promise<void> {
  await scene.network('quiet', {
    ipv6: true,
    subnets: [scene.takeSubnet(), scene.takeSubnet6()],
    options: { 'com.docker.network.bridge.enable_icc': 'false' },
  });
  const a = await scene.server('ann', 'quiet', { ports: ['8080:80'] });
  const b = await scene.server('bob', 'quiet');
  const { IPAddress, GlobalIPv6Address } = await a.endpoint();
  await reaches(t, scene.host, { ip: IPAddress, name: 'ann' }, 'the host reaches it');
  await cannotReach(t, b, { ip: IPAddress }, 'no TCP among containers');
  await cannotReach(t, b, { ip: IPAddress, transport: 'udp' }, 'no UDP');
  await cannotReach(t, b, { ip: GlobalIPv6Address }, 'no IPv6');
  t.notOk(await pings(b, IPAddress), 'no echo');
  await reaches(
    t,
    b,
    { ip: scene.host.ip, port: 8080, name: 'ann' },
    'a published port over the host, though',
  );
  await reaches(t, b, { ip: scene.host.ip6, port: 8080, name: 'ann' }, 'over its IPv6 address as well');
  await reaches(t, scene.lan, { ip: scene.host.ip, port: 8080, name: 'ann' }, 'and from the LAN');
}

async function isolation(t: Test, scene: Scene): Promise<void> {
  const six = () => ({ ipv6: true, subnets: [scene.takeSubnet(), scene.takeSubnet6()] });
  await scene.network('red', six());
  await scene.network('blue', six());
  await scene.network('free', { ...six(), options: { 'weft.isolate': 'false' } });
  const red = await scene.server('red1', 'red');
  const blue = await scene.server('blue1', 'blue', { ports: ['8080:80'] });
  const free = await scene.server('free1', 'free');
  const [r, b, f] = [await red.endpoint(), await blue.endpoint(), await free.endpoint()];
  await cannotReach(t, red, { ip: b.IPAddress }, 'red to blue');
  await cannotReach(t, blue, { ip: r.IPAddress }, 'blue to red');
  await cannotReach(t, red, { ip: b.GlobalIPv6Address }, 'red to blue over IPv6');
  await cannotReach(t, blue, { ip: r.GlobalIPv6Address }, 'blue to red over IPv6');
  await cannotReach(t, red, { ip: b.IPAddress, transport: 'udp' }, 'red to blue over UDP');
  t.notOk(await pings(red, b.IPAddress), 'no echo');
  await reaches(
    t,
    red,
    { ip: scene.host.ip, port: 8080, name: 'blue1' },
    'a published port is reached over the host',
  );
  await reaches(t, red, { ip: scene.host.ip6, port: 8080, name: 'blue1' }, 'over its IPv6 address as well');
  await reaches(t, red, { ip: f.IPAddress, name: 'free1' }, 'a network without isolation lets others in');
  await reaches(t, red, { ip: f.GlobalIPv6Address, name: 'free1' }, 'over IPv6 as well');
  await cannotReach(t, free, { ip: r.IPAddress }, 'but does not get into one with isolation');
  await scene.docker.connect('blue', red);
  await reaches(t, red, { ip: b.IPAddress, name: 'blue1' }, 'a container on both networks reaches both');
  await cannotReach(t, blue, { ip: r.IPAddress }, 'which opens nothing for others');
}

async function besideDocker(t: Test, scene: Scene): Promise<void> {
  const { docker, host } = scene;
  await scene.network('ours');
  await docker.createNetwork({ name: 'theirs' });
  const ours = await scene.server('ours1', 'ours', { ports: ['8081:80'] });
  const theirs = await scene.server('theirs1', 'theirs', { ports: ['8082:80'] });
  const docker0 = await scene.server('docker01', 'bridge', { ports: ['8083:80'] });
  const ip = async (container: typeof ours) => (await container.endpoint()).IPAddress;
  await cannotReach(t, docker0, { ip: await ip(ours), port: OTHER_PORT }, 'docker0 to weft');
  await cannotReach(t, theirs, { ip: await ip(ours), port: OTHER_PORT }, 'a bridge of Docker’s to weft');
  await cannotReach(t, ours, { ip: await ip(docker0), port: OTHER_PORT }, 'weft to docker0');
  await cannotReach(t, ours, { ip: await ip(theirs), port: OTHER_PORT }, 'weft to a bridge of Docker’s');
  for (const from of [theirs, docker0]) {
    await reaches(
      t,
      from,
      { ip: host.ip, port: 8081, name: 'ours1' },
      `${from.name} to weft’s published port`,
    );
  }
  await reaches(t, ours, { ip: host.ip, port: 8082, name: 'theirs1' }, 'weft to a port Docker publishes');
  await reaches(t, ours, { ip: host.ip, port: 8083, name: 'docker01' }, 'weft to a port of docker0');
  await docker.connect('theirs', ours);
  await reaches(
    t,
    theirs,
    { ip: (await ours.endpoint('theirs')).IPAddress, name: 'ours1' },
    'one container on both',
  );
}

async function none(t: Test, scene: Scene): Promise<void> {
  await scene.docker.createNetwork({ name: 'nothing', driver: 'weft-none', ipamDriver: 'weft' });
  const a = await scene.server('ann', 'nothing');
  const links = JSON.parse(await a.netExec(['ip', '-j', 'link'])) as { ifname: string }[];
  t.same(
    links.map((link) => link.ifname).filter((name) => !/^(tunl|sit|ip6|gre|erspan|ifb|ip_vti)/.test(name)),
    ['lo'],
    'loopback only',
  );
  t.ok(await ask(a, '127.0.0.1', PORT), 'which works');
  t.equal((await a.netExec(['ip', 'route'])).trim(), '', 'no route');
  t.equal(
    (await run(a, ['ping', '-c', '1', '-W', '1', scene.host.ip])).code === 0,
    false,
    'nothing is reached',
  );
  t.equal((await a.tryExec(['nslookup', 'weft.example'])).code === 0, false, 'no name resolves');
  await a.restart();
  t.ok((await a.inspect()).State.Running, 'it restarts');
}

/** Who reaches whom on weft-bridge and weft-none networks. */
export const networks: Suite = {
  weftdArgs: ['--gc-grace', '5m'],
  tests: {
    'containers of one network reach each other by address and by name': reachEachOther,
    'containers reach the LAN with the host’s address': reachTheLan,
    'an internal network has no way out and no way in': internal,
    'without ICC containers do not reach each other': iccOff,
    'networks are isolated from each other': isolation,
    'weft’s networks and Docker’s own bridges meet at published ports only': besideDocker,
    'weft-none gives loopback and nothing else': none,
  },
};
