import { DecodeError } from '../../../core/errors.ts';
import { attribute, attributeU32, need, needU32, toU32 } from '../attribute.ts';
import type { ExprAttributes, ExprCodec } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_EXTHDR_DREG = 1;
const NFTA_EXTHDR_TYPE = 2;
const NFTA_EXTHDR_OFFSET = 3;
const NFTA_EXTHDR_LEN = 4;
const NFTA_EXTHDR_FLAGS = 5;
const NFTA_EXTHDR_OP = 6;
export const NFTA_EXTHDR_SREG = 7;
const NFT_EXTHDR_OP_TCPOPT = 1;

interface Place {
  readonly option: number;
  readonly offset: number;
  readonly len: number;
}

/** Bytes of a TCP option, counted from its kind; net/netfilter/nft_exthdr.c: nft_exthdr_tcp_init(). */
export const tcpOption: ExprCodec<'tcp-option'> = {
  encode: ({ dreg, ...place }) => [
    registerAttribute(NFTA_EXTHDR_DREG, dreg),
    ...placeAttributes(place),
    attributeU32(NFTA_EXTHDR_FLAGS, 0),
  ],
  decode: (map) => ({
    expr: 'tcp-option',
    ...decodePlace(map),
    dreg: needRegister(map, NFTA_EXTHDR_DREG, 'exthdr'),
  }),
};

/**
 * Writes bytes of a TCP option that is there. A maximum segment size is only ever made smaller
 * (net/netfilter/nft_exthdr.c: nft_exthdr_tcp_set_eval()).
 */
export const tcpOptionSet: ExprCodec<'tcp-option-set'> = {
  encode: ({ sreg, ...place }) => [registerAttribute(NFTA_EXTHDR_SREG, sreg), ...placeAttributes(place)],
  decode: (map) => ({
    expr: 'tcp-option-set',
    ...decodePlace(map),
    sreg: needRegister(map, NFTA_EXTHDR_SREG, 'exthdr'),
  }),
};

function placeAttributes({ option, offset, len }: Place): readonly Uint8Array[] {
  return [
    attribute(NFTA_EXTHDR_TYPE, Uint8Array.of(option)),
    attributeU32(NFTA_EXTHDR_OFFSET, offset),
    attributeU32(NFTA_EXTHDR_LEN, len),
    attributeU32(NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT),
  ];
}

function decodePlace(map: ExprAttributes): Place {
  if (needU32(map, NFTA_EXTHDR_OP, 'exthdr') !== NFT_EXTHDR_OP_TCPOPT) {
    throw new DecodeError('exthdr: headers other than TCP options are not known');
  }
  const flags = map.get(NFTA_EXTHDR_FLAGS);
  if (flags !== undefined && toU32(flags) !== 0) throw new DecodeError('exthdr: flags are not known');
  const [option] = need(map, NFTA_EXTHDR_TYPE, 'exthdr');
  if (option === undefined) throw new DecodeError('exthdr: the option is empty');
  return {
    option,
    offset: needU32(map, NFTA_EXTHDR_OFFSET, 'exthdr'),
    len: needU32(map, NFTA_EXTHDR_LEN, 'exthdr'),
  };
}
