import type { Family } from '../../core/address.ts';
import { nftFamily } from '../../core/kernel-objects.ts';
import type { NftChain, NftExpr, NftRule, NftSet, NftTable } from '../../core/nft.ts';
import { affinityChains, CLIENTS } from './affinity.ts';
import {
  backend,
  byHostLink,
  daddr,
  datumOf,
  echoRequest,
  forwarded,
  inSet,
  isNumber,
  jump,
  ofNoConnection,
  port,
  rule,
  tcp,
  translated,
  verdictOf,
  vip,
  words,
} from './match.ts';
import { pickChains, pickMarks } from './pick.ts';

/** Name of the table of virtual IPs, in each family. */
export const VIP_TABLE = 'weft-vip';

/** Before Docker's chains at -100; the first nat chain that translates a connection decides. */
const BEFORE_DSTNAT = -110;
/** Before srcnat at 100, so that clients still have their own addresses. */
const BEFORE_SRCNAT = 90;
const FILTER = 0;

/**
 * What is counted of each backend: connections, which the first packet of each pays for, or also packets and bytes,
 * which every packet does.
 */
export type Counted = 'nothing' | 'connections' | 'bytes';

/** What a table depends on. Services and backends are only ever elements. */
export interface VipTableShape {
  readonly family: Family;
  /** `sandbox`: clients are in this namespace. `host`: also packets that it forwards. */
  readonly place: 'sandbox' | 'host';
  /** Affinity timeouts in use: seconds, rising. */
  readonly timeouts: readonly number[];
  readonly counted: Counted;
  /**
   * Names of the chains that elements lead to, for choosing among backends. A change of backends can need one more; a
   * table with all of them takes ten times as long to make, and each change of its elements twice as long. Absent: all.
   */
  readonly picks?: ReadonlySet<string>;
}

/**
 * The table of one family. All is decided in nat chains, which only the first packet of a connection goes through; for
 * a connection to anything but a virtual IP that is one lookup on its way out. Later packets are not looked at, or only counted.
 */
export function vipTable(shape: VipTableShape): NftTable {
  return {
    family: nftFamily(shape.family),
    name: VIP_TABLE,
    sets: sets(shape.family),
    chains: chains(shape),
  };
}

function sets(family: Family): readonly NftSet[] {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  return [
    { name: 'vips', key: [address] },
    { name: 'services', key: ['inet_proto', address, 'inet_service'], data: ['mark'] },
    { name: 'addresses', key: [address], data: ['mark'] },
    { name: 'echoes', key: [address], data: ['mark'] },
    { name: 'ring', key: [address, 'mark'], data: [address] },
    { name: 'targets', key: ['inet_proto', address, 'inet_service'], data: ['inet_service'] },
    { name: 'connections', key: [address, address], counter: true },
    { name: 'traffic', key: [address, address], counter: true },
    { name: 'known', key: [address], data: ['verdict'] },
    { name: 'remembering', key: [address], data: ['verdict'] },
    { name: CLIENTS, key: [address, address], data: [address], dynamic: true },
  ];
}

function chains(shape: VipTableShape): readonly NftChain[] {
  const { family, place, timeouts, counted, picks } = shape;
  const sticky = timeouts.length > 0;
  const toVip = [daddr(family, 0), inSet('vips', 0)];
  const choose = rule('to a virtual IP', toVip, jump('choose'));
  return [
    ...pickChains(family, picks),
    ...(sticky ? affinityChains(family, timeouts) : []),
    offersChain(family, picks),
    chooseChain(family, sticky),
    {
      name: 'output',
      base: { type: 'nat', hook: 'output', priority: BEFORE_DSTNAT, policy: 'accept' },
      rules: [choose],
    },
    ...(place === 'host' ? [prerouting([choose])] : []),
    ...lostChains(family, place),
    ...(counted === 'bytes' ? trafficChains(family, place) : []),
    ...postrouting(shape),
  ];
}

