import { DecodeError } from '../../../core/errors.ts';
import type { NftExpr, NftFamily } from '../../../core/nft.ts';
import { attribute, attributeMap, attributeNest, need } from '../attribute.ts';

/** Attributes of one expression by type. */
export type ExprAttributes = ReadonlyMap<number, Uint8Array>;

/**
 * Codec of one kernel expression. `decode` throws DecodeError for any content that `NftExpr` cannot say, so that an
 * expression with a flag weft never sets is seen as foreign and not as ours.
 */
export interface ExprCodec<Expr extends NftExpr['expr']> {
  readonly encode: (expr: Extract<NftExpr, { expr: Expr }>, family: NftFamily) => readonly Uint8Array[];
  readonly decode: (attributes: ExprAttributes, family: NftFamily) => Extract<NftExpr, { expr: Expr }>;
}

const NFTA_DATA_VALUE = 1;

/** A data attribute that holds a value. */
export function valueAttribute(type: number, value: Uint8Array): Uint8Array {
  return attributeNest(type, [attribute(NFTA_DATA_VALUE, value)]);
}

/** @throws {DecodeError} when the attribute is missing or holds no value. */
export function needValue(map: ExprAttributes, type: number, what: string): Uint8Array {
  return Uint8Array.from(need(attributeMap(need(map, type, what)), NFTA_DATA_VALUE, what));
}

/** The key whose kernel number is `code`. @throws {DecodeError} when there is none. */
export function keyOfCode<Key extends string>(
  codes: Readonly<Record<Key, number>>,
  code: number,
  what: string,
): Key {
  for (const key of Object.keys(codes) as Key[]) if (codes[key] === code) return key;
  throw new DecodeError(`${what}: ${code} is not known`);
}
