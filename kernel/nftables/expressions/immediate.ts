import { DecodeError } from '../../../core/errors.ts';
import { attributeNest, attributeU32, need, needU32 } from '../attribute.ts';
import { decodeVerdict, encodeVerdict } from '../verdict.ts';
import type { ExprCodec } from './codec.ts';
import { needValue, valueAttribute } from './codec.ts';
import { NFT_REG_VERDICT, needRegister, registerAttribute } from './register.ts';

const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;

/** Loads a constant; net/netfilter/nft_immediate.c. */
export const immediate: ExprCodec<'immediate'> = {
  encode: ({ dreg, data }) => [
    registerAttribute(NFTA_IMMEDIATE_DREG, dreg),
    valueAttribute(NFTA_IMMEDIATE_DATA, data),
  ],
  decode: (map) => ({
    expr: 'immediate',
    dreg: needRegister(map, NFTA_IMMEDIATE_DREG, 'immediate'),
    data: needValue(map, NFTA_IMMEDIATE_DATA, 'immediate'),
  }),
};

/** The same kernel expression with the verdict register as its destination. */
export const verdict: ExprCodec<'verdict'> = {
  encode: (expr) => [
    attributeU32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT),
    attributeNest(NFTA_IMMEDIATE_DATA, [encodeVerdict(expr.verdict)]),
  ],
  decode: (map) => {
    const found = decodeVerdict(need(map, NFTA_IMMEDIATE_DATA, 'verdict'));
    if (found === undefined) throw new DecodeError('verdict: the verdict register holds a value');
    return { expr: 'verdict', verdict: found };
  },
};

/** Whether an immediate's attributes load the verdict register. @throws {DecodeError} without a destination. */
export function isVerdict(map: ReadonlyMap<number, Uint8Array>): boolean {
  return needU32(map, NFTA_IMMEDIATE_DREG, 'immediate') === NFT_REG_VERDICT;
}
