import { InvalidArgument } from '../../core/errors.ts';
import type { NftDatatype, NftFamily, NftSet } from '../../core/nft.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import {
  attribute,
  attributeMap,
  attributeNest,
  attributeText,
  attributeU32,
  needText,
  needU32,
  toU32,
} from './attribute.ts';
import type { ValueType } from './datatype.ts';
import { TYPE_FACTS, typeId, typeLength, typesOfId } from './datatype.ts';
import { decodeExpr, exprContent } from './expressions/expression.ts';
import { NFT_MSG, NLM_F, nftMessage } from './message.ts';
import { encodeByteorders } from './userdata.ts';

const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_ID = 10;
const NFTA_SET_USERDATA = 13;
const NFTA_SET_EXPR = 17;

const NFT_SET_INTERVAL = 0x4;
const NFT_SET_MAP = 0x8;
const NFT_SET_TIMEOUT = 0x10;
const NFT_SET_EVAL = 0x20;
/** `flags dynamic,timeout` of nft(8): a kind of set that rules can change, and elements that can end by themselves. */
const DYNAMIC = NFT_SET_TIMEOUT | NFT_SET_EVAL;
/** nf_tables.h: enum nft_data_types. */
const NFT_DATA_VERDICT = 0xffffff00;

/** Field types of a set: of its keys and, for a map, of its data, where a verdict stands for itself. */
export interface SetTypes {
  readonly key: readonly ValueType[];
  readonly data?: readonly ValueType[] | 'verdict';
}

/** @throws {InvalidArgument} when a verdict is a key, a part of a concatenation, or an interval key has two fields. */
export function typesOfSet(set: NftSet): SetTypes {
  if (set.interval && set.key.length !== 1) {
    throw new InvalidArgument(`set ${set.name}: an interval key has one field`);
  }
  const key = valueTypes(set.name, set.key);
  if (set.data === undefined) return { key };
  const verdict = set.data.length === 1 && set.data[0] === 'verdict';
  return { key, data: verdict ? 'verdict' : valueTypes(set.name, set.data) };
}

function valueTypes(name: string, types: readonly NftDatatype[]): readonly ValueType[] {
  const values = types.filter((type) => type !== 'verdict');
  if (values.length !== types.length || types.length === 0 || types.length > 5) {
    throw new InvalidArgument(`set ${name}: ${types.join(' . ')} is not a key or datum of 1–5 fields`);
  }
  return values;
}

/**
 * Adds a set or map without elements. Adding one that is there with the same definition changes nothing.
 * @param id any number unique in the transaction; the kernel wants one.
 */
export function encodeSet(family: NftFamily, table: string, set: NftSet, id: number): NetlinkRequest {
  const { key, data } = typesOfSet(set);
  const flags =
    (set.interval ? NFT_SET_INTERVAL : 0) |
    (data === undefined ? 0 : NFT_SET_MAP) |
    (set.dynamic ? DYNAMIC : 0);
  return nftMessage(NFT_MSG.NEWSET, family, NLM_F.CREATE, [
    attributeText(NFTA_SET_TABLE, table),
    attributeText(NFTA_SET_NAME, set.name),
    attributeU32(NFTA_SET_FLAGS, flags),
    attributeU32(NFTA_SET_KEY_TYPE, typeId(key)),
    attributeU32(NFTA_SET_KEY_LEN, typeLength(key)),
    ...dataAttributes(data),
    attributeU32(NFTA_SET_ID, id),
    attribute(NFTA_SET_USERDATA, encodeByteorders(byteorder(key), data && byteorder(data))),
    ...(set.counter ? [attributeNest(NFTA_SET_EXPR, exprContent({ expr: 'counter' }, family))] : []),
  ]);
}

function dataAttributes(data: SetTypes['data']): readonly Uint8Array[] {
  if (data === undefined) return [];
  const [type, length] = data === 'verdict' ? [NFT_DATA_VERDICT, 0] : [typeId(data), typeLength(data)];
  return [attributeU32(NFTA_SET_DATA_TYPE, type), attributeU32(NFTA_SET_DATA_LEN, length)];
}

function byteorder(types: readonly ValueType[] | 'verdict'): number {
  const [only] = types;
  if (types === 'verdict' || types.length !== 1 || only === undefined) return 0;
  return TYPE_FACTS[only as ValueType].byteorder;
}

/** Deletes a set; the kernel refuses with EBUSY while a rule looks it up. */
export function encodeDeleteSet(family: NftFamily, table: string, set: string): NetlinkRequest {
  return nftMessage(NFT_MSG.DELSET, family, 0, [
    attributeText(NFTA_SET_TABLE, table),
    attributeText(NFTA_SET_NAME, set),
  ]);
}

/** A dump request for the sets of a table. */
export function getSets(family: NftFamily, table: string): NetlinkRequest {
  return nftMessage(NFT_MSG.GETSET, family, 0, [attributeText(NFTA_SET_TABLE, table)]);
}

/** A set in the kernel. */
export interface InstalledSet {
  readonly table: string;
  readonly name: string;
  /** Absent when the set has flags or types that weft never gives: somebody else made it. */
  readonly set?: NftSet;
  /** Numbers of the definition as the kernel has them: flags, key type, data type. */
  readonly raw: readonly [flags: number, keyType: number, dataType: number];
}

/** @throws {DecodeError} when an attribute is missing. */
export function decodeSet(attributes: Uint8Array): InstalledSet {
  const map = attributeMap(attributes);
  const name = needText(map, NFTA_SET_NAME, 'set');
  const u32 = (type: number): number => toU32(map.get(type) ?? new Uint8Array(4));
  const raw = [u32(NFTA_SET_FLAGS), u32(NFTA_SET_KEY_TYPE), u32(NFTA_SET_DATA_TYPE)] as const;
  const definition = decodeDefinition(name, raw, needU32(map, NFTA_SET_KEY_LEN, 'set'));
  const set = definition && withExpression(definition, map.get(NFTA_SET_EXPR));
  return { table: needText(map, NFTA_SET_TABLE, 'set'), name, raw, ...(set && { set }) };
}

function decodeDefinition(name: string, raw: InstalledSet['raw'], keyLength: number): NftSet | undefined {
  const [flags, keyType, dataType] = raw;
  const key = typesOfId(keyType);
  const isMap = (flags & NFT_SET_MAP) !== 0;
  const data = dataType === NFT_DATA_VERDICT ? (['verdict'] as const) : typesOfId(dataType);
  if ((flags & ~(NFT_SET_INTERVAL | NFT_SET_MAP | DYNAMIC)) !== 0) return undefined;
  if (key === undefined || typeLength(key) !== keyLength || (isMap && data === undefined)) return undefined;
  const interval = (flags & NFT_SET_INTERVAL) !== 0;
  const dynamic = flags & DYNAMIC;
  if ((interval && key.length !== 1) || (dynamic !== DYNAMIC && dynamic !== 0)) return undefined;
  return { name, key, ...(isMap && data && { data }), ...kindOf(flags) };
}

function kindOf(flags: number): Pick<NftSet, 'interval' | 'dynamic'> {
  return {
    ...((flags & NFT_SET_INTERVAL) !== 0 && { interval: true }),
    ...((flags & DYNAMIC) !== 0 && { dynamic: true }),
  };
}

/** What is done at each lookup of an element: counting, nothing, or what weft never asks for. */
function withExpression(set: NftSet, content: Uint8Array | undefined): NftSet | undefined {
  if (content === undefined) return set;
  // A counter is the same in every family.
  return decodeExpr(content, 'ip').expr === 'counter' ? { ...set, counter: true } : undefined;
}
