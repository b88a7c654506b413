import type { Test } from 'tap';
import { type HostOptions, until } from '../../lab/index.ts';
import { cannotReach, OTHER_PORT, pings, reaches, serverCommand } from './probe.ts';
import type { Suite } from './run-suite.ts';
import type { Scene } from './scene.ts';

/** What dockerd does to the host's packet filter. */
export type Firewall = 'iptables-nft' | 'iptables-legacy' | 'iptables=false';

async function inForce(t: Test, scene: Scene, firewall: Firewall): Promise<void> {
  const program = firewall === 'iptables-legacy' ? 'iptables-legacy' : 'iptables-nft';
  const { stdout } = await scene.host.tryExec([program, '-S', 'FORWARD']);
  if (firewall === 'iptables=false') {
    t.notMatch(stdout, /DROP|DOCKER/, 'dockerd has no rules');
    return;
  }
  t.match(stdout, /^-P FORWARD DROP$/m, 'the FORWARD policy is DROP');
  t.match(stdout, /-A FORWARD -j DOCKER-USER/, 'and DOCKER-USER comes before');
  const calls = await scene.host.exec(['sysctl', '-n', 'net.bridge.bridge-nf-call-iptables']);
  t.equal(calls.trim(), '1', 'bridged frames pass through iptables');
}

async function reachability(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  const six = () => [scene.takeSubnet(), scene.takeSubnet6()];
  await scene.network('red', { ipv6: true, subnets: six() });
  const [four, blue6] = six();
  await scene.network('blue', {
    ipv6: true,
    subnets: [four, blue6].filter((each) => each !== undefined),
    options: { 'com.docker.network.bridge.name': 'named0' },
  });
  await scene.network('inside', { internal: true });
  const lanServer = await lan.spawn(serverCommand().with(2, `export NAME=lan; ${serverCommand()[2]}`));
  const ann = await scene.server('ann', 'red', { ports: ['8080:80', '8080:80/udp', '127.0.0.1:8081:80'] });
  const bob = await scene.client('bob', 'red');
  const cat = await scene.server('cat', 'blue', { ports: ['8090:80'] });
  const dan = await scene.client('dan', 'blue');
  const eve = await scene.server('eve', 'inside');
  const fox = await scene.client('fox', 'inside');
  const [a, c, e] = [await ann.endpoint(), await cat.endpoint(), await eve.endpoint()];
  for (const ip of [a.IPAddress, a.GlobalIPv6Address]) {
    await reaches(t, bob, { ip, name: 'ann' }, `among containers at ${ip}`);
    await cannotReach(t, dan, { ip, port: OTHER_PORT }, `not from another network at ${ip}`);
  }
  for (const ip of [c.IPAddress, c.GlobalIPv6Address]) {
    await reaches(t, dan, { ip, name: 'cat' }, `among containers on a named bridge at ${ip}`);
  }
  await reaches(t, bob, { ip: lan.ip, name: 'lan', peer: host.ip }, 'out to the LAN');
  await reaches(t, dan, { ip: lan.ip, name: 'lan', peer: host.ip }, 'out from a named bridge');
  await reaches(t, bob, { ip: lan.ip6, name: 'lan', peer: host.ip6 }, 'out over IPv6');
  for (const [port, name] of [
    [8080, 'ann'],
    [8090, 'cat'],
  ] as const) {
    for (const ip of [host.ip, host.ip6]) {
      await reaches(t, lan, { ip, port, name }, `the port of ${name} from the LAN at ${ip}`);
      await reaches(t, host, { ip, port, name }, `from the host at ${ip}`);
      await reaches(t, bob, { ip, port, name }, `from a container at ${ip}`);
      await reaches(t, ann, { ip, port, name }, `from ann at ${ip}`);
    }
    await reaches(t, host, { ip: '127.0.0.1', port, name }, `from the host at 127.0.0.1`);
  }
  await reaches(t, lan, { ip: host.ip, port: 8080, transport: 'udp', name: 'ann' }, 'UDP from the LAN');
  await reaches(t, host, { ip: '127.0.0.1', port: 8081, name: 'ann' }, 'a port of 127.0.0.1 from the host');
  await cannotReach(t, lan, { ip: host.ip, port: 8081 }, 'and not from the LAN');
  await lan.route(String(four?.subnet), host);
  await cannotReach(t, lan, { ip: c.IPAddress }, 'no direct way in');
  await reaches(t, fox, { ip: e.IPAddress, name: 'eve' }, 'among containers of an internal network');
  t.notOk(await pings(fox, lan.ip), 'which has no way out');
  await lanServer.stop();
}

