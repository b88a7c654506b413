import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Test } from 'tap';
import { attach } from './attach.ts';
import { kernelState, kernelStateLike, ruleset } from './kernel-witness.ts';
import { id, ipamData, type Mapping, networkBody, ports } from './requests.ts';
import { ask, host, Sandbox } from './sandbox.ts';
import type { Case, Scene } from './weftd-suite.ts';

const NETWORK = id('ports');
const ids = (name: string) => ({ NetworkID: NETWORK, EndpointID: id(name) });

interface Port {
  readonly protocol: string;
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly endpoint: string;
  readonly ephemeral: boolean;
}

const published = ({ weftd }: Scene) => weftd.control<readonly Port[]>('/v1/ports');

function network({ weftd }: Scene) {
  const ipv4 = [ipamData('10.66.0.0/24', '10.66.0.1/24')];
  const ipv6 = [ipamData('fd00:66::/64', 'fd00:66::1/64')];
  return weftd.net('CreateNetwork', networkBody({ id: NETWORK, ipv4, ipv6 }));
}

const at = (name: string, n: number, mappings?: readonly Mapping[]) => ({
  network: NETWORK,
  id: id(name),
  ipv4: `10.66.0.${n}/24`,
  ipv6: `fd00:66::${n}/64`,
  ...(mappings === undefined ? {} : { mappings }),
});

async function listen(port: number, address: string): Promise<Server> {
  const server = createServer().listen({ port, host: address });
  await Promise.race([
    once(server, 'listening'),
    once(server, 'error').then(([error]) => Promise.reject(error)),
  ]);
  return server;
}

async function deletionFrees(t: Test, scene: Scene): Promise<void> {
  const { weftd, lan } = scene;
  await network(scene);
  const empty = await kernelState();
  using one = await Sandbox.open('n12a');
  await attach(weftd, one, at('n12a', 2));
  t.same(await weftd.net('RevokeExternalConnectivity', ids('n12a')), {}, 'Revoke without Program');
  t.same(await weftd.net('RevokeExternalConnectivity', ids('nobody')), {}, 'and for an unknown endpoint');
  await weftd.net('DeleteEndpoint', ids('n12a'));

  await attach(weftd, one, at('n12b', 2, [{ port: 80, hostPort: 8012 }]));
  await one.serve('tcp', 80, 'one');
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8012), 'one', 'published');
  t.equal(ask(lan, 'tcp', 'fd00:1a::1', 8012), 'one', 'over IPv6');
  await t.rejects(listen(8012, '0.0.0.0'), /EADDRINUSE/, 'no other process can have the port meanwhile');
  t.same(await weftd.net('DeleteEndpoint', ids('n12b')), {}, 'no Revoke, no Leave');
  t.same(await published(scene), []);
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8012), '', 'no longer published');
  t.same(await kernelStateLike(empty), empty);
  const server = await listen(8012, '0.0.0.0');
  server.close();
  await once(server, 'close');

  using two = await Sandbox.open('n12c');
  await attach(weftd, two, at('n12c', 3, [{ port: 80, hostPort: 8012 }]));
  await two.serve('tcp', 80, 'two');
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8012), 'two', 'another endpoint can have it');
  await weftd.net('Leave', ids('n12c'));
  t.same(await published(scene), [], 'Leave alone takes ports away too');
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8012), '');
}

