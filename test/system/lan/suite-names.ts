import type { Test } from 'tap';
import type { ServiceDetail } from '../../../core/control.ts';
import { type Container, until } from '../../lab/index.ts';
import { ask, type Place, pings } from '../bridge/probe.ts';
import { type Addresses, dig, resolves, unknown } from '../naming/asking.ts';
import { answering } from '../naming/suite-services.ts';
import { type LanContainer, type LanHost, type LanScene, restartWeftd } from './lan-scene.ts';
import type { LanSuite } from './run-suite.ts';

const SHOP = { 'weft.service': 'shop', 'weft.service.port': '80,80/udp' };

function of(...all: readonly LanContainer[]): Addresses {
  return { v4: all.map(({ ip }) => ip), v6: all.map(({ ip6 }) => ip6) };
}

/** What a host says of a service once its backends, by name, are in these states. */
function serviceWith(
  { host }: LanHost,
  service: string,
  states: Readonly<Record<string, string>>,
): Promise<ServiceDetail> {
  const wanted = JSON.stringify(Object.entries(states).sort());
  return until(`${service}: ${wanted}`, async () => {
    const { stdout, stderr } = await host.weft(['service', 'inspect', service, '--json']);
    if (stdout === '') throw new Error(stderr);
    const detail = JSON.parse(stdout) as ServiceDetail;
    const now = JSON.stringify(detail.backends.map(({ name, state }) => [name, state]).sort());
    if (now !== wanted) throw new Error(now);
    return detail;
  });
}

/** Asserts that these backends, and nobody else, answer at each address. */
async function shared(t: Test, from: Place, vips: readonly string[], names: readonly string[], who: string) {
  for (const vip of vips) {
    await until(`${vip} answers ${who}`, () => ask(from, vip));
    t.same(await answering(from, vip), names, `${vip} is shared by ${names} for ${who}`);
  }
}

/** A network whose addresses weft gives, with two backends of a service `shop` and one that only asks. */
async function openShop(scene: LanScene, options: Readonly<Record<string, string>> = {}) {
  const { one, underlay } = scene;
  await scene.network(one, {
    name: 'lan',
    ipamDriver: 'weft',
    ipamOptions: { 'weft.parent': 'eth0' },
    options,
  });
  const a = await scene.server(one, 'ann', 'lan', { labels: SHOP });
  const b = await scene.server(one, 'bob', 'lan', { labels: SHOP });
  const client = await scene.server(one, 'cat', 'lan');
  const { vip4 = '', vip6 = '' } = await serviceWith(one, 'shop', { ann: 'ready', bob: 'ready' });
  const isInSubnet = vip4.startsWith(`${underlay.prefix4}.`) && vip6.startsWith(underlay.prefix6);
  if (!isInSubnet) throw new Error(`virtual IPs ${vip4} and ${vip6} are not of the network`);
  return { a, b, client, vips: [vip4, vip6] as const };
}

async function namesOfTheNetwork(t: Test, scene: LanScene): Promise<void> {
  const { one, two, lan } = scene;
  for (const host of scene.hosts) await scene.network(host, { name: 'lan' });
  const a = await scene.server(one, 'ann', 'lan', { aliases: ['web'] });
  const b = await scene.server(one, 'bob', 'lan', { aliases: ['web'] });
  const c = await scene.server(two, 'cat', 'lan');
  const all: Readonly<Record<string, Addresses>> = {
    bob: of(b),
    'BOB.lan': of(b),
    web: of(a, b),
    'tasks.web': of(a, b),
    [b.container.id.slice(0, 12)]: of(b),
  };
  for (const [name, expected] of Object.entries(all)) {
    await resolves(t, a.container, name, expected, 'a container');
  }
  for (const ip of [b.ip, b.ip6]) t.same(await dig(a.container, '-x', ip), ['bob.lan.'], `PTR of ${ip}`);
  await unknown(t, a.container, 'cat', 'a container of another host, whose network is another one');
  await resolves(t, c.container, 'cat', of(c), 'a container there');
  t.same(await dig(a.container, '-x', lan.ip), [], 'nobody invents a name of another machine');
  await restartWeftd(one);
  await resolves(t, a.container, 'web', of(a, b), 'a container after a restart of weftd');
  await b.container.stop();
  await resolves(t, a.container, 'web', of(a), 'a container when one has stopped');
  await unknown(t, a.container, 'bob', 'a container when it has stopped');
}

