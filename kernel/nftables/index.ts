/**
 * nf_tables over nfnetlink: codecs of the messages and expressions weft uses, and `Nftables`, which reads weft's own
 * tables and changes them in transactions. No `nft` process. What the tables hold is not decided here: that is data
 * of core/nft.ts, made by plans. For tables of others there are only the codecs and readers.
 */
export type { InstalledChain } from './chain.ts';
export { decodeChain, getChains } from './chain.ts';
export { chainExists, dumpRules, readGeneration } from './dump.ts';
export { type Expected, expectedOf } from './expected.ts';
export type { DecodedExpr, OpaqueExpr } from './expressions/expression.ts';
export { type LaidOut, layOut } from './laid-out.ts';
export { batchBegin, batchEnd, decodeNftMessage } from './message.ts';
export { Nftables } from './nftables.ts';
export type { ChainAddress, InstalledRule } from './rule.ts';
export { decodeRule, encodeDeleteRule, encodeRule, getRules } from './rule.ts';
export { tableObject } from './table-object.ts';
export type { Tally } from './tally.ts';
export { type ElementTally, layOutTallies, type TallyQuery } from './tally-query.ts';
export { TimeSlice } from './time-slice.ts';
