import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Ip } from '../../../core/address.ts';
import { KernelError, NotFound, Unsupported } from '../../../core/errors.ts';
import type { IfName, Mac, SandboxKey } from '../../../core/ids.ts';
import { openLinuxKernel } from '../../../kernel/index.ts';
import { sendTo } from '../../../kernel/libc/index.ts';
import type { LinuxKernel } from '../../../kernel/linux-kernel.ts';
import { encodeGratuitousArp, PROBE_TIMING } from '../../../kernel/packet/index.ts';
import { closeLater, linkAddress, openPacketSocket } from '../../../kernel/packet/packet-socket.ts';
import { poll } from '../../support/poll.ts';
import type { ScratchNamespace } from '../../support/scratch-namespace.ts';
import { Segment } from './segment.ts';

const ETH0 = 'eth0' as IfName;
const HERE = '02:42:00:00:00:01' as Mac;
const THERE = '02:42:00:00:00:02' as Mac;
const FREE = ['198.18.0.9', 'fd00::9'] as readonly string[] as readonly Ip[];
const TAKEN = ['198.18.0.2', 'fd00::2'] as readonly string[] as readonly Ip[];

const openKernel = (machine: ScratchNamespace): Promise<LinuxKernel> =>
  openLinuxKernel({ namespace: machine.path, log: () => undefined });

/** The other machine has both addresses of `TAKEN`. */
async function twoMachines() {
  const segment = await Segment.open();
  const here = await segment.machine(HERE);
  const there = await segment.machine(THERE);
  there.run(`
    ip addr add 198.18.0.2/24 dev eth0
    ip -6 addr add fd00::2/64 dev eth0 nodad`);
  return { segment, here, there };
}

/** Packet sockets of a namespace, by protocol. */
const packetSockets = (machine: ScratchNamespace): readonly string[] =>
  machine
    .run('cat /proc/net/packet')
    .split('\n')
    .slice(1)
    .flatMap((line) => line.trim().split(/\s+/)[3] ?? [])
    .filter((protocol) => protocol !== '0000' && protocol !== '');

t.test('who has an address is told with its MAC, and nobody is nobody', async (t) => {
  const { segment, here } = await twoMachines();
  using _ = segment;
  await using kernel = await openKernel(here);
  for (const ip of TAKEN) t.same(await kernel.probe(ETH0, ip), { mac: THERE });
  for (const ip of FREE) t.equal(await kernel.probe(ETH0, ip), undefined);
  for (const ip of TAKEN)
    t.same(await kernel.probe(ETH0, ip, 'briefly'), { mac: THERE }, 'at a brief look too');
  for (const ip of FREE) t.equal(await kernel.probe(ETH0, ip, 'briefly'), undefined);
});

