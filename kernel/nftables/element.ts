import { DecodeError, InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { NftFamily, NftSet } from '../../core/nft.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import {
  attribute,
  attributeMap,
  attributeNest,
  attributeText,
  attributeU32,
  decodeAttributes,
  need,
  needText,
  toU32,
} from './attribute.ts';
import { decodeFields, encodeFields } from './datatype.ts';
import type { Boundary } from './interval.ts';
import { boundariesOf, formatInterval, pairBoundaries, parseInterval } from './interval.ts';
import { NFT_MSG, NLM_F, nftMessage } from './message.ts';
import type { SetTypes } from './set.ts';
import { typesOfSet } from './set.ts';
import { decodeVerdict, encodeVerdict, formatVerdict, parseVerdict } from './verdict.ts';

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_DATA_VALUE = 1;

const NFT_SET_ELEM_INTERVAL_END = 0x1;
const NFT_SET_ELEM_CATCHALL = 0x2;

/** Key text of the element that matches whatever no other does (nft writes it `*`). Only others make such ones. */
const CATCHALL = '*';

/** The set an element belongs to. */
export interface SetAddress {
  readonly family: NftFamily;
  readonly table: string;
  readonly set: string;
}

type Content = Pick<ElementObject, 'key' | 'data'>;

/** Adds elements, each already encoded by `encodeElement`; one that is there with equal data is left as it is. */
export function encodeAddElements(address: SetAddress, elements: readonly Uint8Array[]): NetlinkRequest {
  return nftMessage(NFT_MSG.NEWSETELEM, address.family, NLM_F.CREATE, list(address, elements));
}

/** Deletes elements, each encoded by `encodeElement` without data. */
export function encodeDeleteElements(address: SetAddress, elements: readonly Uint8Array[]): NetlinkRequest {
  return nftMessage(NFT_MSG.DELSETELEM, address.family, 0, list(address, elements));
}

/** A dump request for the elements of one set. */
export function getElements({ family, table, set }: SetAddress): NetlinkRequest {
  return nftMessage(NFT_MSG.GETSETELEM, family, 0, [
    attributeText(NFTA_SET_ELEM_LIST_TABLE, table),
    attributeText(NFTA_SET_ELEM_LIST_SET, set),
  ]);
}

/** A request for one element, encoded by `encodeElement` without data. */
export function getOneElement(address: SetAddress, element: Uint8Array): NetlinkRequest {
  return nftMessage(NFT_MSG.GETSETELEM, address.family, 0, list(address, [element]));
}

function list({ table, set }: SetAddress, elements: readonly Uint8Array[]): readonly Uint8Array[] {
  return [
    attributeText(NFTA_SET_ELEM_LIST_TABLE, table),
    attributeText(NFTA_SET_ELEM_LIST_SET, set),
    attributeNest(NFTA_SET_ELEM_LIST_ELEMENTS, elements),
  ];
}

/**
 * The list entries of one element: one, or for an interval its two boundaries in one piece.
 * @throws {InvalidArgument} when a text is not of its type, or data is missing or too much.
 */
export function encodeElement(set: NftSet, content: Content): Uint8Array {
  const types = typesOfSet(set);
  const data = content.data === undefined ? [] : [dataAttribute(set.name, types.data, content.data)];
  const entries = keyEntries(set, types, content.key).map(({ key, end }) =>
    attributeNest(NFTA_LIST_ELEM, [
      ...(end ? [attributeU32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END)] : []),
      attributeNest(NFTA_SET_ELEM_KEY, [attribute(NFTA_DATA_VALUE, key)]),
      ...(end ? [] : data),
    ]),
  );
  return entries.length === 1 && entries[0] !== undefined ? entries[0] : Buffer.concat(entries);
}

/** The entry of a catch-all element, for deleting one. */
export function encodeCatchall(): Uint8Array {
  return attributeNest(NFTA_LIST_ELEM, [attributeU32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_CATCHALL)]);
}

/** Whether a key is the text of a catch-all element. */
export function isCatchall(key: readonly string[]): boolean {
  return key.length === 1 && key[0] === CATCHALL;
}

function keyEntries(set: NftSet, types: SetTypes, key: readonly string[]): readonly Boundary[] {
  const [type] = types.key;
  const [text] = key;
  if (set.interval && type !== undefined && text !== undefined && key.length === 1) {
    return boundariesOf(parseInterval(type, text));
  }
  return [{ key: encodeFields(types.key, key), end: false }];
}

function dataAttribute(set: string, types: SetTypes['data'], data: readonly string[]): Uint8Array {
  if (types === undefined) throw new InvalidArgument(`set ${set} is not a map, its elements have no data`);
  if (types !== 'verdict') {
    return attributeNest(NFTA_SET_ELEM_DATA, [attribute(NFTA_DATA_VALUE, encodeFields(types, data))]);
  }
  const verdict = data.length === 1 ? parseVerdict(data[0] ?? '') : undefined;
  if (verdict === undefined) throw new InvalidArgument(`map ${set}: ${quote(data)} is not a verdict`);
  return attributeNest(NFTA_SET_ELEM_DATA, [encodeVerdict(verdict)]);
}

