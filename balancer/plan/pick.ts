import type { Family } from '../../core/address.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { NftChain, NftExpr, NftRule } from '../../core/nft.ts';
import { daddr, datumOf, everyOther, port, rule, saddr, words } from './match.ts';
import { RING_SIZES } from './ring.ts';
import { SOURCE_RING_SIZE } from './source-ring.ts';

/** Whether the port stays as it is or is looked up. */
export type Mapping = 'plain' | 'mapped';

/** How the slot of a ring is chosen: by turns of so many, or by the client's address. */
export type Choice = number | 'source';

const CHOICES: readonly Choice[] = [...RING_SIZES, 'source'];

/** The maps whose elements lead to a chain for choosing. */
const LEADING: ReadonlySet<string> = new Set(['services', 'addresses', 'echoes']);

/** The same on every host, so that a client keeps its backend whichever way it comes. */
const HASH_SEED = 0x77656674;

/** Register from which on `l4proto . daddr . dport` stands, behind a ring's key. */
const PORT_KEY = 8;

/** What stands for `source` where other choices are their size. */
const SOURCE = 2048;
/** Added where ports are mapped. */
const MAPPED = 4096;

/** Name of the chain that translates to a backend of a ring. */
function pickChain(mapping: Mapping, choice: Choice): string {
  return `${mapping}-${choice}`;
}

/**
 * The number by which elements say in which chain the choice is made. Were it a verdict, the kernel would walk all
 * rules and elements of the table to look for loops after each change of one, which takes longer than the change
 * (net/netfilter/nf_tables_api.c: nft_table_validate()).
 */
export function pickMark(mapping: Mapping, choice: Choice): number {
  return (mapping === 'mapped' ? MAPPED : 0) + (choice === 'source' ? SOURCE : choice);
}

/** Chains for choosing with the numbers that lead to them. */
export function pickMarks(
  mapping: Mapping,
  picks?: ReadonlySet<string>,
): readonly (readonly [string, number])[] {
  return CHOICES.flatMap((choice) => {
    const name = pickChain(mapping, choice);
    return (picks?.has(name) ?? true) ? [[name, pickMark(mapping, choice)] as const] : [];
  });
}

/**
 * A chain for every way a ring can be asked.
 * @param picks names of those that are wanted; absent: all.
 */
export function pickChains(family: Family, picks?: ReadonlySet<string>): readonly NftChain[] {
  const isWanted = (mapping: Mapping, choice: Choice) => picks?.has(pickChain(mapping, choice)) ?? true;
  const mappings = (['plain', 'mapped'] as const).filter((mapping) =>
    CHOICES.some((choice) => isWanted(mapping, choice)),
  );
  return mappings.flatMap((mapping) =>
    // The others' last resort is the first.
    CHOICES.filter((choice) => choice === 1 || isWanted(mapping, choice)).map((choice) => ({
      name: pickChain(mapping, choice),
      rules: choice === 'source' ? bySource(family, mapping) : byTurns(family, mapping, choice),
    })),
  );
}

/**
 * Names of the chains that choose among backends for these elements, and for a backend more or less: a chain that is
 * missing then would be made in every sandbox first.
 */
export function picksOf(elements: readonly ElementObject[]): readonly string[] {
  return elements.flatMap(({ set, data }) => (LEADING.has(set) ? (NAMES.get(data?.[0] ?? '') ?? []) : []));
}

/** Sizes up to each of these have their chains together. */
const STEPS: readonly number[] = [4, 8, 16];

const NAMES: ReadonlyMap<string, readonly string[]> = new Map(
  (['plain', 'mapped'] as const).flatMap((mapping) =>
    CHOICES.map((choice) => [
      String(pickMark(mapping, choice)),
      CHOICES.filter((other) => stepOf(other) === stepOf(choice)).map((other) => pickChain(mapping, other)),
    ]),
  ),
);

function stepOf(choice: Choice): Choice {
  return STEPS.find((step) => choice !== 'source' && choice <= step) ?? choice;
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
