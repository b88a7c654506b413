import { DecodeError } from '../../../core/errors.ts';
import type { NftExpr, NftFamily } from '../../../core/nft.ts';
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

type AddressKey = Extract<NftExpr, { expr: 'ct-address' }>['key'];

/** nf_tables.h: NFT_CT_SRC_IP, NFT_CT_DST_IP, NFT_CT_SRC_IP6, NFT_CT_DST_IP6; nf_conntrack_tuple_common.h: directions. */
const ADDRESSES: Readonly<Record<AddressKey, { ip: number; ip6: number; direction: number }>> = {
  'original-daddr': { ip: 20, ip6: 22, direction: 0 },
  'reply-saddr': { ip: 19, ip6: 21, direction: 1 },
};

/** Loads an address of one direction; net/netfilter/nft_ct.c, keys with a family since Linux 4.17. */
export const ctAddress: ExprCodec<'ct-address'> = {
  encode: ({ key, dreg }, family) => [
    attributeU32(NFTA_CT_KEY, addressCode(key, family)),
    registerAttribute(NFTA_CT_DREG, dreg),
    attribute(NFTA_CT_DIRECTION, Uint8Array.of(ADDRESSES[key].direction)),
  ],
  decode: (map, family) => {
    const [direction] = need(map, NFTA_CT_DIRECTION, 'ct direction');
    const code = needU32(map, NFTA_CT_KEY, 'ct key');
    for (const key of Object.keys(ADDRESSES) as AddressKey[]) {
      if (addressCode(key, family) === code && ADDRESSES[key].direction === direction) {
        return { expr: 'ct-address', key, dreg: needRegister(map, NFTA_CT_DREG, 'ct') };
      }
    }
    throw new DecodeError(`ct: key ${code} of direction ${direction} is not known`);
  },
};

function addressCode(key: AddressKey, family: NftFamily): number {
  if (family !== 'ip' && family !== 'ip6')
    throw new DecodeError(`ct: a connection has no address of family ${family}`);
  return ADDRESSES[key][family];
}
