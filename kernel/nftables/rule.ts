import type { NftFamily, NftRule } from '../../core/nft.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import {
  attribute,
  attributeMap,
  attributeNest,
  attributeText,
  decodeAttributes,
  need,
  needText,
} from './attribute.ts';
import type { DecodedExpr } from './expressions/expression.ts';
import { decodeExpr, encodeExpr } from './expressions/expression.ts';
import { NFT_MSG, NLM_F, nftMessage } from './message.ts';
import { decodeComment, encodeComment } from './userdata.ts';

const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_RULE_POSITION = 6;
const NFTA_RULE_USERDATA = 7;

/** Where a rule is, without saying which. */
export interface ChainAddress {
  readonly family: NftFamily;
  readonly table: string;
  readonly chain: string;
}

/**
 * Adds a rule at the end of its chain, or `before` the rule with that handle: without NLM_F_APPEND a position is
 * inserted before (net/netfilter/nf_tables_api.c: nf_tables_newrule()), so rules sent in order stand in order. The
 * kernel answers ENOENT when the other rule is gone.
 */
export function encodeRule(
  { family, table, chain }: ChainAddress,
  rule: NftRule,
  options: { readonly before?: bigint } = {},
): NetlinkRequest {
  const { before } = options;
  const flags = NLM_F.CREATE | (before === undefined ? NLM_F.APPEND : 0);
  return nftMessage(NFT_MSG.NEWRULE, family, flags, [
    attributeText(NFTA_RULE_TABLE, table),
    attributeText(NFTA_RULE_CHAIN, chain),
    attributeNest(
      NFTA_RULE_EXPRESSIONS,
      rule.exprs.map((expr) => encodeExpr(expr, family)),
    ),
    attribute(NFTA_RULE_USERDATA, encodeComment(rule.comment)),
    ...(before === undefined ? [] : [attribute(NFTA_RULE_POSITION, encodeHandle(before))]),
  ]);
}

/** Deletes one rule by the handle a dump gave. */
export function encodeDeleteRule({ family, table, chain }: ChainAddress, handle: bigint): NetlinkRequest {
  return nftMessage(NFT_MSG.DELRULE, family, 0, [
    attributeText(NFTA_RULE_TABLE, table),
    attributeText(NFTA_RULE_CHAIN, chain),
    attribute(NFTA_RULE_HANDLE, encodeHandle(handle)),
  ]);
}

function encodeHandle(handle: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, handle);
  return bytes;
}

/** Deletes every rule of every chain of a table. */
export function encodeFlushTable(family: NftFamily, table: string): NetlinkRequest {
  return nftMessage(NFT_MSG.DELRULE, family, 0, [attributeText(NFTA_RULE_TABLE, table)]);
}

/** Deletes every rule of a chain. */
export function encodeFlushChain({ family, table, chain }: ChainAddress): NetlinkRequest {
  return nftMessage(NFT_MSG.DELRULE, family, 0, [
    attributeText(NFTA_RULE_TABLE, table),
    attributeText(NFTA_RULE_CHAIN, chain),
  ]);
}

/** A dump request for the rules of a table, or of one chain of it. */
export function getRules(family: NftFamily, table: string, chain?: string): NetlinkRequest {
  return nftMessage(NFT_MSG.GETRULE, family, 0, [
    attributeText(NFTA_RULE_TABLE, table),
    ...(chain === undefined ? [] : [attributeText(NFTA_RULE_CHAIN, chain)]),
  ]);
}

/** A rule in the kernel. */
export interface InstalledRule {
  readonly table: string;
  readonly chain: string;
  /** Unique in its table while the kernel runs. */
  readonly handle: bigint;
  readonly exprs: readonly DecodedExpr[];
  readonly comment?: string;
  /** As stored: empty when there is none. */
  readonly userdata: Uint8Array;
}

/** @throws {DecodeError} when an attribute is missing or malformed. */
export function decodeRule(attributes: Uint8Array, family: NftFamily): InstalledRule {
  const map = attributeMap(attributes);
  const handle = need(map, NFTA_RULE_HANDLE, 'rule');
  const list = map.get(NFTA_RULE_EXPRESSIONS) ?? new Uint8Array();
  const userdata = Uint8Array.from(map.get(NFTA_RULE_USERDATA) ?? []);
  const comment = decodeComment(userdata);
  return {
    table: needText(map, NFTA_RULE_TABLE, 'rule'),
    chain: needText(map, NFTA_RULE_CHAIN, 'rule'),
    handle: BigInt(`0x${Buffer.from(handle).toString('hex') || '0'}`),
    exprs: decodeAttributes(list).map(([, content]) => decodeExpr(content, family)),
    ...(comment === undefined ? {} : { comment }),
    userdata,
  };
}
