import { DecodeError } from '../../../core/errors.ts';
import type { NftFamily } from '../../../core/nft.ts';
import { attribute, attributeU32, need, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';

const NFTA_REJECT_TYPE = 1;
const NFTA_REJECT_ICMP_CODE = 2;
/** nf_tables.h: enum nft_reject_types. */
const NFT_REJECT_ICMP_UNREACH = 0;
const NFT_REJECT_TCP_RST = 1;

/** Port unreachable in the family's ICMP: RFC 792, RFC 4443 section 3.1. */
const PORT_UNREACHABLE: Readonly<Record<NftFamily, number>> = {
  ip: 3,
  ip6: 4,
  bridge: 1,
  netdev: 1,
};

/** Answers a packet and drops it; net/netfilter/nft_reject.c. */
export const reject: ExprCodec<'reject'> = {
  encode: (expr, family) => {
    const reset = expr.with === 'tcp-reset';
    return [
      attributeU32(NFTA_REJECT_TYPE, reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMP_UNREACH),
      attribute(NFTA_REJECT_ICMP_CODE, Uint8Array.of(reset ? 0 : PORT_UNREACHABLE[family])),
    ];
  },
  decode: (map, family) => {
    const type = needU32(map, NFTA_REJECT_TYPE, 'reject');
    if (type === NFT_REJECT_TCP_RST) return { expr: 'reject', with: 'tcp-reset' };
    const [code] = need(map, NFTA_REJECT_ICMP_CODE, 'reject');
    if (type !== NFT_REJECT_ICMP_UNREACH || code !== PORT_UNREACHABLE[family]) {
      throw new DecodeError(`reject: type ${type} code ${code} is not known`);
    }
    return { expr: 'reject', with: 'port-unreachable' };
  },
};
