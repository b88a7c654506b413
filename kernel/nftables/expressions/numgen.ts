import { attributeU32, needU32, toU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_NG_DREG = 1;
const NFTA_NG_MODULUS = 2;
const NFTA_NG_TYPE = 3;
const NFTA_NG_OFFSET = 4;

/** nf_tables.h: enum nft_ng_types. */
const TYPES = { inc: 0, random: 1 } as const;

/** A generated number in host order; net/netfilter/nft_numgen.c. */
export const numgen: ExprCodec<'numgen'> = {
  encode: ({ type, modulus, offset, dreg }) => [
    registerAttribute(NFTA_NG_DREG, dreg),
    attributeU32(NFTA_NG_MODULUS, modulus),
    attributeU32(NFTA_NG_TYPE, TYPES[type]),
    attributeU32(NFTA_NG_OFFSET, offset ?? 0),
  ],
  decode: (map) => {
    const bytes = map.get(NFTA_NG_OFFSET);
    const offset = bytes === undefined ? 0 : toU32(bytes);
    return {
      expr: 'numgen',
      type: keyOfCode(TYPES, needU32(map, NFTA_NG_TYPE, 'numgen type'), 'numgen type'),
      modulus: needU32(map, NFTA_NG_MODULUS, 'numgen'),
      ...(offset === 0 ? {} : { offset }),
      dreg: needRegister(map, NFTA_NG_DREG, 'numgen'),
    };
  },
};