async function withoutIcc(t: Test, scene: Scene): Promise<void> {
  const options = { 'com.docker.network.bridge.enable_icc': 'false' };
  await scene.network('quiet', { options });
  const ann = await scene.server('ann', 'quiet', { ports: ['8080:80'] });
  const bob = await scene.client('bob', 'quiet');
  await cannotReach(t, bob, { ip: (await ann.endpoint()).IPAddress }, 'no traffic among containers');
  await reaches(t, bob, { ip: scene.host.ip, port: 8080, name: 'ann' }, 'but to a published port');
}

/**
 * The administrator flushes DOCKER-USER (`iptables -F DOCKER-USER` is what people do to reset it) and has rules of
 * their own before and behind those of weft.
 */
function dockerUser(firewall: 'iptables-nft' | 'iptables-legacy') {
  return async (t: Test, scene: Scene): Promise<void> => {
    const { host } = scene;
    const rules = async () => (await host.exec([firewall, '-S', 'DOCKER-USER'])).trim().split('\n');
    await scene.network('red');
    await scene.network('blue', { options: { 'com.docker.network.bridge.name': 'named0' } });
    const ann = await scene.server('ann', 'blue');
    const bob = await scene.client('bob', 'blue');
    const before = await rules();
    t.ok(
      before.includes('-A DOCKER-USER -o wb-+ -m comment --comment weft -j ACCEPT'),
      'weft’s bridges are accepted',
    );
    t.ok(
      before.includes('-A DOCKER-USER -o named0 -m comment --comment weft -j ACCEPT'),
      'those with a name as well',
    );
    await host.exec([firewall, '-F', 'DOCKER-USER']);
    const since = performance.now();
    const ours = before.filter((rule) => rule.includes('--comment weft'));
    await until('the rules are back', async () => {
      const now = await rules();
      return ours.every((rule) => now.includes(rule));
    });
    const took = performance.now() - since;
    t.ok(took <= 2000, `flushed rules are back within 2 s: ${Math.round(took)} ms`);
    const ip = (await ann.endpoint()).IPAddress;
    const drop = ['DOCKER-USER', '-i', 'named0', '-j', 'DROP'];
    await reaches(t, bob, { ip, name: 'ann' }, 'traffic passes');
    await host.exec([firewall, '-I', ...drop]);
    await cannotReach(t, bob, { ip }, 'an inserted rule of the administrator drops it');
    t.equal((await rules())[1], `-A ${drop.join(' ')}`, 'and is left where it is');
    // The flush took Docker's RETURN as well, behind which an appended rule would not be judged.
    await host.exec([firewall, '-A', ...drop]);
    await until('weft’s rules are behind it', async () => (await rules()).at(-1)?.includes('weft'));
    await host.exec([firewall, '-D', 'DOCKER-USER', '1']);
    await cannotReach(t, bob, { ip }, 'an appended rule drops it as well');
    await host.exec([firewall, '-D', ...drop]);
    await reaches(t, bob, { ip, name: 'ann' }, 'until it is deleted');
    await scene.docker.removeNetwork('red');
    await ann.remove();
    await bob.remove();
    await scene.docker.removeNetwork('blue');
    await until('the rule of a bridge goes with it', async () => !(await rules()).join().includes('named0'));
  };
}

const HOSTS: Readonly<Record<Firewall, Pick<HostOptions, 'iptables' | 'dockerdArgs'>>> = {
  'iptables-nft': { iptables: 'nft' },
  'iptables-legacy': { iptables: 'legacy' },
  'iptables=false': { dockerdArgs: ['--iptables=false', '--ip6tables=false'] },
};

/** The main ways of traffic beside what dockerd does to the packet filter. */
export function firewalls(firewall: Firewall): Suite {
  return {
    ...HOSTS[firewall],
    weftdArgs: ['--gc-grace', '5m'],
    tests: {
      [`${firewall}: it is in force`]: (t, scene) => inForce(t, scene, firewall),
      [`${firewall}: who reaches whom`]: reachability,
      [`${firewall}: without ICC`]: withoutIcc,
      ...(firewall === 'iptables=false'
        ? {}
        : { [`${firewall}: DOCKER-USER is kept`]: dockerUser(firewall) }),
    },
  };
}
