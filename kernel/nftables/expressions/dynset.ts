import { DecodeError } from '../../../core/errors.ts';
import { attribute, attributeText, attributeU32, need, needText, needU32, toU32 } from '../attribute.ts';
import type { ExprCodec } from './codec.ts';
import { keyOfCode } from './codec.ts';
import { needRegister, registerAttribute } from './register.ts';

const NFTA_DYNSET_SET_NAME = 1;
const NFTA_DYNSET_OP = 3;
const NFTA_DYNSET_SREG_KEY = 4;
const NFTA_DYNSET_SREG_DATA = 5;
const NFTA_DYNSET_TIMEOUT = 6;
const NFTA_DYNSET_EXPR = 7;
const NFTA_DYNSET_FLAGS = 9;
const NFTA_DYNSET_EXPRESSIONS = 10;

/** nf_tables.h: enum nft_dynset_ops; delete since Linux 5.6. */
const OPS = { add: 0, update: 1, delete: 2 } as const;

/** Changes a set from a rule; net/netfilter/nft_dynset.c. Timeouts are milliseconds, 64 bits. */
export const dynset: ExprCodec<'dynset'> = {
  encode: ({ op, set, sreg, dataReg, timeoutMs }) => [
    registerAttribute(NFTA_DYNSET_SREG_KEY, sreg),
    ...(dataReg === undefined ? [] : [registerAttribute(NFTA_DYNSET_SREG_DATA, dataReg)]),
    attributeU32(NFTA_DYNSET_OP, OPS[op]),
    ...(timeoutMs === undefined ? [] : [attribute(NFTA_DYNSET_TIMEOUT, u64(timeoutMs))]),
    attributeText(NFTA_DYNSET_SET_NAME, set),
  ],
  decode: (map) => {
    const flags = map.get(NFTA_DYNSET_FLAGS);
    if ((flags && toU32(flags) !== 0) || map.has(NFTA_DYNSET_EXPR) || map.has(NFTA_DYNSET_EXPRESSIONS)) {
      throw new DecodeError('dynset: flags and expressions are not known');
    }
    const timeoutMs = map.has(NFTA_DYNSET_TIMEOUT)
      ? fromU64(need(map, NFTA_DYNSET_TIMEOUT, 'dynset timeout'))
      : 0;
    return {
      expr: 'dynset',
      op: keyOfCode(OPS, needU32(map, NFTA_DYNSET_OP, 'dynset op'), 'dynset op'),
      set: needText(map, NFTA_DYNSET_SET_NAME, 'dynset'),
      sreg: needRegister(map, NFTA_DYNSET_SREG_KEY, 'dynset'),
      ...(map.has(NFTA_DYNSET_SREG_DATA)
        ? { dataReg: needRegister(map, NFTA_DYNSET_SREG_DATA, 'dynset') }
        : {}),
      // The kernel dumps a timeout of 0 for none.
      ...(timeoutMs === 0 ? {} : { timeoutMs }),
    };
  },
};

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function fromU64(bytes: Uint8Array): number {
  if (bytes.length !== 8) throw new DecodeError(`a 64-bit attribute is ${bytes.length} bytes long`);
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
}
