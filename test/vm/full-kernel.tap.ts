import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { openScratchNamespace } from '../support/scratch-namespace.ts';

/* What other tests count on that run only here: a complete kernel, whose modules come when they are needed. */

/** Commands that make a link `x0` on the dummy link `d0`, by the kind the kernel then says it has. */
const LINKS: Readonly<Record<string, string>> = {
  bridge: 'type bridge vlan_filtering 1',
  veth: 'type veth peer name x1',
  vxlan: 'type vxlan id 7 dstport 4789 local 192.0.2.1',
  geneve: 'type geneve id 7 remote 192.0.2.2',
  macvlan: 'link d0 type macvlan mode bridge',
  ipvlan: 'link d0 type ipvlan mode l3s',
  vlan: 'link d0 type vlan id 50',
  wireguard: 'type wireguard',
  ifb: 'type ifb',
  vrf: 'type vrf table 10',
  bond: 'type bond mode active-backup',
};

const RULES = `
table inet full {
  flowtable fast { hook ingress priority 0; devices = { d0 }; }
  map ways { type iface_index . ether_addr : iface_index; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    meta l4proto { tcp, udp } flow add @fast
    ct state invalid drop
    fib daddr type local counter
    udp dport 53 queue num 3 bypass
    tcp flags syn limit rate 10/second burst 5 packets counter
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 192.0.2.9 dnat to numgen inc mod 2 map { 0 : 198.51.100.1, 1 : 198.51.100.2 }
    ip6 daddr 2001:db8::9 dnat to jhash ip6 saddr mod 2 map { 0 : 2001:db8::1, 1 : 2001:db8::2 }
  }
  chain postrouting { type nat hook postrouting priority srcnat; masquerade; }
}
table netdev full {
  chain port { type filter hook ingress device d0 priority 0; policy accept; ip ttl 1 fwd to d0; }
}`;

t.test('the kernel is a distribution’s, and everything is a module', async (t) => {
  t.match(readFileSync('/proc/version', 'utf8'), /^Linux version \S+-amd64 .*Debian/);
  const loaded = readFileSync('/proc/modules', 'utf8');
  t.match(loaded, /^overlay /m);
  t.match(loaded, /^br_netfilter /m, 'what dockerd would load');
  t.notMatch(loaded, /^(ipvlan|wireguard|ip_vs|sctp) /m);
});

t.test('every kind of link', async (t) => {
  using scratch = await openScratchNamespace();
  scratch.run('ip link add d0 type dummy; ip link set d0 up');
  for (const [kind, words] of Object.entries(LINKS)) {
    const made = scratch.run(`ip link add x0 ${words}; ip -j -d link show x0; ip link del x0`);
    t.match(JSON.parse(made), [{ linkinfo: { info_kind: kind } }], kind);
  }
});

t.test('nf_tables with all that weft uses or may use', async (t) => {
  using scratch = await openScratchNamespace();
  scratch.run(`ip link add d0 type dummy; ip link set d0 up; nft -f - <<'END'\n${RULES}\nEND`);
  const listing = scratch.run('nft list ruleset');
  for (const word of ['flowtable fast', 'queue', 'numgen inc mod 2', 'jhash', 'fwd to "d0"', 'fib daddr']) {
    t.match(listing, word);
  }
});

t.test('iptables of both kinds, for IPv4 and IPv6', async (t) => {
  using scratch = await openScratchNamespace();
  const rule = '-t nat -A POSTROUTING -m addrtype --src-type LOCAL -j MASQUERADE';
  for (const program of ['iptables-nft', 'ip6tables-nft', 'iptables-legacy', 'ip6tables-legacy']) {
    t.match(scratch.run(`${program} ${rule}; ${program} -t nat -S POSTROUTING`), /MASQUERADE/, program);
  }
});

t.test('delay and loss on a link', async (t) => {
  using scratch = await openScratchNamespace();
  const shown = scratch.run(
    'ip link add d0 type dummy; tc qdisc add dev d0 root netem delay 20ms loss 1%; tc -j qdisc show dev d0',
  );
  t.match(JSON.parse(shown), [{ kind: 'netem' }]);
});

t.test('ESP with AES-GCM', async (t) => {
  using scratch = await openScratchNamespace();
  const key = `0x${'11'.repeat(20)}`;
  const addState = (one: string, other: string): string =>
    `ip xfrm state add src ${one} dst ${other} proto esp spi 0x100 mode transport aead 'rfc4106(gcm(aes))' ${key} 128`;
  scratch.run(`${addState('192.0.2.1', '192.0.2.2')}; ${addState('2001:db8::1', '2001:db8::2')}`);
  t.equal(scratch.run('ip xfrm state').match(/proto esp spi 0x00000100/g)?.length, 2);
});

t.test('IPVS and SCTP', async (t) => {
  execFileSync('modprobe', ['--all', 'ip_vs', 'ip_vs_rr', 'sctp']);
  t.ok(existsSync('/proc/net/ip_vs'));
  t.ok(existsSync('/proc/net/sctp'));
});
