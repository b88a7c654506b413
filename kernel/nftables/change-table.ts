import { Internal } from '../../core/errors.ts';
import type { NftChain, NftTable } from '../../core/nft.ts';
import { encodeDeleteChain } from './chain.ts';
import { chainPieces, rulePieces } from './ensure-table.ts';
import { isSameChain, mustRecreateChain, setLine } from './fingerprint.ts';
import { encodeFlushChain } from './rule.ts';
import type { Piece } from './transaction.ts';

/**
 * The messages that turn one definition of a table into another, where the kernel is known to hold the first. Only
 * chains that differ are touched, so that the others go on counting their turns.
 * @throws {Internal} when their sets differ: those would lose their elements.
 */
export function changeTable(from: NftTable, to: NftTable): readonly Piece[] {
  const { family, name } = to;
  if (from.sets.map(setLine).join('\n') !== to.sets.map(setLine).join('\n')) {
    throw new Internal(`table ${family} ${name}: its sets are not to change`);
  }
  const before = new Map(from.chains.map((chain) => [chain.name, chain]));
  const after = new Set(to.chains.map((chain) => chain.name));
  const changed = to.chains.filter((chain) => {
    const was = before.get(chain.name);
    return was === undefined || !isSameChain(was, chain);
  });
  const stays = (chain: NftChain): boolean => {
    const was = before.get(chain.name);
    return was !== undefined && !mustRecreateChain(was, chain);
  };
  const gone = [
    ...from.chains.filter((chain) => !after.has(chain.name)),
    ...changed.filter((chain) => before.has(chain.name) && !stays(chain)),
  ];
  return [
    // First, because their rules may jump to chains that go.
    ...[...changed.filter(stays), ...gone].map((chain) => ({
      message: encodeFlushChain({ family, table: name, chain: chain.name }),
      step: `flush chain ${family} ${name} ${chain.name}`,
    })),
    ...gone.map((chain) => ({
      message: encodeDeleteChain(family, name, chain.name),
      step: `delete chain ${family} ${name} ${chain.name}`,
    })),
    ...chainPieces(family, name, changed),
    ...rulePieces(family, name, changed),
  ];
}
