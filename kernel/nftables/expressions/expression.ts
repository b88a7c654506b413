import { DecodeError } from '../../../core/errors.ts';
import type { NftExpr, NftFamily } from '../../../core/nft.ts';
import { attributeMap, attributeNest, attributeText, need, needText } from '../attribute.ts';
import { bitwise } from './bitwise.ts';
import { byteorder } from './byteorder.ts';
import { cmp } from './cmp.ts';
import type { ExprAttributes } from './codec.ts';
import { counter } from './counter.ts';
import { ct, ctAddress, NFTA_CT_DIRECTION } from './ct.ts';
import { dynset } from './dynset.ts';
import { NFTA_EXTHDR_SREG, tcpOption, tcpOptionSet } from './exthdr.ts';
import { fib } from './fib.ts';
import { fwd } from './fwd.ts';
import { hash } from './hash.ts';
import { immediate, isVerdict, verdict } from './immediate.ts';
import { lookup } from './lookup.ts';
import { masquerade } from './masquerade.ts';
import { meta, metaSet, NFTA_META_SREG } from './meta.ts';
import { nat } from './nat.ts';
import { numgen } from './numgen.ts';
import { payload } from './payload.ts';
import { reject } from './reject.ts';
import { rt } from './rt.ts';

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;

/** An expression that weft does not use, or with content that it never gives. `data` is its attributes. */
export interface OpaqueExpr {
  readonly expr: 'opaque';
  readonly name: string;
  readonly data: Uint8Array;
}

export type DecodedExpr = NftExpr | OpaqueExpr;

/** NFTA_LIST_ELEM with the expression's kernel name and its attributes. */
export function encodeExpr(expr: NftExpr, family: NftFamily): Uint8Array {
  return attributeNest(NFTA_LIST_ELEM, exprContent(expr, family));
}

/** The expression's kernel name and its attributes. */
export function exprContent(expr: NftExpr, family: NftFamily): readonly Uint8Array[] {
  const [name, data] = nameAndData(expr, family);
  return [
    attributeText(NFTA_EXPR_NAME, name),
    ...(data === undefined ? [] : [attributeNest(NFTA_EXPR_DATA, data)]),
  ];
}

/** Data is absent for an expression that the kernel knows no attributes of. */
function nameAndData(expr: NftExpr, family: NftFamily): readonly [string, (readonly Uint8Array[])?] {
  switch (expr.expr) {
    case 'meta':
      return ['meta', meta.encode(expr, family)];
    case 'meta-set':
      return ['meta', metaSet.encode(expr, family)];
    case 'payload':
      return ['payload', payload.encode(expr, family)];
    case 'cmp':
      return ['cmp', cmp.encode(expr, family)];
    case 'bitwise':
      return ['bitwise', bitwise.encode(expr, family)];
    case 'lookup':
      return ['lookup', lookup.encode(expr, family)];
    case 'immediate':
      return ['immediate', immediate.encode(expr, family)];
    case 'verdict':
      return ['immediate', verdict.encode(expr, family)];
    case 'ct':
      return ['ct', ct.encode(expr, family)];
    case 'fib':
      return ['fib', fib.encode(expr, family)];
    case 'nat':
      return ['nat', nat.encode(expr, family)];
    case 'masquerade':
      return ['masq', masquerade.encode(expr, family)];
    case 'notrack':
      return ['notrack'];
    case 'fwd':
      return ['fwd', fwd.encode(expr, family)];
    case 'tcp-option':
      return ['exthdr', tcpOption.encode(expr, family)];
    case 'tcp-option-set':
      return ['exthdr', tcpOptionSet.encode(expr, family)];
    case 'rt':
      return ['rt', rt.encode(expr, family)];
    case 'byteorder':
      return ['byteorder', byteorder.encode(expr, family)];
    case 'counter':
      return ['counter', counter.encode(expr, family)];
    case 'ct-address':
      return ['ct', ctAddress.encode(expr, family)];
    case 'numgen':
      return ['numgen', numgen.encode(expr, family)];
    case 'hash':
      return ['hash', hash.encode(expr, family)];
    case 'dynset':
      return ['dynset', dynset.encode(expr, family)];
    case 'reject':
      return ['reject', reject.encode(expr, family)];
  }
}

type Decode = (map: ExprAttributes, family: NftFamily) => NftExpr;

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['meta', (map, family) => (map.has(NFTA_META_SREG) ? metaSet : meta).decode(map, family)],
  ['payload', payload.decode],
  ['cmp', cmp.decode],
  ['bitwise', bitwise.decode],
  ['lookup', lookup.decode],
  ['immediate', (map, family) => (isVerdict(map) ? verdict : immediate).decode(map, family)],
  ['ct', (map, family) => (map.has(NFTA_CT_DIRECTION) ? ctAddress : ct).decode(map, family)],
  ['fib', fib.decode],
  ['nat', nat.decode],
  ['masq', masquerade.decode],
  ['notrack', () => ({ expr: 'notrack' })],
  ['fwd', fwd.decode],
  ['exthdr', (map, family) => (map.has(NFTA_EXTHDR_SREG) ? tcpOptionSet : tcpOption).decode(map, family)],
  ['rt', rt.decode],
  ['byteorder', byteorder.decode],
  ['counter', counter.decode],
  ['numgen', numgen.decode],
  ['hash', hash.decode],
  ['dynset', dynset.decode],
  ['reject', reject.decode],
]);

/**
 * @param content of one NFTA_LIST_ELEM.
 * @throws {DecodeError} when the bytes are not attributes or the name is missing.
 */
export function decodeExpr(content: Uint8Array, family: NftFamily): DecodedExpr {
  const map = attributeMap(content);
  const name = needText(map, NFTA_EXPR_NAME, 'expression');
  // Expressions without options may come without the attribute.
  const data = map.has(NFTA_EXPR_DATA) ? need(map, NFTA_EXPR_DATA, name) : new Uint8Array();
  const decode = DECODERS.get(name);
  if (decode === undefined) return { expr: 'opaque', name, data };
  try {
    return decode(attributeMap(data), family);
  } catch (error) {
    if (error instanceof DecodeError) return { expr: 'opaque', name, data };
    throw error;
  }
}