/** An element as dumped, before interval boundaries are paired. */
interface RawElement {
  readonly key?: Uint8Array;
  readonly flags: number;
  readonly data?: Uint8Array;
}

/**
 * The elements of one set from the messages of its dump, in the kernel's order; intervals by rising start. They are
 * decoded one at a time as they are asked for, so that a caller can let others run between two.
 * @throws {DecodeError} when bytes do not fit the set's types.
 */
export function* decodeElements(set: NftSet, messages: readonly Uint8Array[]): Generator<Content> {
  const types = typesOfSet(set);
  const boundaries: RawElement[] = [];
  for (const attributes of messages) {
    for (const element of decodeList(attributes)) {
      if ((element.flags & NFT_SET_ELEM_CATCHALL) !== 0) {
        yield { key: [CATCHALL], ...decodeData(types, element) };
      } else if (set.interval) boundaries.push(element);
      else yield { key: decodeFields(types.key, keyOfElement(element)), ...decodeData(types, element) };
    }
  }
  yield* decodeIntervals(types, boundaries);
}

/** An element as bytes that can be compared: two of one set are equal when their texts are. */
export interface RawText {
  readonly key: string;
  readonly data: string;
}

/** The list of elements in a message of an element dump. */
export function elementList(attributes: Uint8Array): Uint8Array {
  return attributeMap(attributes).get(NFTA_SET_ELEM_LIST_ELEMENTS) ?? new Uint8Array();
}

/** The elements of a list, such as `encodeElement` makes, without making sense of them. @throws {DecodeError} */
export function rawTexts(list: Uint8Array): readonly RawText[] {
  return decodeAttributes(list).map(([, content]) => {
    const map = attributeMap(content);
    const key = map.get(NFTA_SET_ELEM_KEY);
    const data = map.get(NFTA_SET_ELEM_DATA);
    const value = key && need(attributeMap(key), NFTA_DATA_VALUE, 'element key');
    return {
      key: value === undefined ? CATCHALL : latin1(value),
      data: data === undefined ? '' : dataText(data),
    };
  });
}

function dataText(data: Uint8Array): string {
  const value = attributeMap(data).get(NFTA_DATA_VALUE);
  if (value !== undefined) return latin1(value);
  const verdict = decodeVerdict(data);
  return verdict === undefined ? '' : formatVerdict(verdict);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The set that a message of an element dump is about. @throws {DecodeError} when it does not say. */
export function setOfElements(attributes: Uint8Array): string {
  return needText(attributeMap(attributes), NFTA_SET_ELEM_LIST_SET, 'elements');
}

function decodeList(attributes: Uint8Array): readonly RawElement[] {
  const elements = attributeMap(attributes).get(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (elements === undefined) return [];
  return decodeAttributes(elements).map(([, content]) => {
    const map = attributeMap(content);
    const key = map.get(NFTA_SET_ELEM_KEY);
    const flags = map.get(NFTA_SET_ELEM_FLAGS);
    const data = map.get(NFTA_SET_ELEM_DATA);
    return {
      flags: flags === undefined ? 0 : toU32(flags),
      ...(key && { key: need(attributeMap(key), NFTA_DATA_VALUE, 'element key') }),
      ...(data && { data }),
    };
  });
}

function decodeIntervals(types: SetTypes, elements: readonly RawElement[]): readonly Content[] {
  const [type] = types.key;
  if (type === undefined) throw new DecodeError('an interval set without a key');
  const byStart = new Map<string, RawElement>();
  const boundaries = elements.map((element) => {
    const key = keyOfElement(element);
    const end = (element.flags & NFT_SET_ELEM_INTERVAL_END) !== 0;
    if (!end) byStart.set(Buffer.from(key).toString('hex'), element);
    return { key, end };
  });
  return pairBoundaries(boundaries).map((interval) => {
    const element = byStart.get(Buffer.from(interval.start).toString('hex'));
    return {
      key: [formatInterval(type, interval)],
      ...(element === undefined ? {} : decodeData(types, element)),
    };
  });
}

function keyOfElement({ key }: RawElement): Uint8Array {
  if (key === undefined) throw new DecodeError('an element without a key');
  return key;
}

function decodeData(types: SetTypes, { data }: RawElement): Pick<Content, 'data'> {
  if (types.data === undefined || data === undefined) return {};
  if (types.data !== 'verdict') {
    return { data: decodeFields(types.data, need(attributeMap(data), NFTA_DATA_VALUE, 'element data')) };
  }
  const verdict = decodeVerdict(data);
  if (verdict === undefined) throw new DecodeError('an element of a verdict map without a verdict');
  return { data: [formatVerdict(verdict)] };
}
