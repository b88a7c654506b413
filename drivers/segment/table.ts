import type { Family } from '../../core/address.ts';
import type { NftChain, NftRule, NftSet, NftTable } from '../../core/nft.ts';
import {
  clampSegments,
  counter,
  dnatFrom,
  established,
  ethernet,
  icmp,
  inSet,
  jump,
  masquerade,
  noInput,
  notForwarded,
  notInSet,
  notrack,
  rule,
  snatFrom,
  tcpOpening,
  toLoopback,
  toThisHost,
  translated,
  udp,
  verdict,
  verdictFrom,
} from './match.ts';

/** Name of weft's table in each family. */
export const TABLE = 'weft';

/** Priorities of nft(8): raw, mangle, dstnat, filter, srcnat. */
const RAW = -300;
const MANGLE = -150;
const DSTNAT = -100;
const FILTER = 0;
const SRCNAT = 100;

/** How traffic may enter a network from outside its bridge; one chain each. */
export const INGRESS_POLICIES = [
  'nat-isolated',
  'nat-shared',
  'open-isolated',
  'open-shared',
  'routed-isolated',
  'routed-shared',
] as const;
export type IngressPolicy = (typeof INGRESS_POLICIES)[number];

/**
 * The host's table of one family: constant, so that a network or a published port is only ever an element, and the
 * ten-thousandth costs what the first did. All traffic that is not from or to a weft bridge leaves the forward chain
 * after three set lookups without a match.
 */
export function hostTable(family: Family): NftTable {
  return { family: family === 4 ? 'ip' : 'ip6', name: TABLE, sets: sets(family), chains: chains(family) };
}

/** Map of the netdev table: by which link frames of a network leave for a MAC. */
export const WAYS = 'ways';

/** The table of shortcuts past bridges, whose chains come and go with the ports. */
export const shortcutTable: NftTable = {
  family: 'netdev',
  name: TABLE,
  sets: [{ name: WAYS, key: ['devgroup', 'ether_addr'], data: ['iface_index'] }],
  chains: [],
};

function sets(family: Family): readonly NftSet[] {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  return [
    { name: 'bridges', key: ['ifname'] },
    { name: 'within', key: ['ifname', 'ifname'] },
    { name: 'masqueraded', key: ['ifname'] },
    { name: 'source-address', key: ['ifname'], data: [address] },
    { name: 'leaving', key: ['ifname'], data: ['verdict'] },
    { name: 'entering', key: ['ifname'], data: ['verdict'] },
    { name: 'trusted', key: ['ifname', 'ifname'] },
    { name: 'opened', key: ['inet_proto', address, 'inet_service'] },
    { name: 'relayed', key: ['ifname', 'inet_proto', 'inet_service'] },
    { name: 'ports', key: ['inet_proto', address, 'inet_service'], data: [address, 'inet_service'] },
    { name: 'ports-any', key: ['inet_proto', 'inet_service'], data: [address, 'inet_service'] },
    { name: 'clamped', key: ['ifname'] },
    { name: 'switched', key: ['ifname'] },
    { name: 'gateway-macs', key: ['ifname', 'ether_addr'] },
    { name: 'tunnel-ports', key: ['inet_service'] },
    { name: 'tunnel-ends', key: [address] },
  ];
}

function chains(family: Family): readonly NftChain[] {
  const daddr = family === 4 ? 'daddr4' : 'daddr6';
  return [
    ...tunnelChains(family),
    switchedChain,
    segmentsChain,
    {
      name: 'publish',
      rules: [
        rule('published on one address', dnatFrom('ports', family, 'l4proto', daddr, 'dport')),
        rule('published on every address', toThisHost, dnatFrom('ports-any', family, 'l4proto', 'dport')),
      ],
    },
    ...ingressChains(family),
    {
      name: 'prerouting',
      base: { type: 'nat', hook: 'prerouting', priority: DSTNAT, policy: 'accept' },
      rules: [
        // A neighbour on the LAN can address a frame for 127.0.0.1 to this host's MAC; DNAT would let it in.
        rule('loopback ports are for this host only', toLoopback(family), verdict('return')),
        rule(
          'own ports of a network without ICC',
          inSet('relayed', 'iifname', 'l4proto', 'dport'),
          verdict('return'),
        ),
        rule('from outside', jump('publish')),
      ],
    },
    {
      name: 'output',
      base: { type: 'nat', hook: 'output', priority: DSTNAT, policy: 'accept' },
      rules: [...loopbackIsRelayed(family), rule('from this host', jump('publish'))],
    },
    {
      name: 'forward',
      base: { type: 'filter', hook: 'forward', priority: FILTER, policy: 'accept' },
      rules: [
        rule('within one network', inSet('within', 'iifname', 'oifname'), verdict('accept')),
        rule('leaving a network', verdictFrom('leaving', 'iifname')),
        rule('entering a network', verdictFrom('entering', 'oifname')),
      ],
    },
    {
      name: 'postrouting',
      base: { type: 'nat', hook: 'postrouting', priority: SRCNAT, policy: 'accept' },
      rules: [
        // Bridged after translation (br_netfilter) or from this host, perhaps over 127.0.0.1: no input interface.
        rule(
          'clients of this host and this bridge',
          noInput,
          inSet('bridges', 'oifname'),
          translated,
          masquerade,
        ),
        rule('hairpin', inSet('within', 'iifname', 'oifname'), translated, masquerade),
        rule('stays in its network', inSet('within', 'iifname', 'oifname'), verdict('return')),
        rule('fixed source address', snatFrom('source-address')),
        rule('leaves its network', inSet('masqueraded', 'iifname'), masquerade),
      ],
    },
  ];
}

