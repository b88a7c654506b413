import { Internal } from '../../core/errors.ts';
import type { TableObject } from '../../core/kernel-objects.ts';
import type { NftChain, NftFamily, NftTable } from '../../core/nft.ts';
import { encodeChain, encodeDeleteChain } from './chain.ts';
import type { InstalledContent } from './fingerprint.ts';
import { installedFingerprint, isOtherSet, mustRecreateChain, tableFingerprint } from './fingerprint.ts';
import { encodeFlushTable, encodeRule } from './rule.ts';
import { encodeDeleteSet, encodeSet } from './set.ts';
import { encodeTable } from './table.ts';
import type { Piece } from './transaction.ts';

/**
 * The messages that turn what is installed into the table wanted, none when it is so already. Sets with an unchanged
 * definition are not touched and keep their elements; a set with a changed one loses them.
 * @throws {Internal} when the object carries no table.
 */
export function ensureTable(object: TableObject, installed: InstalledContent | undefined): readonly Piece[] {
  const { table } = object;
  if (table === undefined) throw new Internal(`table ${object.family} ${object.name} has no content to make`);
  if (installed === undefined) return [...head(table, false), ...body(table, undefined)];
  if (installedFingerprint(table.family, table.name, installed) === tableFingerprint(table)) return [];
  return [...head(table, false), ...clearing(table, installed), ...body(table, installed)];
}

/** The messages that make a table which is not there; where it is, the kernel answers EEXIST. */
export function newTable(table: NftTable): readonly Piece[] {
  return [...head(table, true), ...body(table, undefined)];
}

function head({ family, name }: NftTable, isNew: boolean): readonly Piece[] {
  return [{ message: encodeTable(family, name, isNew), step: `create table ${family} ${name}` }];
}

/** Takes away all rules, then the chains and sets that are not wanted or not so. */
function clearing({ family, name, sets, chains }: NftTable, installed: InstalledContent): readonly Piece[] {
  const wantedChains = new Map(chains.map((chain) => [chain.name, chain]));
  const wantedSets = new Map(sets.map((set) => [set.name, set]));
  const staleSets = installed.sets.filter((set) => {
    const wanted = wantedSets.get(set.name);
    return wanted === undefined || isOtherSet(set, wanted);
  });
  const staleChains = installed.chains.filter((chain) => {
    const wanted = wantedChains.get(chain.name);
    return wanted === undefined || mustRecreateChain(chain, wanted);
  });
  return [
    { message: encodeFlushTable(family, name), step: `flush table ${family} ${name}` },
    // Before the chains, because an element of a verdict map may point to one.
    ...staleSets.map((set) => ({
      message: encodeDeleteSet(family, name, set.name),
      step: `delete set ${family} ${name} ${set.name}`,
    })),
    ...staleChains.map((chain) => ({
      message: encodeDeleteChain(family, name, chain.name),
      step: `delete chain ${family} ${name} ${chain.name}`,
    })),
  ];
}

function body(
  { family, name, sets, chains }: NftTable,
  installed: InstalledContent | undefined,
): readonly Piece[] {
  const kept = new Map(installed?.sets.map((set) => [set.name, set]));
  return [
    ...sets.flatMap((set, index) => {
      const present = kept.get(set.name);
      if (present !== undefined && !isOtherSet(present, set)) return [];
      return {
        message: encodeSet(family, name, set, index + 1),
        step: `create set ${family} ${name} ${set.name}`,
      };
    }),
    ...chainPieces(family, name, chains),
    ...rulePieces(family, name, chains),
  ];
}

/** Chains without their rules; one that is there is left. */
export function chainPieces(family: NftFamily, table: string, chains: readonly NftChain[]): readonly Piece[] {
  return chains.map((chain) => ({
    message: encodeChain(family, table, chain),
    step: `create chain ${family} ${table} ${chain.name}`,
  }));
}

/** The rules of chains, after whatever rules they have. */
export function rulePieces(family: NftFamily, table: string, chains: readonly NftChain[]): readonly Piece[] {
  return chains.flatMap((chain) =>
    chain.rules.map((rule) => ({
      message: encodeRule({ family, table, chain: chain.name }, rule),
      step: `create rule "${rule.comment}" of chain ${family} ${table} ${chain.name}`,
    })),
  );
}
