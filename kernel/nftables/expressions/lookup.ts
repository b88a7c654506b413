import { DecodeError } from '../../../core/errors.ts';
import type { NftExpr } from '../../../core/nft.ts';
import { attributeText, attributeU32, needText, toU32 } from '../attribute.ts';
import type { ExprAttributes, ExprCodec } from './codec.ts';
import { NFT_REG_VERDICT, needRegister, registerAttribute } from './register.ts';

const NFTA_LOOKUP_SET = 1;
const NFTA_LOOKUP_SREG = 2;
const NFTA_LOOKUP_DREG = 3;
const NFTA_LOOKUP_FLAGS = 5;
const NFT_LOOKUP_F_INV = 1;

type Lookup = Extract<NftExpr, { expr: 'lookup' }>;

/** Membership of a set, a map's datum into registers, or a verdict map's verdict; net/netfilter/nft_lookup.c. */
export const lookup: ExprCodec<'lookup'> = {
  encode: (expr) => [
    registerAttribute(NFTA_LOOKUP_SREG, expr.sreg),
    ...destination(expr),
    attributeText(NFTA_LOOKUP_SET, expr.set),
    ...(expr.invert ? [attributeU32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV)] : []),
  ],
  decode: (map) => ({
    expr: 'lookup',
    set: needText(map, NFTA_LOOKUP_SET, 'lookup'),
    sreg: needRegister(map, NFTA_LOOKUP_SREG, 'lookup'),
    ...decodeDestination(map),
    ...decodeInvert(map),
  }),
};

function destination(expr: Lookup): readonly Uint8Array[] {
  if (expr.verdictMap) return [attributeU32(NFTA_LOOKUP_DREG, NFT_REG_VERDICT)];
  return expr.dreg === undefined ? [] : [registerAttribute(NFTA_LOOKUP_DREG, expr.dreg)];
}

function decodeDestination(map: ExprAttributes): Pick<Lookup, 'dreg' | 'verdictMap'> {
  const dreg = map.get(NFTA_LOOKUP_DREG);
  if (dreg === undefined) return {};
  if (toU32(dreg) === NFT_REG_VERDICT) return { verdictMap: true };
  return { dreg: needRegister(map, NFTA_LOOKUP_DREG, 'lookup') };
}

function decodeInvert(map: ExprAttributes): Pick<Lookup, 'invert'> {
  const flags = map.get(NFTA_LOOKUP_FLAGS);
  const value = flags === undefined ? 0 : toU32(flags);
  if (value > NFT_LOOKUP_F_INV) throw new DecodeError(`lookup: flags ${value} are not known`);
  return value === NFT_LOOKUP_F_INV ? { invert: true } : {};
}
