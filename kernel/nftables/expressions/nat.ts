import { DecodeError } from '../../../core/errors.ts';
import { attributeU32, needU32, toU32 } from '../attribute.ts';
import { NFPROTO } from '../message.ts';
import type { ExprAttributes, ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_NAT_TYPE = 1;
const NFTA_NAT_FAMILY = 2;
const NFTA_NAT_REG_ADDR_MIN = 3;
const NFTA_NAT_REG_ADDR_MAX = 4;
const NFTA_NAT_REG_PROTO_MIN = 5;
const NFTA_NAT_REG_PROTO_MAX = 6;
const NFTA_NAT_FLAGS = 7;

/** nf_tables.h: enum nft_nat_types. */
const TYPES = { snat: 0, dnat: 1 } as const;

/**
 * include/uapi/linux/netfilter/nf_nat.h: NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED. The kernel sets them
 * itself from the registers given, so they are not sent; a dump shows them.
 */
const IMPLIED_FLAGS = 0x3;

/** Translates to the address and port in registers; net/netfilter/nft_nat.c. */
export const nat: ExprCodec<'nat'> = {
  encode: ({ type, addrReg, portReg }, family) => [
    attributeU32(NFTA_NAT_TYPE, TYPES[type]),
    attributeU32(NFTA_NAT_FAMILY, NFPROTO[family]),
    registerAttribute(NFTA_NAT_REG_ADDR_MIN, addrReg),
    ...(portReg === undefined ? [] : [registerAttribute(NFTA_NAT_REG_PROTO_MIN, portReg)]),
  ],
  decode: (map, family) => {
    const flags = map.get(NFTA_NAT_FLAGS);
    if (flags !== undefined && (toU32(flags) & ~IMPLIED_FLAGS) !== 0) {
      throw new DecodeError(`nat: flags ${toU32(flags)} are not known`);
    }
    if (needU32(map, NFTA_NAT_FAMILY, 'nat') !== NFPROTO[family]) {
      throw new DecodeError(`nat: the family is not ${family}`);
    }
    const portReg = single(map, NFTA_NAT_REG_PROTO_MIN, NFTA_NAT_REG_PROTO_MAX);
    return {
      expr: 'nat',
      type: keyOfCode(TYPES, needU32(map, NFTA_NAT_TYPE, 'nat type'), 'nat type'),
      addrReg:
        single(map, NFTA_NAT_REG_ADDR_MIN, NFTA_NAT_REG_ADDR_MAX) ??
        needRegister(map, NFTA_NAT_REG_ADDR_MIN, 'nat'),
      ...(portReg === undefined ? {} : { portReg }),
    };
  },
};

/** The register of a range whose ends are one; undefined when the range is not given. */
function single(map: ExprAttributes, min: number, max: number): number | undefined {
  if (!map.has(min)) return undefined;
  const register = needRegister(map, min, 'nat');
  if (map.has(max) && needRegister(map, max, 'nat') !== register) {
    throw new DecodeError('nat: a range is not known');
  }
  return register;
}
