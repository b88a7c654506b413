import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import type { Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { Announcer } from '../../kernel/packet/index.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

const MAC = '02:42:00:00:00:77' as Mac;
const V4 = '198.18.0.77' as Ip;
const V6 = 'fd00::77' as Ip;

interface Neighbour {
  readonly dst: string;
  readonly lladdr?: string;
}

/** Two namespaces joined by a veth pair; the receiver believes in other MACs for both addresses. */
async function joined(sender: ScratchNamespace, receiver: ScratchNamespace): Promise<number> {
  sender.run(
    `ip link add s0 type veth peer name r0; ip link set r0 netns ${receiver.pid}; ip link set s0 up`,
  );
  receiver.run(`
    sysctl -qw net.ipv6.conf.r0.accept_dad=0
    ip link set r0 up
    ip addr add 198.18.0.1/24 dev r0
    ip -6 addr add fd00::1/64 dev r0 nodad
    ip neigh replace ${V4} dev r0 lladdr 02:00:00:00:00:01 nud stale
    ip neigh replace ${V6} dev r0 lladdr 02:00:00:00:00:01 nud stale`);
  const [link] = JSON.parse(sender.run('ip -j link show s0'));
  return link.ifindex;
}

/** Starts tcpdump, waits until it listens, does the act, and gives what tcpdump read of so many frames. */
async function dumped(receiver: ScratchNamespace, frames: number, act: () => void): Promise<string> {
  const filter = `(arp or (icmp6 and ip6[40] == 136)) and ether src ${MAC}`;
  const command = ['timeout', '10', 'tcpdump', '-lnvvei', 'r0', '-c', `${frames}`, filter];
  const tcpdump = spawn('nsenter', [`--net=${receiver.path}`, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  tcpdump.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(tcpdump.stderr, 'data');
  act();
  await once(tcpdump, 'close');
  return text;
}

const macOf = (receiver: ScratchNamespace, ip: Ip): string | undefined => {
  const neighbours: readonly Neighbour[] = JSON.parse(receiver.run('ip -j neigh show dev r0'));
  return neighbours.find(({ dst }) => dst === ip)?.lladdr;
};

t.test('tcpdump reads both announcements, and the neighbour believes them', async (t) => {
  using sender = await openScratchNamespace();
  using receiver = await openScratchNamespace();
  const ifindex = await joined(sender, receiver);
  using announcer = new Announcer(sender.path);
  const text = await dumped(receiver, 2, () => {
    announcer.announce(ifindex, V4, MAC);
    announcer.announce(ifindex, V6, MAC);
  });
  t.match(text, `${MAC} > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42`);
  t.match(text, `Request who-has ${V4} tell ${V4}`);
  t.match(text, `${MAC} > 33:33:00:00:00:01, ethertype IPv6 (0x86dd), length 86: (hlim 255`);
  t.match(
    text,
    `${V6} > ff02::1: [icmp6 sum ok] ICMP6, neighbor advertisement, length 32, tgt is ${V6}, Flags [override]`,
  );
  t.match(text, `destination link-address option (2), length 8 (1): ${MAC}`);
  t.equal(macOf(receiver, V4), MAC);
  t.equal(macOf(receiver, V6), MAC);
});

t.test('a link that is not there or down is an error with its name', async (t) => {
  using sender = await openScratchNamespace();
  using receiver = await openScratchNamespace();
  const ifindex = await joined(sender, receiver);
  using announcer = new Announcer(sender.path);
  t.throws(() => announcer.announce(ifindex + 1000, V4, MAC), /ENXIO/);
  sender.run('ip link set s0 down');
  t.throws(() => announcer.announce(ifindex, V4, MAC), /ENETDOWN/);
});
