import { DecodeError } from '../../../core/errors.ts';
import { attributeU32, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_CT_DREG = 1;
const NFTA_CT_KEY = 2;
const NFTA_CT_DIRECTION = 3;

/** nf_tables.h: enum nft_ct_keys. */
const KEYS = { state: 0, direction: 1, status: 2, mark: 3 } as const;

/** Loads a field of the packet's conntrack entry, in host order; net/netfilter/nft_ct.c: nft_ct_get_init(). */
export const ct: ExprCodec<'ct'> = {
  encode: ({ key, dreg }) => [attributeU32(NFTA_CT_KEY, KEYS[key]), registerAttribute(NFTA_CT_DREG, dreg)],
  decode: (map) => {
    if (map.has(NFTA_CT_DIRECTION)) throw new DecodeError('ct: a direction is not known');
    return {
      expr: 'ct',
      key: keyOfCode(KEYS, needU32(map, NFTA_CT_KEY, 'ct key'), 'ct key'),
      dreg: needRegister(map, NFTA_CT_DREG, 'ct'),
    };
  },
};