async function everyKindOfMapping(t: Test, scene: Scene): Promise<void> {
  const { weftd, lan } = scene;
  await network(scene);
  using box = await Sandbox.open('n19');
  await box.serve('tcp', 80, 'web');
  await box.serve('udp', 53, 'dns');
  const taken = await listen(8190, '0.0.0.0');
  await attach(
    weftd,
    box,
    at('n19', 2, [
      { port: 80, hostPort: 8190, hostPortEnd: 8192 },
      { port: 80 },
      { port: 80, hostIp: 'fd00:1a::1', hostPort: 8196 },
      { port: 80, hostIp: '127.0.0.1', hostPort: 8197 },
      { port: 53, proto: 17, hostPort: 8153 },
      { port: 9899, proto: 132, hostPort: 8199 },
    ]),
  );
  const list = await published(scene);
  t.same(
    [
      ...new Set(
        list.filter(({ hostPort }) => hostPort >= 8190 && hostPort <= 8192).map((each) => each.hostPort),
      ),
    ],
    [8191],
    'the first free port of the range',
  );
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8191), 'web');
  t.equal(ask(lan, 'tcp', 'fd00:1a::1', 8191), 'web', 'the same port in both families');
  const chosen = list.filter(({ ephemeral }) => ephemeral).map(({ hostPort }) => hostPort);
  t.equal(new Set(chosen).size, 1, 'HostPort 0: one port for both families');
  const [low = 0, high = 0] = host.run('cat /proc/sys/net/ipv4/ip_local_port_range').split(/\s+/).map(Number);
  t.ok((chosen[0] ?? 0) >= low && (chosen[0] ?? 0) <= high, 'from the range of the kernel');
  t.equal(ask(lan, 'tcp', '192.0.2.1', chosen[0] ?? 0), 'web');
  t.equal(ask(lan, 'tcp', 'fd00:1a::1', 8196), 'web', 'an IPv6 HostIP');
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8196), '', 'and that only');
  t.equal(ask(host, 'tcp', '127.0.0.1', 8197), 'web', 'a loopback HostIP from the host');
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8197), '', 'and from nowhere else');
  t.equal(ask(lan, 'udp', '192.0.2.1', 8153), 'dns', 'udp');
  t.equal(ask(lan, 'udp', 'fd00:1a::1', 8153), 'dns', 'udp over IPv6');
  const sctp = list.filter(({ protocol }) => protocol === 'sctp');
  t.match(
    sctp,
    [
      { hostPort: 8199, containerPort: 9899 },
      { hostPort: 8199, containerPort: 9899 },
    ],
    'sctp is published',
  );
  const rules = JSON.stringify(ruleset());
  t.match(rules, /"sctp",8199/, 'the kernel translates it');
  taken.close();
}

async function conflict(t: Test, scene: Scene): Promise<void> {
  const { weftd, lan } = scene;
  await network(scene);
  using one = await Sandbox.open('n20a');
  using two = await Sandbox.open('n20b');
  await one.serve('tcp', 80, 'one');
  await two.serve('tcp', 80, 'two');
  await attach(weftd, one, at('n20a', 2, [{ port: 80, hostPort: 8201 }]));
  const server = await listen(8202, '0.0.0.0');
  const program = async (name: string, mappings: readonly Mapping[]) =>
    (await weftd.tryNet('ProgramExternalConnectivity', { ...ids(name), Options: ports(mappings) })).json?.[
      'Err'
    ];
  for (const [name, wanted, says] of [
    [
      'n20b',
      { port: 80, hostPort: 8201 },
      new RegExp(`host port 8201/tcp on .* is held by endpoint ${id('n20a').slice(0, 12)}`),
    ],
    ['n20c', { port: 80, hostPort: 8202 }, /host port 8202\/tcp on .* is held by .*node.*pid/i],
    ['n20d', { port: 80, hostPort: 8201, hostPortEnd: 8202 }, /8201–8202 are all taken/],
  ] as const) {
    const mappings = [{ port: 81, hostPort: 8200 }, { port: 53, proto: 17, hostPort: 8200 }, wanted] as const;
    const before = await kernelState();
    await weftd.net('CreateEndpoint', {
      NetworkID: NETWORK,
      EndpointID: id(name),
      Interface: { Address: '10.66.0.3/24' },
      Options: {},
    });
    await weftd.net('Join', { ...ids(name), SandboxKey: two.key, Options: ports(mappings) });
    const joined = await kernelState();
    t.match(await program(name, mappings), says, name);
    t.same(await kernelState(), joined, 'nothing is published');
    t.same(
      (await published(scene)).map(({ hostPort }) => hostPort),
      [8201, 8201],
    );
    for (const free of [await listen(8200, '0.0.0.0'), await listen(8200, '::1')]) free.close();
    await weftd.net('Leave', ids(name));
    await weftd.net('DeleteEndpoint', ids(name));
    t.same(await kernelStateLike(before), before, 'after what an engine does next, nothing is left');
  }
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8201), 'one', 'the holder is undisturbed');
  server.close();
  await once(server, 'close');
  await attach(weftd, two, at('n20e', 4, [{ port: 80, hostPort: 8202 }]));
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8202), 'two', 'and the port can be had once it is free');
}

/** Cases about published ports. */
export const portCases: Readonly<Record<string, Case>> = {
  'N12 Revoke without Program; DeleteEndpoint frees host ports': deletionFrees,
  'N19 port range, HostPort 0, HostIP v6, udp/sctp': everyKindOfMapping,
  'N20 conflict of host port: Err and rollback complete': conflict,
};