async function services(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  const { a, b, client, vips } = await openShop(scene);
  const [vip4, vip6] = vips;
  await resolves(t, client.container, 'shop', { v4: [vip4], v6: [vip6] }, 'a container');
  for (const vip of vips) t.same(await dig(client.container, '-x', vip), ['shop.'], `PTR of ${vip}`);
  const explained = await one.host.weft(['explain', 'cat', 'shop:80']);
  t.equal(explained.code, 0, `weft explain: ${explained.stdout}${explained.stderr}`);
  const both = ['ann', 'bob'];
  await shared(t, client.container, vips, both, 'a client');
  await shared(t, a.container, vips, both, 'a backend');
  for (const vip of vips) {
    t.match(await ask(client.container, vip), { peer: vip === vip4 ? client.ip : client.ip6 }, 'as itself');
    t.ok(await pings(client.container, vip), 'by echo');
    t.equal(await ask(lan, vip), undefined, `${vip} means nothing to another machine of the LAN`);
    t.equal(await ask(one.host, vip), undefined, `nor to the host`);
  }
  t.notMatch(await one.host.exec(['nft', 'list', 'tables']), /weft-vip/, 'which has no rules of it');
  await one.weftd.stop();
  await shared(t, client.container, vips, both, 'a client while weftd is away');
  one.weftd = await one.host.startWeftd(['--ui', 'off', '--metrics', 'off']);
  await one.weftd.waitReady();
  const after = await serviceWith(one, 'shop', { ann: 'ready', bob: 'ready' });
  t.same([after.vip4, after.vip6], vips, 'the virtual IPs stay over a restart');
  await shared(t, client.container, vips, both, 'a client after it');
  await b.container.stop();
  await serviceWith(one, 'shop', { ann: 'ready' });
  await shared(t, client.container, vips, ['ann'], 'a client when one has stopped');
}

/** Nobody on the wire hears of a virtual IP: neither is it asked for, nor is anything sent to it. */
async function silence(t: Test, scene: LanScene): Promise<void> {
  const { lan } = scene;
  const { a, client, vips } = await openShop(scene);
  const [vip4, vip6] = vips;
  const heard = (place: { spawn(argv: readonly string[]): ReturnType<typeof lan.spawn> }) => {
    const filter = `host ${vip4} or host ${vip6} or (icmp6 and ip6[40] == 135 and ip6[48:4] == ${words(vip6)[0]} and ip6[52:4] == ${words(vip6)[1]} and ip6[56:4] == ${words(vip6)[2]} and ip6[60:4] == ${words(vip6)[3]})`;
    return place.spawn(['tcpdump', '-lnpi', 'eth0', filter]);
  };
  const wires = [await heard(lan), await heard({ spawn: (argv) => client.container.netSpawn(argv) })];
  for (const wire of wires) await wire.line('it listens', (line) => line.includes('listening on'));
  const places: readonly Container[] = [client.container, a.container];
  for (const from of places) {
    for (const vip of vips) {
      t.match(await answering(from, vip), ['ann', 'bob'], `${vip} by TCP`);
      t.match(await answering(from, vip, { transport: 'udp' }), ['ann', 'bob'], 'by UDP');
      t.ok(await pings(from, vip), 'by echo');
    }
    const neighbours = await from.netExec(['sh', '-c', 'ip neigh show; ip -6 neigh show']);
    for (const vip of vips) t.notMatch(neighbours, `${vip} `, `${vip} is nobody’s neighbour`);
  }
  // What is said on purpose is heard.
  for (const vip of vips) await lan.tryExec(['ping', '-n', '-c', '1', '-W', '1', vip]);
  for (const wire of wires) {
    await wire.line('ARP is heard', (line) => line.includes(`who-has ${vip4} tell ${lan.ip}`));
  }
  await wires[0]?.line('ND is heard', (line) => line.includes(`who has ${vip6}`));
  for (const wire of wires) {
    await wire.stop();
    const said = wire.lines.filter(
      (line) =>
        /who[- ]has|>/.test(line) && !line.includes(`tell ${lan.ip}`) && !line.includes(`${lan.ip6} >`),
    );
    t.same(said, [], 'nothing is sent to a virtual IP, nor asked about it');
  }
}

/** The four 32-bit words of an IPv6 address, as tcpdump's filters write them. */
function words(ip: string): readonly string[] {
  const [head = '', tail = ''] = ip.split('::');
  const parts = (text: string) => (text === '' ? [] : text.split(':'));
  const zeros = Array<string>(8 - parts(head).length - parts(tail).length).fill('0');
  const all = [...parts(head), ...zeros, ...parts(tail)].map((part) => part.padStart(4, '0'));
  return [0, 2, 4, 6].map((at) => `0x${all[at]}${all[at + 1]}`);
}

