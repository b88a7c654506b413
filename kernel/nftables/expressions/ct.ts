import { DecodeError } from '../../../core/errors.ts';
import type { NftFamily } from '../../../core/nft.ts';
import { attribute, attributeU32, need, needU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_CT_DREG = 1;
const NFTA_CT_KEY = 2;
export const NFTA_CT_DIRECTION = 3;

/** nf_tables.h: enum nft_ct_keys. */
const KEYS = { state: 0, direction: 1, status: 2, mark: 3 } as const;

/** Loads a field of the packet's conntrack entry, in host order; net/netfilter/nft_ct.c: nft_ct_get_init(). */
export const ct: ExprCodec<'ct'> = {
  encode: ({ key, dreg }) => [attributeU32(NFTA_CT_KEY, KEYS[key]), registerAttribute(NFTA_CT_DREG, dreg)],
  decode: (map) => {
    if (map.has(NFTA_CT_DIRECTION)) throw new DecodeError('ct: a direction is not known');
    return {
      expr: 'ct',
      key: keyOfCode(KEYS, needU32(map, NFTA_CT_KEY, 'ct key'), 'ct key'),
      dreg: needRegister(map, NFTA_CT_DREG, 'ct'),
    };
  },
};

/** nf_tables.h: NFT_CT_DST_IP, NFT_CT_DST_IP6. A connection has no address of family bridge. */
const DESTINATION: Readonly<Record<NftFamily, number | undefined>> = { ip: 20, ip6: 22, bridge: undefined };
const IP_CT_DIR_ORIGINAL = 0;

/** Loads the destination of the original direction; net/netfilter/nft_ct.c, keys with a family since Linux 4.17. */
export const ctOriginalDaddr: ExprCodec<'ct-original-daddr'> = {
  encode: ({ dreg }, family) => {
    const key = DESTINATION[family];
    if (key === undefined) throw new DecodeError(`ct: family ${family} has no address`);
    return [
      attributeU32(NFTA_CT_KEY, key),
      registerAttribute(NFTA_CT_DREG, dreg),
      attribute(NFTA_CT_DIRECTION, Uint8Array.of(IP_CT_DIR_ORIGINAL)),
    ];
  },
  decode: (map, family) => {
    const [direction] = need(map, NFTA_CT_DIRECTION, 'ct direction');
    const key = needU32(map, NFTA_CT_KEY, 'ct key');
    if (direction !== IP_CT_DIR_ORIGINAL || key !== DESTINATION[family]) {
      throw new DecodeError(`ct: key ${key} of direction ${direction} is not known`);
    }
    return { expr: 'ct-original-daddr', dreg: needRegister(map, NFTA_CT_DREG, 'ct') };
  },
};
