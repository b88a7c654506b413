import type { Test } from 'tap';
import type { PortView } from '../../../core/control.ts';
import { type Host, type LabProcess, until } from '../../lab/index.ts';
import { ask, cannotReach, reaches } from './probe.ts';
import type { Suite } from './run-suite.ts';
import type { Scene } from './scene.ts';

async function publishedPorts({ host }: Scene): Promise<readonly PortView[]> {
  const { stdout } = await host.weft(['port', 'ls', '--json']);
  return JSON.parse(stdout) as PortView[];
}

/** weftd asks Docker for names now and then: until it has, its messages name ids. */
async function named(scene: Scene, container: string): Promise<void> {
  await until(`weftd knows the name ${container}`, async () =>
    (await publishedPorts(scene)).some((port) => port.endpointName === container && port.networkName),
  );
}

/** A server of the host's own, that nobody connects to; undefined when it cannot have the port. */
async function hostServer(host: Host, port: number): Promise<LabProcess | undefined> {
  const command = ['socat', `TCP4-LISTEN:${port},reuseaddr`, 'STDOUT'];
  const server = await host.spawn(command).catch(() => undefined);
  if (server === undefined) return undefined;
  // Whoever has the port already listens there as well.
  const listens = async () => (await host.exec(['ss', '-Hltnp', `sport = :${port}`])).includes('"socat');
  await until('it listens or has ended', async () => !server.running || (await listens()));
  return server.running ? server : undefined;
}

async function dualStack(scene: Scene, name: string): Promise<void> {
  await scene.network(name, { ipv6: true, subnets: [scene.takeSubnet(), scene.takeSubnet6()] });
}

async function tcpAndUdp(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await dualStack(scene, 'pub');
  const web = await scene.server('web', 'pub', { ports: ['8080:80', '8080:80/udp', '8090:80'] });
  const sibling = await scene.client('sibling', 'pub');
  for (const transport of ['tcp', 'udp'] as const) {
    const over = transport.toUpperCase();
    const at = (ip: string) => ({ ip, port: 8080, transport, name: 'web' });
    await reaches(t, lan, { ...at(host.ip), peer: lan.ip }, `${over} from the LAN, which the container sees`);
    await reaches(t, lan, { ...at(host.ip6), peer: lan.ip6 }, `${over} from the LAN over IPv6`);
    // The kernel does not route ::1 anywhere: weftd relays TCP, and nothing relays UDP (docs/limits.md).
    const own = ['127.0.0.1', '127.9.8.7', host.ip, host.ip6, ...(transport === 'tcp' ? ['::1'] : [])];
    for (const ip of own) {
      await reaches(t, host, at(ip), `${over} from the host over ${ip}`);
    }
    for (const from of [web, sibling]) {
      await reaches(t, from, at(host.ip), `${over} from ${from.name} over the host’s address`);
      await reaches(t, from, at(host.ip6), `${over} from ${from.name} over the host’s IPv6 address`);
    }
  }
  await reaches(t, lan, { ip: host.ip, port: 8090, name: 'web' }, 'a second mapping of the same port');
  await cannotReach(t, lan, { ip: host.ip, port: 81 }, 'a port that is not published');
}

async function boundAddresses(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await dualStack(scene, 'bound');
  const ports = ['127.0.0.1:7001:80', `${host.ip}:7002:80`, `[${host.ip6}]:7003:80`, '[::1]:7004:80'];
  await scene.server('web', 'bound', { ports });
  await reaches(t, host, { ip: '127.0.0.1', port: 7001, name: 'web' }, '127.0.0.1 from the host');
  await cannotReach(t, lan, { ip: host.ip, port: 7001 }, 'a port of 127.0.0.1 at the LAN address');
  await reaches(t, lan, { ip: host.ip, port: 7002, name: 'web' }, 'the LAN address from the LAN');
  await reaches(t, host, { ip: host.ip, port: 7002, name: 'web' }, 'the LAN address from the host');
  await cannotReach(t, host, { ip: '127.0.0.1', port: 7002 }, 'a port of the LAN address at 127.0.0.1');
  await cannotReach(t, lan, { ip: host.ip6, port: 7002 }, 'nor at the IPv6 address');
  await reaches(t, lan, { ip: host.ip6, port: 7003, name: 'web' }, 'the IPv6 address from the LAN');
  await cannotReach(t, lan, { ip: host.ip, port: 7003 }, 'a port of the IPv6 address at the IPv4 address');
  await reaches(t, host, { ip: '::1', port: 7004, name: 'web' }, '::1 from the host');
  await cannotReach(t, lan, { ip: host.ip6, port: 7004 }, 'a port of ::1 from the LAN');
}

