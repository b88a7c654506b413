import { attributeU32, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_BYTEORDER_SREG = 1;
const NFTA_BYTEORDER_DREG = 2;
const NFTA_BYTEORDER_OP = 3;
const NFTA_BYTEORDER_LEN = 4;
const NFTA_BYTEORDER_SIZE = 5;

/** nf_tables.h: enum nft_byteorder_ops. */
const OPS = { ntoh: 0, hton: 1 } as const;

/** Turns numbers of `size` bytes in `len` bytes of a register; net/netfilter/nft_byteorder.c. */
export const byteorder: ExprCodec<'byteorder'> = {
  encode: ({ op, sreg, dreg, len, size }) => [
    registerAttribute(NFTA_BYTEORDER_SREG, sreg),
    registerAttribute(NFTA_BYTEORDER_DREG, dreg),
    attributeU32(NFTA_BYTEORDER_OP, OPS[op]),
    attributeU32(NFTA_BYTEORDER_LEN, len),
    attributeU32(NFTA_BYTEORDER_SIZE, size),
  ],
  decode: (map) => ({
    expr: 'byteorder',
    op: keyOfCode(OPS, needU32(map, NFTA_BYTEORDER_OP, 'byteorder'), 'byteorder'),
    sreg: needRegister(map, NFTA_BYTEORDER_SREG, 'byteorder'),
    dreg: needRegister(map, NFTA_BYTEORDER_DREG, 'byteorder'),
    len: needU32(map, NFTA_BYTEORDER_LEN, 'byteorder'),
    size: needU32(map, NFTA_BYTEORDER_SIZE, 'byteorder'),
  }),
};
