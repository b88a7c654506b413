import { DecodeError } from '../../../core/errors.ts';
import type { ExprCodec } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_FWD_SREG_DEV = 1;
const NFTA_FWD_SREG_ADDR = 2;

/** Out by another device as it is; net/netfilter/nft_fwd_netdev.c: nft_fwd_netdev_init(). */
export const fwd: ExprCodec<'fwd'> = {
  encode: ({ sreg }) => [registerAttribute(NFTA_FWD_SREG_DEV, sreg)],
  decode: (map) => {
    if (map.has(NFTA_FWD_SREG_ADDR)) throw new DecodeError('fwd: to a neighbour is not known');
    return { expr: 'fwd', sreg: needRegister(map, NFTA_FWD_SREG_DEV, 'fwd') };
  },
};
