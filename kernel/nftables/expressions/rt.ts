import { attributeU32, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_RT_DREG = 1;
const NFTA_RT_KEY = 2;

/** nf_tables.h: enum nft_rt_keys. */
const KEYS = { tcpmss: 3 } as const;

/**
 * Loads what the packet's route says, in host order: the largest TCP segment that fits both directions. Not in tables
 * of family bridge; net/netfilter/nft_rt.c: nft_rt_validate().
 */
export const rt: ExprCodec<'rt'> = {
  encode: ({ key, dreg }) => [attributeU32(NFTA_RT_KEY, KEYS[key]), registerAttribute(NFTA_RT_DREG, dreg)],
  decode: (map) => ({
    expr: 'rt',
    key: keyOfCode(KEYS, needU32(map, NFTA_RT_KEY, 'rt key'), 'rt key'),
    dreg: needRegister(map, NFTA_RT_DREG, 'rt'),
  }),
};
