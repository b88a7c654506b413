import { DecodeError } from '../../core/errors.ts';
import type { NftFamily, NftSet } from '../../core/nft.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import { attributeMap, decodeAttributes, need, needText } from './attribute.ts';
import { decodeFields } from './datatype.ts';
import { getElements } from './element.ts';
import { decodeNftMessage } from './message.ts';
import { typesOfSet } from './set.ts';
import { TimeSlice } from './time-slice.ts';

const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_EXPR = 7;
const NFTA_DATA_VALUE = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_COUNTER_BYTES = 1;
const NFTA_COUNTER_PACKETS = 2;

/** What an element of a counting set has counted since it was added. */
export interface Tally {
  /** Texts as in `ElementObject`. */
  readonly key: readonly string[];
  readonly packets: bigint;
  /** Of whole packets, network header included. */
  readonly bytes: bigint;
}

/**
 * The counters of a set's elements.
 * @throws {DecodeError} when an element has none or is not of the set's types.
 */
export function decodeTallies(set: NftSet, attributes: Uint8Array): readonly Tally[] {
  const list = attributeMap(attributes).get(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list === undefined) return [];
  const { key: types } = typesOfSet(set);
  return decodeAttributes(list).map(([, content]) => {
    const map = attributeMap(content);
    const key = need(attributeMap(need(map, NFTA_SET_ELEM_KEY, 'element')), NFTA_DATA_VALUE, 'element key');
    const expr = attributeMap(need(map, NFTA_SET_ELEM_EXPR, 'counter of an element'));
    const name = needText(expr, NFTA_EXPR_NAME, 'counter of an element');
    if (name !== 'counter') throw new DecodeError(`an element of ${set.name} has a ${name} for a counter`);
    const counter = attributeMap(need(expr, NFTA_EXPR_DATA, 'counter'));
    return {
      key: decodeFields(types, key),
      packets: u64(need(counter, NFTA_COUNTER_PACKETS, 'counter')),
      bytes: u64(need(counter, NFTA_COUNTER_BYTES, 'counter')),
    };
  });
}

/** The counters of all elements of a set. @throws {KernelError} ENOENT when there is no such set. */
export async function readTallies(
  transport: NetlinkTransport,
  family: NftFamily,
  table: string,
  set: NftSet,
): Promise<readonly Tally[]> {
  const slice = new TimeSlice();
  const tallies: Tally[] = [];
  for (const reply of await transport.dump(getElements({ family, table, set: set.name }))) {
    tallies.push(...decodeTallies(set, decodeNftMessage(reply).attributes));
    if (slice.over) await slice.next();
  }
  return tallies;
}

function u64(value: Uint8Array): bigint {
  if (value.length !== 8) throw new DecodeError(`a 64-bit attribute is ${value.length} bytes long`);
  return new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0);
}
