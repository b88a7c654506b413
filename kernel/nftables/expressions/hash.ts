import { DecodeError } from '../../../core/errors.ts';
import { attributeU32, needU32, toU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_HASH_SREG = 1;
const NFTA_HASH_DREG = 2;
const NFTA_HASH_LEN = 3;
const NFTA_HASH_MODULUS = 4;
const NFTA_HASH_SEED = 5;
const NFTA_HASH_OFFSET = 6;
const NFTA_HASH_TYPE = 7;
/** nf_tables.h: enum nft_hash_types. */
const NFT_HASH_JENKINS = 0;

/**
 * Jenkins' hash of registers, in host order. The seed is always given: without one the kernel makes one up for each
 * rule. net/netfilter/nft_hash.c: nft_jhash_init().
 */
export const hash: ExprCodec<'hash'> = {
  encode: ({ sreg, len, modulus, seed, dreg }) => [
    registerAttribute(NFTA_HASH_SREG, sreg),
    registerAttribute(NFTA_HASH_DREG, dreg),
    attributeU32(NFTA_HASH_LEN, len),
    attributeU32(NFTA_HASH_MODULUS, modulus),
    attributeU32(NFTA_HASH_SEED, seed),
    attributeU32(NFTA_HASH_OFFSET, 0),
    attributeU32(NFTA_HASH_TYPE, NFT_HASH_JENKINS),
  ],
  decode: (map) => {
    const offset = map.get(NFTA_HASH_OFFSET);
    if (offset !== undefined && toU32(offset) !== 0) throw new DecodeError('hash: an offset is not known');
    const type = map.get(NFTA_HASH_TYPE);
    if (type !== undefined && toU32(type) !== NFT_HASH_JENKINS) {
      throw new DecodeError(`hash: type ${toU32(type)} is not known`);
    }
    return {
      expr: 'hash',
      sreg: needRegister(map, NFTA_HASH_SREG, 'hash'),
      len: needU32(map, NFTA_HASH_LEN, 'hash'),
      modulus: needU32(map, NFTA_HASH_MODULUS, 'hash'),
      seed: needU32(map, NFTA_HASH_SEED, 'hash'),
      dreg: needRegister(map, NFTA_HASH_DREG, 'hash'),
    };
  },
};
