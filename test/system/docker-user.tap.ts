import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import type { IfName } from '../../core/ids.ts';
import { openForwardAccept } from '../../kernel/docker-user/index.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

t.setTimeout(120_000);

const BACKENDS = ['nft', 'legacy'] as const;
type Backend = (typeof BACKENDS)[number];

const commands = (backend: Backend) => [`iptables-${backend}`, `ip6tables-${backend}`] as const;
const chainNames = (backend: Backend) => [`ip ${backend} DOCKER-USER`, `ip6 ${backend} DOCKER-USER`];

/** What dockerd to 27 does: forwarding on, FORWARD drops, bridged frames pass iptables, DOCKER-USER with a RETURN. */
function asDockerd(host: ScratchNamespace, backend: Backend): void {
  host.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1');
  host.run('sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1');
  for (const iptables of commands(backend)) {
    host.run(`${iptables} -N DOCKER-USER; ${iptables} -A DOCKER-USER -j RETURN
              ${iptables} -A FORWARD -j DOCKER-USER; ${iptables} -P FORWARD DROP`);
  }
}

/** Adds a bridge with the gateway addresses .1 and ::1 of subnet `n`. */
function addBridge(host: ScratchNamespace, name: string, n: number): void {
  host.run(`ip link add ${name} type bridge; sysctl -qw net.ipv6.conf.${name}.accept_dad=0; ip link set ${name} up
            ip addr add 198.18.${n}.1/24 dev ${name}; ip -6 addr add fd00:${n}::1/64 dev ${name} nodad`);
}

/** Joins a namespace to a bridge as host `h` of subnet `n`, routed by the bridge's addresses. */
function attach(host: ScratchNamespace, bridge: string, guest: ScratchNamespace, n: number, h: number): void {
  host.run(`ip link add v${n}-${h} type veth peer name eth0 netns ${guest.pid}
            ip link set v${n}-${h} master ${bridge} up`);
  guest.run(`sysctl -qw net.ipv6.conf.eth0.accept_dad=0; ip link set eth0 up
             ip addr add 198.18.${n}.${h}/24 dev eth0; ip -6 addr add fd00:${n}::${h}/64 dev eth0 nodad
             ip route add default via 198.18.${n}.1; ip -6 route add default via fd00:${n}::1`);
}

/**
 * Whether packets go there and back, over IPv4 and over IPv6. A neighbour that did not answer before is asked again
 * only after a second, so where an answer is expected it may come to a later one of `attempts`.
 */
function reaches(from: ScratchNamespace, n: number, h: number, attempts = 1): readonly [boolean, boolean] {
  const answered = from.run(`
    attempt() { for i in $(seq ${attempts}); do busybox $1 -c 1 -W 1 $2 >/dev/null 2>&1 && echo $1 && break; done; }
    attempt ping 198.18.${n}.${h} &
    attempt ping6 fd00:${n}::${h} &
    wait`);
  return [answered.includes('ping\n'), answered.includes('ping6')];
}

const listing = (host: ScratchNamespace, backend: Backend) =>
  commands(backend).map((iptables) => host.run(`${iptables} -S DOCKER-USER 2>&1`).trim().split('\n'));
