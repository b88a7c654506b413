import { DecodeError } from '../../../core/errors.ts';
import { attributeU32, needU32, toU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { needValue, valueAttribute } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_BITWISE_SREG = 1;
const NFTA_BITWISE_DREG = 2;
const NFTA_BITWISE_LEN = 3;
const NFTA_BITWISE_MASK = 4;
const NFTA_BITWISE_XOR = 5;
const NFTA_BITWISE_OP = 6;
const NFT_BITWISE_MASK_XOR = 0;

/** dreg = (sreg & mask) ^ xor; net/netfilter/nft_bitwise.c. The operation is not sent: kernels before 5.6 know one. */
export const bitwise: ExprCodec<'bitwise'> = {
  encode: ({ sreg, dreg, mask, xor }) => [
    registerAttribute(NFTA_BITWISE_SREG, sreg),
    registerAttribute(NFTA_BITWISE_DREG, dreg),
    attributeU32(NFTA_BITWISE_LEN, mask.length),
    valueAttribute(NFTA_BITWISE_MASK, mask),
    valueAttribute(NFTA_BITWISE_XOR, xor),
  ],
  decode: (map) => {
    const op = map.get(NFTA_BITWISE_OP);
    if (op !== undefined && toU32(op) !== NFT_BITWISE_MASK_XOR) {
      throw new DecodeError('bitwise: operation is not known');
    }
    const mask = needValue(map, NFTA_BITWISE_MASK, 'bitwise');
    const xor = needValue(map, NFTA_BITWISE_XOR, 'bitwise');
    if (needU32(map, NFTA_BITWISE_LEN, 'bitwise') !== mask.length || xor.length !== mask.length) {
      throw new DecodeError('bitwise: mask and xor differ in length');
    }
    return {
      expr: 'bitwise',
      sreg: needRegister(map, NFTA_BITWISE_SREG, 'bitwise'),
      dreg: needRegister(map, NFTA_BITWISE_DREG, 'bitwise'),
      mask,
      xor,
    };
  },
};