async function probes(t: Test, scene: LanScene): Promise<void> {
  const { one } = scene;
  await scene.network(one, { name: 'lan' });
  const labels = (health: string) => ({ ...SHOP, 'weft.service.health': health });
  await scene.server(one, 'ann', 'lan', { labels: labels('tcp:81') });
  const { container } = await scene.server(one, 'bob', 'lan', { labels: labels('tcp:9') });
  const client = await scene.server(one, 'cat', 'lan');
  const { vip4 = '', vip6 = '' } = await serviceWith(one, 'shop', { ann: 'ready', bob: 'starting' });
  await shared(t, client.container, [vip4, vip6], ['ann'], 'a client while one does not answer its probe');
  const listen = 'socat TCP6-LISTEN:9,fork,reuseaddr PIPE >/dev/null 2>&1 & echo $! > /tmp/nine';
  await container.exec(['sh', '-c', listen]);
  await serviceWith(one, 'shop', { ann: 'ready', bob: 'ready' });
  await shared(t, client.container, [vip4, vip6], ['ann', 'bob'], 'a client when it does');
  await container.exec(['sh', '-c', 'kill $(cat /tmp/nine)']);
  await serviceWith(one, 'shop', { ann: 'ready', bob: 'failing' });
  await shared(t, client.container, [vip4, vip6], ['ann'], 'a client when it does no longer');
}

/** Docker gives the addresses, so weft takes virtual IPs from the other end: the first two are somebody else's. */
async function taken(t: Test, scene: LanScene): Promise<void> {
  const { one, lan, underlay } = scene;
  const change = async (what: 'add' | 'del') => {
    for (const last of [254, 253]) {
      await lan.exec(['ip', 'addr', what, `${underlay.prefix4}.${last}/24`, 'dev', 'eth0']);
    }
  };
  await change('add');
  await scene.network(one, { name: 'lan' });
  const a = await scene.server(one, 'ann', 'lan', { labels: SHOP });
  const { vip4 = '' } = await serviceWith(one, 'shop', { ann: 'ready' });
  t.equal(vip4, `${underlay.prefix4}.252`, 'addresses of others are no virtual IPs');
  await shared(t, a.container, [vip4], ['ann'], 'a client');
  await change('del');
}

async function hostAccess(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  const { a, client, vips } = await openShop(scene, { 'weft.host_access': 'true' });
  await shared(t, one.host, vips, ['ann', 'bob'], 'the host');
  // It has asked for them before it had access.
  await one.host.exec(['ip', 'neigh', 'flush', 'dev', 'eth0', 'nud', 'all']);
  for (const vip of vips) {
    t.same(await answering(one.host, vip, { transport: 'udp' }), ['ann', 'bob'], `${vip} by UDP`);
    t.ok(await pings(one.host, vip), 'by echo');
    t.equal(await ask(lan, vip), undefined, 'another machine of the LAN does not reach it');
  }
  const neighbours = await one.host.exec(['sh', '-c', 'ip neigh show; ip -6 neigh show']);
  for (const vip of vips) t.notMatch(neighbours, `${vip} `, `the host does not ask who has ${vip}`);
  await shared(t, client.container, vips, ['ann', 'bob'], 'a container as ever');
  await a.container.stop();
  await serviceWith(one, 'shop', { bob: 'ready' });
  await shared(t, one.host, vips, ['bob'], 'the host when one has stopped');
}

async function internal(t: Test, scene: LanScene): Promise<void> {
  const { one } = scene;
  const docker = one.host.docker;
  const subnet = '10.9.1.0/24';
  await docker.createNetwork({
    name: 'in',
    driver: 'weft-macvlan',
    ipamDriver: 'weft',
    subnets: [{ subnet }],
    internal: true,
  });
  const own = { ip6: '', labels: SHOP };
  const a = await scene.server(one, 'ann', 'in', { ...own, ip: '10.9.1.5' });
  await scene.server(one, 'bob', 'in', { ...own, ip: '10.9.1.6' });
  const client = await docker.runContainer({ name: 'cat', network: 'in' });
  await resolves(t, client, 'ann.in', { v4: ['10.9.1.5'], v6: [] }, 'a container');
  t.same(await dig(client, '-x', '10.9.1.6'), ['bob.in.'], 'PTR');
  const { vip4 = '', vip6 } = await serviceWith(one, 'shop', { ann: 'ready', bob: 'ready' });
  t.equal(vip6, undefined, 'no IPv6, no virtual IP of it');
  await shared(t, client, [vip4], ['ann', 'bob'], 'a client');
  t.equal(await ask(one.host, vip4), undefined, 'the host is kept out');
  await restartWeftd(one);
  await shared(t, a.container, [vip4], ['ann', 'bob'], 'a backend after a restart of weftd');
}

export const names: LanSuite = {
  'names, aliases and reverse names': namesOfTheNetwork,
  'a service with virtual IPs': services,
  'nothing of a virtual IP is on the wire': silence,
  'probes are made inside sandboxes': probes,
  'virtual IPs are not addresses of other machines': taken,
  'the host has access to services': hostAccess,
  'a network without a parent has names and services': internal,
};
