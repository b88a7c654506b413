import { DecodeError } from '../../../core/errors.ts';
import { toU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';

const NFTA_MASQ_FLAGS = 1;
const NFTA_MASQ_REG_PROTO_MIN = 2;

/** Translates the source to the address of the outgoing link; net/netfilter/nft_masq.c. */
export const masquerade: ExprCodec<'masquerade'> = {
  encode: () => [],
  decode: (map) => {
    const flags = map.get(NFTA_MASQ_FLAGS);
    if ((flags !== undefined && toU32(flags) !== 0) || map.has(NFTA_MASQ_REG_PROTO_MIN)) {
      throw new DecodeError('masquerade: flags and ports are not known');
    }
    return { expr: 'masquerade' };
  },
};
