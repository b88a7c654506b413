import { Internal } from '../../core/errors.ts';
import type { TableObject } from '../../core/kernel-objects.ts';
import type { NftTable } from '../../core/nft.ts';
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
  if (installed === undefined) return [...head(table), ...body(table, undefined)];
  if (installedFingerprint(table.family, table.name, installed) === tableFingerprint(table)) return [];
  return [...head(table), ...clearing(table, installed), ...body(table, installed)];
}

function head(table: NftTable): readonly Piece[] {
  return [
    { message: encodeTable(table.family, table.name), step: `create table ${table.family} ${table.name}` },
  ];
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
    ...chains.map((chain) => ({
      message: encodeChain(family, name, chain),
      step: `create chain ${family} ${name} ${chain.name}`,
    })),
    ...chains.flatMap((chain) =>
      chain.rules.map((rule) => ({
        message: encodeRule({ family, table: name, chain: chain.name }, rule),
        step: `create rule "${rule.comment}" of chain ${family} ${name} ${chain.name}`,
      })),
    ),
  ];
}