/**
 * VXLAN has no authentication: whoever reaches the port can put frames into a network (RFC 7348 section 7). Before
 * connection tracking, so that a flood of such packets fills no table; what this host only forwards or bridges is not
 * its own tunnels' and passes. Nor is the hosts' own traffic tracked: its source port tells inner connections apart
 * (RFC 7348 section 5), so that each would be one more entry, which never sees an answer.
 */
function tunnelChains(family: Family): readonly NftChain[] {
  const toTunnel = [...udp, ...inSet('tunnel-ports', 'dport')];
  const [from, to] = family === 4 ? (['saddr4', 'daddr4'] as const) : (['saddr6', 'daddr6'] as const);
  return [
    {
      name: 'tunnel',
      base: { type: 'filter', hook: 'prerouting', priority: RAW, policy: 'accept' },
      rules: [
        rule('from other hosts', toTunnel, inSet('tunnel-ends', from), notrack),
        rule(
          'tunnel packets of strangers',
          toTunnel,
          notInSet('tunnel-ends', from),
          notForwarded,
          counter,
          verdict('drop'),
        ),
      ],
    },
    {
      name: 'tunnel-out',
      base: { type: 'filter', hook: 'output', priority: RAW, policy: 'accept' },
      rules: [rule('to other hosts', toTunnel, inSet('tunnel-ends', to), notrack)],
    },
  ];
}

/**
 * With bridge-nf-call-iptables frames between a network's containers pass here as well. Only those to the gateway can
 * be translated or leave the network: what follows the others has nothing to do but cost time and conntrack entries.
 */
const switchedChain: NftChain = {
  name: 'switched',
  base: { type: 'filter', hook: 'prerouting', priority: RAW, policy: 'accept' },
  rules: [
    rule(
      'stays on its bridge',
      inSet('switched', 'iifname'),
      ethernet,
      notInSet('gateway-macs', 'iifname', 'ether-daddr'),
      notrack,
    ),
  ],
};

/** Path MTU discovery fails where ICMP is filtered; who opens a connection over a tunnel is told what it carries. */
const segmentsChain: NftChain = {
  name: 'segments',
  base: { type: 'filter', hook: 'forward', priority: MANGLE, policy: 'accept' },
  rules: [
    rule('segments that fit a tunnel, inwards', tcpOpening, inSet('clamped', 'oifname'), clampSegments),
    rule('segments that fit a tunnel, outwards', tcpOpening, inSet('clamped', 'iifname'), clampSegments),
  ],
};

/**
 * Answers to ::1 would be translated back before ip6_rcv_core() looks at them, which drops ::1 from any link but lo
 * (RFC 4291 section 2.5.3); so weftd relays connections to it in user space.
 */
function loopbackIsRelayed(family: Family): readonly NftRule[] {
  return family === 6 ? [rule('loopback is relayed', toLoopback(6), verdict('return'))] : [];
}

function ingressChains(family: Family): readonly NftChain[] {
  const daddr = family === 4 ? 'daddr4' : 'daddr6';
  const answers = rule('answers', established, verdict('accept'));
  const published = rule('published', translated, verdict('accept'));
  const opened = rule('opened', inSet('opened', 'l4proto', daddr, 'dport'), verdict('accept'));
  const trusted = rule(
    'trusted interface',
    inSet('trusted', 'iifname', 'oifname'),
    inSet('opened', 'l4proto', daddr, 'dport'),
    verdict('accept'),
  );
  const echo = rule('echo and errors', icmp(family), verdict('accept'));
  const notOthers = rule('other networks', inSet('bridges', 'iifname'), counter, verdict('drop'));
  const others = rule('other networks', inSet('bridges', 'iifname'), verdict('accept'));
  const guard = rule('direct routing', counter, verdict('drop'));
  const all: Readonly<Record<IngressPolicy, NftChain['rules']>> = {
    'nat-isolated': [answers, published, trusted, guard],
    'nat-shared': [answers, published, trusted, others, guard],
    'open-isolated': [answers, published, notOthers],
    'open-shared': [],
    'routed-isolated': [answers, opened, notOthers, echo, guard],
    'routed-shared': [answers, opened, others, echo, guard],
  };
  return INGRESS_POLICIES.map((name) => ({ name, rules: all[name] }));
}