t.test('three probes go out, from no address, and tcpdump takes them for what they are', async (t) => {
  const { segment, here, there } = await twoMachines();
  using _ = segment;
  await using kernel = await openKernel(here);
  const filter = `(arp or (icmp6 and dst ff02::1:ff00:9)) and ether src ${HERE}`;
  const command = ['timeout', '10', 'tcpdump', '-lnvvei', 'eth0', '-c', '6', filter];
  const tcpdump = spawn('nsenter', [`--net=${there.path}`, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  tcpdump.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(tcpdump.stderr, 'data');
  const closed = once(tcpdump, 'close');
  await Promise.all(FREE.map((ip) => kernel.probe(ETH0, ip)));
  await closed;
  t.equal(
    text.match(/Request who-has 198\.18\.0\.9 tell 0\.0\.0\.0, length 28/g)?.length,
    PROBE_TIMING.count,
  );
  const solicitation =
    /:: > ff02::1:ff00:9: \[icmp6 sum ok\] ICMP6, neighbor solicitation, length 32, who has fd00::9/g;
  t.equal(text.match(solicitation)?.length, PROBE_TIMING.count);
});

t.test('two that probe one address at once both hear of it', async (t) => {
  const { segment, here, there } = await twoMachines();
  using _ = segment;
  await using kernel = await openKernel(here);
  await using other = await openKernel(there);
  for (const ip of FREE) {
    const both = [kernel.probe(ETH0, ip), sleep(30).then(() => other.probe(ETH0, ip))];
    const [first, second] = await Promise.all(both);
    t.same(first, { mac: THERE }, `${ip}: who began hears the other’s probe`);
    t.equal(second, undefined, `${ip}: and has ceased by then, so that one of them gets the address`);
  }
});

t.test('an address of this host is its own, on whatever link', async (t) => {
  const { segment, here } = await twoMachines();
  using _ = segment;
  here.run(`
    ip link add other type veth peer name far
    ip link set other address 02:42:00:00:00:77
    ip addr add 198.18.0.77/24 dev other
    ip addr add 198.18.0.1/24 dev eth0`);
  await using kernel = await openKernel(here);
  t.same(await kernel.probe(ETH0, '198.18.0.1' as Ip), { mac: HERE, dev: 'eth0' });
  t.same(await kernel.probe(ETH0, '198.18.0.77' as Ip), { mac: '02:42:00:00:00:77', dev: 'other' });
});

t.test('many at once share a socket for each family, which is closed after them', async (t) => {
  const { segment, here } = await twoMachines();
  using _ = segment;
  await using kernel = await openKernel(here);
  const ips = Array.from({ length: 50 }, (_, i) => [`198.18.0.${i + 100}`, `fd00::${i + 100}`]).flat();
  const started = performance.now();
  const all = Promise.all([...ips, ...TAKEN].map((ip) => kernel.probe(ETH0, ip as Ip)));
  await sleep(100);
  t.same([...packetSockets(here)].sort(), ['0806', '86dd']);
  const holders = await all;
  t.same(
    holders.flatMap((holder) => holder ?? []),
    [{ mac: THERE }, { mac: THERE }],
  );
  t.ok(performance.now() - started < 5000, 'not one after the other');
  await poll(() => packetSockets(here).length === 0);
});

t.test('a switch that sends frames back does not make the host its own enemy', async (t) => {
  const { segment, here } = await twoMachines();
  using _ = segment;
  segment.reflect(1);
  await using kernel = await openKernel(here);
  for (const ip of FREE) t.equal(await kernel.probe(ETH0, ip), undefined);
  for (const ip of TAKEN) t.same(await kernel.probe(ETH0, ip), { mac: THERE });
});

t.test('what is said on a VLAN is not said on the untagged LAN', async (t) => {
  const { segment, here, there } = await twoMachines();
  using _ = segment;
  await using kernel = await openKernel(here);
  const [ip] = FREE as readonly [Ip];
  const claim = encodeGratuitousArp(ip, THERE);
  const tagged = Uint8Array.of(...claim.subarray(0, 12), 0x81, 0, 0, 50, ...claim.subarray(12));
  const { ifindex } = JSON.parse(there.run('ip -j link show eth0'))[0];
  const fd = openPacketSocket(there.path);
  const while_ = async (frame: Uint8Array) => {
    const probe = kernel.probe(ETH0, ip);
    await sleep(100);
    sendTo(fd, frame, linkAddress(ifindex, 0x0806));
    return probe;
  };
  t.equal(await while_(tagged), undefined);
  t.same(await while_(claim), { mac: THERE });
  closeLater(fd);
});

for (const mode of ['bridge', 'private', 'vepa']) {
  t.test(
    `behind macvlan links in mode ${mode} the LAN is heard, and other hosts’ containers answer`,
    async (t) => {
      const { segment, here, there } = await twoMachines();
      using _ = segment;
      here.run(
        `ip link add own link eth0 address 02:42:00:00:01:01 type macvlan mode ${mode}; ip link set own up`,
      );
      there.run(`
      ip link add child link eth0 address 02:42:00:00:02:02 type macvlan mode bridge
      ip link set child up
      ip addr add 198.18.0.22/24 dev child
      ip -6 addr add fd00::22/64 dev child nodad`);
      await using kernel = await openKernel(here);
      if (mode !== 'passthru') {
        for (const ip of ['198.18.0.22', 'fd00::22']) {
          const holder = await kernel.probe(ETH0, ip as Ip);
          t.match(holder?.mac, /^02:42:00:00:0(2:02|0:02)$/, ip);
        }
      }
      for (const ip of FREE) t.equal(await kernel.probe(ETH0, ip), undefined);
    },
  );
}

t.test('a link that is missing, no Ethernet, down, or goes meanwhile', async (t) => {
  const { segment, here } = await twoMachines();
  using _ = segment;
  await using kernel = await openKernel(here);
  const [ip, ip6] = FREE as readonly [Ip, Ip];
  await t.rejects(kernel.probe('eth7' as IfName, ip), new NotFound('there is no link eth7'));
  await t.rejects(kernel.probe('lo' as IfName, ip), new Unsupported('link lo is not Ethernet'));
  const going = [ip, ip6].map((each) => kernel.probe(ETH0, each));
  const gone = Promise.allSettled(going);
  await sleep(50);
  here.run('ip link set eth0 down');
  for (const outcome of await gone) {
    t.match(outcome, { status: 'rejected', reason: { code: 'kernel', errno: 'ENETDOWN' } });
  }
  await t.rejects(kernel.probe(ETH0, ip), KernelError);
  here.run('ip link set eth0 up');
  const deleted = Promise.allSettled([ip, ip6].map((each) => kernel.probe(ETH0, each)));
  await sleep(50);
  here.run('ip link delete eth0');
  for (const outcome of await deleted) t.match(outcome, { status: 'rejected', reason: { code: 'kernel' } });
  await poll(() => packetSockets(here).length === 0);
});

t.test('an announcement from inside a sandbox reaches the LAN and its neighbours on the host', async (t) => {
  const { segment, here, there } = await twoMachines();
  using _ = segment;
  const inside = await segment.machine('02:42:00:00:00:03');
  const sibling = await segment.machine('02:42:00:00:00:04');
  const key = inside.path as SandboxKey;
  const [ip, ip6] = FREE as readonly [Ip, Ip];
  here.run(`
    ip link add c1 link eth0 type macvlan mode bridge
    ip link set c1 netns ${inside.pid}
    ip link add c2 link eth0 type macvlan mode bridge
    ip link set c2 netns ${sibling.pid}`);
  await using kernel = await openKernel(here);
  t.equal(await kernel.announceInside(key, ip), false, 'no link has it yet');
  inside.run(`
    ip link set c1 address 02:42:00:00:00:99 up
    ip addr add ${ip}/24 dev c1
    ip -6 addr add ${ip6}/64 dev c1 nodad`);
  for (const [machine, dev] of [
    [there, 'eth0'],
    [sibling, 'c2'],
  ] as const) {
    machine.run(`
      ip link set ${dev} up
      ip neigh replace ${ip} dev ${dev} lladdr 02:00:00:00:00:01 nud stale
      ip neigh replace ${ip6} dev ${dev} lladdr 02:00:00:00:00:01 nud stale`);
  }
  for (const each of [ip, ip6]) t.equal(await kernel.announceInside(key, each), true);
  for (const [machine, dev] of [
    [there, 'eth0'],
    [sibling, 'c2'],
  ] as const) {
    const believed = () =>
      JSON.parse(machine.run(`ip -j neigh show dev ${dev}`)).filter(
        ({ lladdr }: { readonly lladdr?: string }) => lladdr === '02:42:00:00:00:99',
      ).length;
    await poll(() => believed() === 2);
    t.equal(believed(), 2, dev);
  }
  t.equal(await kernel.announceInside('/run/netns/none' as SandboxKey, ip), false, 'no sandbox');
});