/** All rules, without the counters of chains and the remarks with the time. */
const saved = (host: ScratchNamespace, backend: Backend) =>
  commands(backend).map((iptables) => host.run(`${iptables}-save -t filter`).replace(/^#.*\n|\[.*\]/gm, ''));

const own = (interfaces: string, verdict: string) =>
  `-A DOCKER-USER ${interfaces} -m comment --comment weft -j ${verdict}`;
const OWN = [
  own('-i wb-+ -o docker0', 'RETURN'),
  own('-i wb-+ -o br-+', 'RETURN'),
  own('-i wb-+', 'ACCEPT'),
  own('-o wb-+', 'ACCEPT'),
];
const TAIL = '-A DOCKER-USER -j RETURN';

for (const backend of BACKENDS) {
  t.test(`packets of weft pass a host with dockerd (${backend})`, async (t) => {
    using host = await openScratchNamespace();
    using a = await openScratchNamespace();
    using b = await openScratchNamespace();
    using outside = await openScratchNamespace();
    using docker = await openScratchNamespace();
    asDockerd(host, backend);
    for (const [name, n] of [
      ['wb-aaaaaaaaaa', 1],
      ['ext0', 2],
      ['br-docker', 3],
      ['lan0', 4],
    ] as const) {
      addBridge(host, name, n);
    }
    attach(host, 'wb-aaaaaaaaaa', a, 1, 2);
    attach(host, 'wb-aaaaaaaaaa', b, 1, 3);
    attach(host, 'ext0', outside, 2, 2);
    attach(host, 'br-docker', docker, 3, 2);
    await using accept = await openForwardAccept({ namespace: host.path });

    t.same(reaches(a, 1, 3), [false, false], 'within a bridge nothing passes before');
    t.same(reaches(a, 2, 2), [false, false], 'nor outwards');
    t.same(await accept.ensure([]), chainNames(backend));
    t.same(reaches(a, 1, 3, 5), [true, true], 'then within a bridge');
    t.same(reaches(a, 2, 2, 5), [true, true], 'outwards');
    t.same(reaches(outside, 1, 2, 5), [true, true], 'and inwards');
    t.same(reaches(a, 3, 2), [false, false], 'Docker still decides what reaches its own networks');
    t.same(reaches(outside, 3, 2), [false, false], 'and what is no business of weft');

    outside.run('ip addr flush dev eth0');
    host.run(`ip link set v2-2 nomaster; ip link set v2-2 master lan0`);
    outside.run('ip addr add 198.18.4.2/24 dev eth0; ip -6 addr add fd00:4::2/64 dev eth0 nodad');
    outside.run('ip route replace default via 198.18.4.1; ip -6 route replace default via fd00:4::1');
    t.same(reaches(docker, 4, 2), [false, false], 'a bridge with a name of the user needs its own rules');
    await accept.ensure(['lan0' as IfName, 'br-docker' as IfName]);
    t.same(reaches(docker, 4, 2, 5), [true, true]);
    t.same(reaches(outside, 3, 2, 5), [true, true], 'also if it is named as Docker would name it');
    await accept.remove();
    t.same(reaches(a, 1, 3), [false, false], 'and nothing passes when all is removed');
  });

  t.test(`rules of the administrator are judged before those of weft (${backend})`, async (t) => {
    using host = await openScratchNamespace();
    using a = await openScratchNamespace();
    using b = await openScratchNamespace();
    asDockerd(host, backend);
    addBridge(host, 'wb-aaaaaaaaaa', 1);
    attach(host, 'wb-aaaaaaaaaa', a, 1, 2);
    attach(host, 'wb-aaaaaaaaaa', b, 1, 3);
    await using accept = await openForwardAccept({ namespace: host.path });
    const both = (...rules: readonly string[]) => {
      const lines = commands(backend).flatMap((iptables) => rules.map((rule) => `${iptables} ${rule}`));
      host.run(lines.join('\n'));
    };
    const all = [true, true];
    const none = [false, false];
    await accept.ensure([]);
    t.same(reaches(a, 1, 3, 5), all);
    both('-I DOCKER-USER -i wb-+ -j DROP');
    t.same(await accept.ensure([]), [], 'what the administrator inserts is in its place');
    t.same(reaches(a, 1, 3), none, 'and drops');
    both('-D DOCKER-USER 1', '-I DOCKER-USER 5 -i wb-+ -j DROP');
    t.same(reaches(a, 1, 3, 5), all, 'what stands between weft and the RETURN comes too late');
    t.same(await accept.ensure([]), chainNames(backend), 'so weft goes behind it');
    t.same(reaches(a, 1, 3), none);
    for (const lines of listing(host, backend)) t.equal(lines.at(-1), TAIL, 'the RETURN is last');
    both('-D DOCKER-USER 1', '-A DOCKER-USER -i wb-+ -j DROP');
    t.same(await accept.ensure([]), [], 'weft does not go behind the RETURN');
    t.same(reaches(a, 1, 3, 5), all, 'where nothing is judged');
    both('-D DOCKER-USER -j RETURN');
    t.same(await accept.ensure([]), chainNames(backend), 'without a RETURN, as from 28 on, weft is the last');
    t.same(reaches(a, 1, 3), none, 'and what was appended drops');
    both('-D DOCKER-USER 1', '-A DOCKER-USER -i wb-+ -j DROP');
    t.same(await accept.ensure([]), chainNames(backend), 'also when it is appended later');
    t.same(reaches(a, 1, 3), none);
    both('-D DOCKER-USER 1');
    t.same(await accept.ensure([]), []);
    t.same(reaches(a, 1, 3, 5), all, 'until it is deleted');
  });

  t.test(`rules are kept at the end, repaired, and removed without a trace (${backend})`, async (t) => {
    using host = await openScratchNamespace();
    asDockerd(host, backend);
    for (const iptables of commands(backend)) {
      host.run(`${iptables} -I DOCKER-USER -i eth7 -m comment --comment "not weft" -j DROP
                ${iptables} -I DOCKER-USER -p tcp --dport 9
                ${iptables} -N OTHER; ${iptables} -A OTHER -g DOCKER-USER; ${iptables} -I FORWARD -j OTHER`);
    }
    const foreign = listing(host, backend).map((lines) => lines.slice(1, -1));
    const before = saved(host, backend);
    const expectChain = (rules: readonly string[], message: string) =>
      t.same(
        listing(host, backend),
        foreign.map((lines) => ['-N DOCKER-USER', ...lines, ...rules, TAIL]),
        message,
      );
    await using accept = await openForwardAccept({ namespace: host.path });
    t.same(await accept.ensure([]), chainNames(backend));
    expectChain(OWN, 'iptables lists the rules after the others, before the RETURN');
    const after = saved(host, backend);
    t.same(await accept.ensure([]), [], 'nothing to repair the second time');

    const [iptables, ip6tables] = commands(backend);
    host.run(`${iptables} -D DOCKER-USER 5`);
    t.same(await accept.ensure([]), chainNames(backend).slice(0, 1), 'a lost rule is put back');
    host.run(`${ip6tables} -I DOCKER-USER 4 -i eth8 -j DROP`);
    t.same(await accept.ensure([]), chainNames(backend).slice(1), 'a rule that got among them is moved out');
    t.equal(listing(host, backend)[1]?.[3], '-A DOCKER-USER -i eth8 -j DROP', 'to the others');
    host.run(`${ip6tables} -D DOCKER-USER 3; ${ip6tables} -I DOCKER-USER -j RETURN`);
    t.same(await accept.ensure([]), chainNames(backend).slice(1), 'behind a RETURN they are of no use');
    t.same(listing(host, backend)[1]?.slice(1, 6), [...OWN, TAIL]);
    host.run(`${ip6tables} -D DOCKER-USER 5`);
    t.same(await accept.ensure([]), chainNames(backend).slice(1));
    t.same(saved(host, backend), after);

    t.same(await accept.ensure(['lan0' as IfName]), chainNames(backend));
    const lan = [
      own('-i lan0 -o docker0', 'RETURN'),
      own('-i lan0 -o br-+', 'RETURN'),
      own('-i lan0', 'ACCEPT'),
      own('-o lan0', 'ACCEPT'),
    ];
    expectChain([...OWN, ...lan], 'a bridge of the user gets its own');
    await accept.ensure([]);
    expectChain(OWN, 'and loses them with the network');
    await accept.remove();
    t.same(saved(host, backend), before);
    await accept.remove();
    t.same(saved(host, backend), before, 'removing again changes nothing');
  });

  t.test(`save and restore leave weft's rules known as weft's (${backend})`, async (t) => {
    using host = await openScratchNamespace();
    asDockerd(host, backend);
    const before = saved(host, backend);
    await using accept = await openForwardAccept({ namespace: host.path });
    await accept.ensure([]);
    for (const iptables of commands(backend)) host.run(`${iptables}-save | ${iptables}-restore`);
    await accept.ensure([]);
    t.same(listing(host, backend), [
      ['-N DOCKER-USER', ...OWN, TAIL],
      ['-N DOCKER-USER', ...OWN, TAIL],
    ]);
    await accept.remove();
    t.same(saved(host, backend), before);
  });

  t.test(`another program changes rules at the same time (${backend})`, async (t) => {
    using host = await openScratchNamespace();
    asDockerd(host, backend);
    const [iptables] = commands(backend);
    host.run(`${iptables} -N OTHER`);
    // A dot for each rule written, until told to stop.
    const script = `
      trap stop=1 TERM; i=0
      while [ -z "$stop" ]; do
        i=$((i + 1)); ${iptables} -w -A OTHER -m comment --comment "rule $i" -j RETURN; printf .
      done`;
    const other = spawn('nsenter', [`--net=${host.path}`, 'sh', '-e', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let theirs = 0;
    other.stdout.on('data', (dots: Buffer) => {
      theirs += dots.length;
    });
    const exit = once(other, 'close');
    await using accept = await openForwardAccept({ namespace: host.path });
    let ours = 0;
    while ((ours < 10 || theirs < 50) && other.exitCode === null) {
      ours += (await accept.ensure([])).length > 0 ? 1 : 0;
      await accept.remove();
    }
    other.kill('SIGTERM');
    t.same(await exit, [0, null]);
    t.ok(ours >= 10 && theirs >= 50, `both wrote many times: ${ours} and ${theirs}`);
    const added = host.run(`${iptables} -S OTHER`).trim().split('\n').slice(1);
    t.same(
      added,
      Array.from(
        { length: theirs },
        (_, index) => `-A OTHER -m comment --comment "rule ${index + 1}" -j RETURN`,
      ),
      'and no rule of theirs was lost',
    );
  });
}

t.test('counters of other legacy rules live on', async (t) => {
  using host = await openScratchNamespace();
  asDockerd(host, 'legacy');
  host.run('iptables-legacy -A INPUT -i lo; ip link set lo up; busybox ping -c 1 127.0.0.1');
  const counters = () => host.run('iptables-legacy -xvnL INPUT');
  const before = counters();
  t.match(before, /^\s*2\s+168 .* lo /m);
  await using accept = await openForwardAccept({ namespace: host.path });
  t.same(await accept.ensure([]), ['ip legacy DOCKER-USER', 'ip6 legacy DOCKER-USER']);
  t.equal(counters(), before);
  await accept.remove();
  t.equal(counters(), before);
});

t.test('calls at the same time are made one after the other', async (t) => {
  using host = await openScratchNamespace();
  for (const backend of BACKENDS) asDockerd(host, backend);
  await using accept = await openForwardAccept({ namespace: host.path });
  const [first, second] = await Promise.all([accept.ensure([]), accept.ensure([])]);
  t.same([first, second], [BACKENDS.flatMap(chainNames), []]);
  for (const backend of BACKENDS) {
    for (const lines of listing(host, backend)) {
      t.same(
        lines.filter((line) => line.startsWith('-A DOCKER-USER')),
        [...OWN, TAIL],
      );
    }
  }
});

t.test('where no DOCKER-USER chain is, nothing is made', async (t) => {
  using host = await openScratchNamespace();
  await using accept = await openForwardAccept({ namespace: host.path });
  t.same(await accept.ensure(['lan0' as IfName]), []);
  await accept.remove();
  t.equal(host.run('nft list ruleset; cat /proc/net/ip_tables_names /proc/net/ip6_tables_names'), '');

  host.run('iptables-nft -P FORWARD DROP; ip6tables-legacy -P FORWARD DROP');
  t.same(await accept.ensure([]), [], 'nor in a filter table without it');
  t.notMatch(host.run('nft list ruleset; ip6tables-legacy -S'), 'DOCKER-USER');
});

t.test('both backends at once are both kept', async (t) => {
  using host = await openScratchNamespace();
  for (const backend of BACKENDS) asDockerd(host, backend);
  await using accept = await openForwardAccept({ namespace: host.path });
  t.same(await accept.ensure([]), BACKENDS.flatMap(chainNames));
  t.same(await accept.ensure([]), []);
  const start = performance.now();
  for (let i = 0; i < 100; i++) await accept.ensure([]);
  const each = (performance.now() - start) / 100;
  t.comment(`ensure with nothing to do: ${each.toFixed(2)} ms for four chains`);
  t.ok(each < 20);
});
