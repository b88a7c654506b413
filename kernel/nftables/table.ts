import type { NftFamily } from '../../core/nft.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import { attributeMap, attributeText, attributeU32, needText, toU32 } from './attribute.ts';
import { NFT_MSG, NLM_F, nftMessage } from './message.ts';

const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_FLAGS = 2;

/**
 * Adds a table, or wakes it when somebody made it dormant.
 * @param isNew the kernel answers EEXIST if there is one.
 */
export function encodeTable(family: NftFamily, name: string, isNew = false): NetlinkRequest {
  return nftMessage(NFT_MSG.NEWTABLE, family, NLM_F.CREATE | (isNew ? NLM_F.EXCL : 0), [
    attributeText(NFTA_TABLE_NAME, name),
    attributeU32(NFTA_TABLE_FLAGS, 0),
  ]);
}

/** Deletes a table with all that is in it. */
export function encodeDeleteTable(family: NftFamily, name: string): NetlinkRequest {
  return nftMessage(NFT_MSG.DELTABLE, family, 0, [attributeText(NFTA_TABLE_NAME, name)]);
}

/** A dump request for all tables of all families. */
export function getTables(): NetlinkRequest {
  return nftMessage(NFT_MSG.GETTABLE, undefined, 0, []);
}

export interface InstalledTable {
  readonly name: string;
  /** NFT_TABLE_F_*; 0 for a table in use by nobody in particular. */
  readonly flags: number;
}

/** @throws {DecodeError} when the name is missing. */
export function decodeTable(attributes: Uint8Array): InstalledTable {
  const map = attributeMap(attributes);
  const flags = map.get(NFTA_TABLE_FLAGS);
  return { name: needText(map, NFTA_TABLE_NAME, 'table'), flags: flags === undefined ? 0 : toU32(flags) };
}
