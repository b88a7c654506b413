import { DecodeError } from '../../../core/errors.ts';
import { attributeU32, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFTA_PAYLOAD_SREG = 5;

/** nf_tables.h: enum nft_payload_bases. */
const BASES = { link: 0, network: 1, transport: 2 } as const;

/** Loads header bytes; net/netfilter/nft_payload.c: nft_payload_init(). */
export const payload: ExprCodec<'payload'> = {
  encode: ({ base, offset, len, dreg }) => [
    registerAttribute(NFTA_PAYLOAD_DREG, dreg),
    attributeU32(NFTA_PAYLOAD_BASE, BASES[base]),
    attributeU32(NFTA_PAYLOAD_OFFSET, offset),
    attributeU32(NFTA_PAYLOAD_LEN, len),
  ],
  decode: (map) => {
    if (map.has(NFTA_PAYLOAD_SREG)) throw new DecodeError('payload: writing is not known');
    return {
      expr: 'payload',
      base: keyOfCode(BASES, needU32(map, NFTA_PAYLOAD_BASE, 'payload base'), 'payload base'),
      offset: needU32(map, NFTA_PAYLOAD_OFFSET, 'payload'),
      len: needU32(map, NFTA_PAYLOAD_LEN, 'payload'),
      dreg: needRegister(map, NFTA_PAYLOAD_DREG, 'payload'),
    };
  },
};
