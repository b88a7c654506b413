import type { Family } from '../../core/address.ts';
import type { NftChain, NftExpr, NftRule } from '../../core/nft.ts';
import { daddr, datumOf, everyOther, port, rule, saddr, words } from './match.ts';
import { RING_SIZES } from './ring.ts';
import { SOURCE_RING_SIZE } from './source-ring.ts';

/** Whether the port stays as it is or is looked up. */
export type Mapping = 'plain' | 'mapped';

/** How the slot of a ring is chosen: by turns of so many, or by the client's address. */
export type Choice = number | 'source';

/** The same on every host, so that a client keeps its backend whichever way it comes. */
const HASH_SEED = 0x77656674;

/** Register from which on `l4proto . daddr . dport` stands, behind a ring's key. */
const PORT_KEY = 8;

/** Name of the chain that translates to a backend of a ring. */
export function pickChain(mapping: Mapping, choice: Choice): string {
  return `${mapping}-${choice}`;
}

/** A chain for every way a ring can be asked. */
export function pickChains(family: Family): readonly NftChain[] {
  return (['plain', 'mapped'] as const).flatMap((mapping) => [
    ...RING_SIZES.map((size) => ({ name: pickChain(mapping, size), rules: byTurns(family, mapping, size) })),
    { name: pickChain(mapping, 'source'), rules: bySource(family, mapping) },
  ]);
}

/**
 * A counter belongs to a rule, and services whose rings are of one size share it. Were there only one, a client that
 * asks two services in turn would get the same backend of each every time; so chance decides between two counters. A
 * client of one service still has all backends take exact turns.
 */
function byTurns(family: Family, mapping: Mapping, size: number): readonly NftRule[] {
  const turn: NftExpr = { expr: 'numgen', type: 'inc', modulus: size, dreg: words(family) };
  // One slot twice, see `last`.
  if (size === 1)
    return ['the only', 'again'].map((comment) => rule(comment, translate(family, mapping, turn)));
  return [
    rule('turns, even', everyOther, translate(family, mapping, turn)),
    rule('turns, odd', translate(family, mapping, turn)),
    last(mapping),
  ];
}

function bySource(family: Family, mapping: Mapping): readonly NftRule[] {
  const w = words(family);
  const slot: NftExpr = {
    expr: 'hash',
    sreg: PORT_KEY,
    len: w * 4,
    modulus: SOURCE_RING_SIZE,
    seed: HASH_SEED,
    dreg: w,
  };
  return [rule('by client', [saddr(family, PORT_KEY)], translate(family, mapping, slot)), last(mapping)];
}

/**
 * Every ring has a first slot. Another can be missed while a transaction takes effect: the chain was chosen before, and
 * the ring is smaller now.
 */
function last(mapping: Mapping): NftRule {
  return rule('whoever there is', [
    { expr: 'verdict', verdict: { kind: 'goto', chain: pickChain(mapping, 1) } },
  ]);
}

/** `dnat to daddr . SLOT map @ring`, for a mapped port with `l4proto . daddr . dport map @targets`. */
function translate(family: Family, mapping: Mapping, slot: NftExpr): readonly NftExpr[] {
  const w = words(family);
  const address = [slot, daddr(family, 0), datumOf('ring', 0, 0)];
  if (mapping === 'plain') return [...address, { expr: 'nat', type: 'dnat', addrReg: 0 }];
  return [
    ...address,
    ...port(family, PORT_KEY),
    datumOf('targets', PORT_KEY, w),
    { expr: 'nat', type: 'dnat', addrReg: 0, portReg: w },
  ];
}
