import { attributeU32, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_FIB_DREG = 1;
const NFTA_FIB_RESULT = 2;
const NFTA_FIB_FLAGS = 3;

/** nf_tables.h: enum nft_fib_result, enum nft_fib_flags. */
const RESULTS = { type: 3 } as const;
const ADDRESSES = { saddr: 1, daddr: 2 } as const;

/** Loads the RTN_* type of the route to an address, four bytes in host order; net/netfilter/nft_fib.c. */
export const fib: ExprCodec<'fib'> = {
  encode: ({ result, address, dreg }) => [
    attributeU32(NFTA_FIB_FLAGS, ADDRESSES[address]),
    attributeU32(NFTA_FIB_RESULT, RESULTS[result]),
    registerAttribute(NFTA_FIB_DREG, dreg),
  ],
  decode: (map) => ({
    expr: 'fib',
    result: keyOfCode(RESULTS, needU32(map, NFTA_FIB_RESULT, 'fib result'), 'fib result'),
    address: keyOfCode(ADDRESSES, needU32(map, NFTA_FIB_FLAGS, 'fib flags'), 'fib flags'),
    dreg: needRegister(map, NFTA_FIB_DREG, 'fib'),
  }),
};