/** The first packet once its backend is chosen; no chain where there is nothing to do. */
function postrouting({ family, place, timeouts, counted }: VipTableShape): readonly NftChain[] {
  const rules = [
    ...(counted === 'nothing'
      ? []
      : [rule('connections', [vip(0), daddr(family, words(family)), inSet('connections', 0)])]),
    ...(timeouts.length > 0 ? [rule('remembered', [vip(0), verdictOf('remembering', 0)])] : []),
    // The backend may have a way to the client that does not come by here.
    ...(place === 'host'
      ? [
          rule('answers come back', forwarded, [vip(0), inSet('vips', 0)], [{ expr: 'masquerade' }]),
          rule('also on a LAN', byHostLink(family), [vip(0), inSet('vips', 0)], [{ expr: 'masquerade' }]),
        ]
      : []),
  ];
  if (rules.length === 0) return [];
  const base = { type: 'nat', hook: 'postrouting', priority: BEFORE_SRCNAT, policy: 'accept' } as const;
  return [{ name: 'postrouting', base, rules }];
}

/**
 * Packets to a virtual IP that conntrack cannot place: from the middle of a connection that it has forgotten, where it
 * may not pick one up (net.netfilter.nf_conntrack_tcp_loose=0), or of no connection at all. Nobody translates them and
 * nobody has the address, so without an answer their sender would wait for ever.
 */
function lostChains(family: Family, place: VipTableShape['place']): readonly NftChain[] {
  const lost = rule('of no connection', ofNoConnection, [daddr(family, 0), inSet('vips', 0)], jump('lost'));
  const hooks = place === 'host' ? (['output', 'forward'] as const) : (['output'] as const);
  return [
    { name: 'lost', rules: refusals },
    ...hooks.map(
      (hook): NftChain => ({
        name: `lost-${hook}`,
        base: { type: 'filter', hook, priority: FILTER, policy: 'accept' },
        rules: [lost],
      }),
    ),
  ];
}

/** Every packet of a translated connection; of any other, one look at its connection's state. */
function trafficChains(family: Family, place: VipTableShape['place']): readonly NftChain[] {
  const counted = rule('traffic', translated, [vip(0), backend(words(family)), inSet('traffic', 0)]);
  const hooks = place === 'host' ? (['output', 'input', 'forward'] as const) : (['output', 'input'] as const);
  return hooks.map((hook) => ({
    name: `traffic-${hook}`,
    base: { type: 'filter', hook, priority: FILTER, policy: 'accept' },
    rules: [counted],
  }));
}

function prerouting(rules: NftChain['rules']): NftChain {
  return {
    name: 'prerouting',
    base: { type: 'nat', hook: 'prerouting', priority: BEFORE_DSTNAT, policy: 'accept' },
    rules,
  };
}

const refusals = [
  rule('connections refused', tcp(), [{ expr: 'counter' }, { expr: 'reject', with: 'tcp-reset' }]),
  rule('others refused', [{ expr: 'counter' }, { expr: 'reject', with: 'port-unreachable' }]),
];

/** Who reaches the end asked for what is not offered, or what nobody can answer now. */
function chooseChain(family: Family, sticky: boolean): NftChain {
  return {
    name: 'choose',
    rules: [
      ...(sticky ? [rule('known clients', [daddr(family, 0), verdictOf('known', 0)])] : []),
      // Twice: a transaction may take effect between two of its rules, each of which looks an offer up.
      rule('what is offered', jump('offers')),
      rule('once more', jump('offers')),
      ...refusals,
    ],
  };
}

/**
 * From an offer to the chain that chooses: a rule for each such chain. A lookup of it by what the first lookup gave
 * would be one rule for all, but nft(8) 1.0.6 aborts on it when it lists the table.
 */
function offersChain(family: Family, picks: ReadonlySet<string> | undefined): NftChain {
  const plain = pickMarks('plain', picks);
  const address = [daddr(family, 0)];
  const offers = (
    set: string,
    key: readonly (readonly NftExpr[])[],
    ways: readonly (readonly [string, number])[],
  ): readonly NftRule[] =>
    ways.map(([chain, mark]) =>
      rule(`${set}: ${chain}`, ...key, [datumOf(set, 0, 0)], isNumber(0, mark), jump(chain)),
    );
  return {
    name: 'offers',
    rules: [
      ...offers('services', [port(family, 0)], [...plain, ...pickMarks('mapped', picks)]),
      ...offers('echoes', [echoRequest(family), address], plain),
      ...offers('addresses', [address], plain),
    ],
  };
}