/** CVE-2020-8558 and moby#45610: a neighbour sends frames for 127.0.0.1 to the host's MAC. */
async function loopbackGuard(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await scene.network('guarded');
  await scene.server('web', 'guarded', { ports: ['127.0.0.1:7001:80', '7002:80'] });
  await lan.exec(['sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1']);
  await lan.exec(['ip', 'route', 'del', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local']);
  await lan.exec(['ip', 'route', 'del', 'local', '127.0.0.1', 'dev', 'lo', 'table', 'local']);
  await lan.exec(['ip', 'route', 'add', '127.0.0.0/8', 'via', host.ip, 'src', lan.ip]);
  const sniffer = await host.spawn(['tcpdump', '-nl', '-i', 'eth0', 'tcp and dst 127.0.0.1']);
  await sniffer.line('it listens', (line) => line.includes('listening on'));
  await cannotReach(
    t,
    lan,
    { ip: '127.0.0.1', port: 7001 },
    'a port of 127.0.0.1 does not answer to the LAN',
  );
  await cannotReach(t, lan, { ip: '127.0.0.1', port: 7002 }, 'nor one of every address, at 127.0.0.1');
  for (const port of [7001, 7002]) {
    const frame = (line: string) => line.includes(`> 127.0.0.1.${port}:`);
    t.ok(await sniffer.line(`a frame for ${port}`, frame), `frames for ${port} did arrive`);
  }
  await sniffer.stop();
  await reaches(t, host, { ip: '127.0.0.1', port: 7001, name: 'web' }, 'while the host reaches it');
  await lan.exec(['ip', 'route', 'del', '127.0.0.0/8']);
  await lan.exec(['ip', 'route', 'add', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local']);
}

async function rangesAndEphemeral(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await scene.network('many');
  const ports = ['9000-9002:80', '9100:80', '9101:81', ':80/udp', ':81'];
  await scene.server('one', 'many', { ports });
  await scene.server('two', 'many', { ports: ['9000-9002:80'] });
  await scene.server('three', 'many', { ports: ['9000-9002:80'] });
  for (const [index, name] of ['one', 'two', 'three'].entries()) {
    await reaches(t, lan, { ip: host.ip, port: 9000 + index, name }, `${name} has the next of the range`);
  }
  await named(scene, 'three');
  await t.rejects(
    scene.server('four', 'many', { ports: ['9000-9002:80'] }),
    /900\d\/tcp on .* is held by three in network many; 9000–9002 are all taken/,
    'a range that is full names itself and who has it',
  );
  await reaches(t, lan, { ip: host.ip, port: 9101, name: 'one' }, 'several mappings');
  const listed = (await publishedPorts(scene)).filter((port) => port.endpointName === 'one');
  const chosen = listed.filter((port) => port.ephemeral);
  t.same(
    [...new Set(chosen.map(({ protocol, containerPort }) => `${containerPort}/${protocol}`))].sort(),
    ['80/udp', '81/tcp'],
    'weft port ls says which host ports weft chose',
  );
  for (const { hostPort, protocol } of chosen) {
    const transport = protocol === 'udp' ? 'udp' : 'tcp';
    await reaches(t, lan, { ip: host.ip, port: hostPort, transport, name: 'one' }, `chosen ${protocol} port`);
  }
}

async function fromIpv6ToIpv4(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await scene.network('four');
  await scene.server('web', 'four', { ports: ['8080:80', '[::]:8086:80'] });
  await reaches(
    t,
    lan,
    { ip: host.ip6, port: 8080, name: 'web' },
    'IPv6 from the LAN to a container without',
  );
  await reaches(t, host, { ip: '::1', port: 8080, name: 'web' }, 'from the host over ::1');
  await reaches(t, lan, { ip: host.ip6, port: 8086, name: 'web' }, 'published on [::] only');
  await cannotReach(t, lan, { ip: host.ip, port: 8086 }, 'which is IPv6 only');
}

async function sctp(t: Test, scene: Scene): Promise<void> {
  await scene.network('signal');
  const web = await scene.server('web', 'signal', { ports: ['5000:5000/sctp'] });
  const { IPAddress } = await web.endpoint();
  const map = await scene.host.exec(['nft', 'list', 'map', 'ip', 'weft', 'ports-any']);
  t.match(map, new RegExp(`(sctp|132) \\. 5000 : ${IPAddress.replaceAll('.', '\\.')} \\. 5000`));
  await named(scene, 'web');
  await t.rejects(
    scene.server('other', 'signal', { ports: ['5000:5001/sctp'] }),
    /host port 5000\/sctp on .* is held by web in network signal/,
    'the port is taken for SCTP',
  );
  await scene.server('tcp', 'signal', { ports: ['5000:80'] });
  await reaches(t, scene.lan, { ip: scene.host.ip, port: 5000, name: 'tcp' }, 'but free for TCP');
}

async function busyPorts(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await scene.network('busy');
  const listener = await hostServer(host, 8080);
  const inside = (await host.exec(['pgrep', '-x', 'socat'])).trim().split('\n');
  await t.rejects(
    scene.server('web', 'busy', { ports: ['8079:80', '8080:80'] }),
    new RegExp(`host port 8080/tcp on 0\\.0\\.0\\.0 is held by socat\\d? \\(pid (${inside.join('|')})\\)`),
    'a port that a process has is refused, naming process and pid',
  );
  t.same(await publishedPorts(scene), [], 'nothing stays published');
  await cannotReach(t, lan, { ip: host.ip, port: 8079 }, 'nothing stays translated');
  const other = await hostServer(host, 8079);
  t.ok(other, 'nothing stays reserved');
  await other?.kill9();
  await listener?.kill9();
  const web = await scene.server('web', 'busy', { ports: ['8079:80', '8080:80'] });
  await reaches(t, lan, { ip: host.ip, port: 8080, name: 'web' }, 'the next try works when the port is free');
  await named(scene, 'web');
  await t.rejects(
    scene.server('late', 'busy', { ports: ['8078:80', '8080:80'] }),
    /host port 8080\/tcp on 0\.0\.0\.0 is held by web in network busy/,
    'a port that a container has is refused, naming container and network',
  );
  await cannotReach(t, lan, { ip: host.ip, port: 8078 }, 'and nothing of it stays');
  await reaches(t, lan, { ip: host.ip, port: 8080, name: 'web' }, 'the first keeps it');
  t.notOk(await hostServer(host, 8080), 'no process can take it');
  await web.remove();
  await scene.server('late', 'busy', { ports: ['8078:80', '8080:80'] });
  await reaches(t, lan, { ip: host.ip, port: 8080, name: 'late' }, 'after removal it is free');
}

async function udpFlows(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await scene.network('flows');
  const first = await scene.server('first', 'flows', { ports: ['5353:80/udp'] });
  const send = () => ask(lan, host.ip, 5353, 'udp', ',sourceport=40000,reuseaddr');
  t.match(await until('first answers', send), { name: 'first' });
  await first.remove();
  await scene.server('second', 'flows', { ports: ['5353:80/udp'] });
  // Each send refreshes a flow that was not ended, so trying again would never help one.
  t.match(await until('second answers the same client socket', send), { name: 'second' });
}

async function freed(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await scene.network('freed');
  const web = await scene.server('web', 'freed', { ports: ['8080:80'] });
  for (const end of ['stop', 'kill'] as const) {
    await web[end]();
    await until('it has ended', async () => !(await web.inspect()).State.Running);
    await until(`no port after ${end}`, async () => (await publishedPorts(scene)).length === 0);
    const map = await host.exec(['nft', 'list', 'map', 'ip', 'weft', 'ports-any']);
    t.notMatch(map, /8080/, `the translation is gone after ${end}`);
    const listener = await hostServer(host, 8080);
    t.ok(listener, `a process of the host may have the port after ${end}`);
    await listener?.kill9();
    await web.start();
    await reaches(t, lan, { ip: host.ip, port: 8080, name: 'web' }, `published again at start after ${end}`);
  }
  await web.restart();
  await reaches(t, lan, { ip: host.ip, port: 8080, name: 'web' }, 'published again after restart');
  await web.remove();
  t.same(await publishedPorts(scene), [], 'none after rm');
}

/** Published ports: from where they are reached, by whom they are held, and that they go. */
export const publishing: Suite = {
  weftdArgs: ['--gc-grace', '3s'],
  tests: {
    'TCP and UDP ports are reached from everywhere over both families': tcpAndUdp,
    'a port bound to one address is not on another': boundAddresses,
    'the LAN does not reach ports of 127.0.0.1, whatever it sends': loopbackGuard,
    'ranges, several mappings and host ports chosen by weft': rangesAndEphemeral,
    'a container with IPv4 only is published on IPv6 host addresses': fromIpv6ToIpv4,
    'SCTP ports are reserved and translated': sctp,
    'a busy port is refused by name, and nothing stays': busyPorts,
    'a UDP client reaches the container that replaces another': udpFlows,
    'ports are free after stop, kill and rm': freed,
  },
};
