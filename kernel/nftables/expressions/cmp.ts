import { attributeU32, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode, needValue, valueAttribute } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;

/** nf_tables.h: enum nft_cmp_ops. */
const OPS = { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 } as const;

/** Ends the rule unless the comparison holds; net/netfilter/nft_cmp.c. */
export const cmp: ExprCodec<'cmp'> = {
  encode: ({ sreg, op, data }) => [
    registerAttribute(NFTA_CMP_SREG, sreg),
    attributeU32(NFTA_CMP_OP, OPS[op]),
    valueAttribute(NFTA_CMP_DATA, data),
  ],
  decode: (map) => ({
    expr: 'cmp',
    op: keyOfCode(OPS, needU32(map, NFTA_CMP_OP, 'cmp op'), 'cmp op'),
    sreg: needRegister(map, NFTA_CMP_SREG, 'cmp'),
    data: needValue(map, NFTA_CMP_DATA, 'cmp'),
  }),
};
