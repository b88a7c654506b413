import { attributeU32, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
export const NFTA_META_SREG = 3;

/** nf_tables.h: enum nft_meta_keys. */
const KEYS = {
  mark: 3,
  iif: 4,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  l4proto: 16,
  iifgroup: 21,
  oifkind: 27,
} as const;

/** net/netfilter/nft_meta.c: nft_meta_get_init(). */
export const meta: ExprCodec<'meta'> = {
  encode: ({ key, dreg }) => [
    attributeU32(NFTA_META_KEY, KEYS[key]),
    registerAttribute(NFTA_META_DREG, dreg),
  ],
  decode: (map) => ({
    expr: 'meta',
    key: keyOfCode(KEYS, needU32(map, NFTA_META_KEY, 'meta key'), 'meta key'),
    dreg: needRegister(map, NFTA_META_DREG, 'meta'),
  }),
};

/** net/netfilter/nft_meta.c: nft_meta_set_init(). */
export const metaSet: ExprCodec<'meta-set'> = {
  encode: ({ key, sreg }) => [
    attributeU32(NFTA_META_KEY, KEYS[key]),
    registerAttribute(NFTA_META_SREG, sreg),
  ],
  decode: (map) => ({
    expr: 'meta-set',
    key: keyOfCode({ mark: KEYS.mark }, needU32(map, NFTA_META_KEY, 'meta set'), 'meta set'),
    sreg: needRegister(map, NFTA_META_SREG, 'meta set'),
  }),
};
