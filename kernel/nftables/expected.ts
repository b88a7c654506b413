import { InvalidArgument } from '../../core/errors.ts';
import type { ElementObject, TableObject } from '../../core/kernel-objects.ts';
import type { NftFamily, NftSet } from '../../core/nft.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import { readContent, readTables } from './dump.ts';
import { elementList, encodeElement, getElements, type RawText, rawTexts } from './element.ts';
import { installedFingerprint } from './fingerprint.ts';
import { decodeNftMessage } from './message.ts';
import { TimeSlice } from './time-slice.ts';

/** The elements of a set in the kernel's bytes: data by key. */
interface ExpectedSet {
  readonly set: NftSet;
  readonly elements: ReadonlyMap<string, string>;
}

/** What tables should hold, ready to be compared with what the kernel says without making sense of each element. */
export interface Expected {
  readonly tables: readonly {
    readonly family: NftFamily;
    readonly name: string;
    readonly fingerprint: string;
    /** Those that rules change are not compared. */
    readonly sets: readonly ExpectedSet[];
  }[];
}

/** Elements do not change, and many namespaces hold the same ones. */
const KNOWN = new WeakMap<ElementObject, RawText>();

/**
 * Prepares a comparison, in slices.
 * @param tables with their definitions.
 * @throws {InvalidArgument} when an element does not fit its set.
 */
export async function expectedOf(
  tables: readonly TableObject[],
  elements: Iterable<ElementObject>,
): Promise<Expected> {
  const sets = new Map<string, { readonly set: NftSet; readonly elements: Map<string, string> }>();
  const expected = tables.map(({ family, name, fingerprint, table }) => {
    const compared = (table?.sets ?? []).filter(({ dynamic }) => dynamic !== true);
    const made = compared.map((set) => ({ set, elements: new Map<string, string>() }));
    for (const each of made) sets.set(`${family} ${name} ${each.set.name}`, each);
    return { family, name, fingerprint, sets: made };
  });
  const slice = new TimeSlice();
  for (const element of elements) {
    if (slice.over) await slice.next();
    const found = sets.get(`${element.family} ${element.table} ${element.set}`);
    if (found === undefined) throw new InvalidArgument(`table ${element.table} has no set ${element.set}`);
    const { key, data } = textOf(element, found.set);
    found.elements.set(key, data);
  }
  return { tables: expected };
}

function textOf(element: ElementObject, set: NftSet): RawText {
  const known = KNOWN.get(element);
  if (known !== undefined) return known;
  const [text] = rawTexts(encodeElement(set, element));
  if (text === undefined) throw new InvalidArgument(`an element of ${set.name} is nothing`);
  KNOWN.set(element, text);
  return text;
}

/**
 * Whether the tables of these names are exactly as expected. Not one moment's view: compare generations around it.
 * @throws {KernelError} when they cannot be read.
 */
export async function isAsExpected(
  transport: NetlinkTransport,
  names: ReadonlySet<string>,
  { tables }: Expected,
): Promise<boolean> {
  const present = (await readTables(transport)).filter(({ name }) => names.has(name));
  if (present.length !== tables.length) return false;
  for (const { family, name, fingerprint, sets } of tables) {
    const content = await readContent(transport, family, name);
    if (content === undefined || installedFingerprint(family, name, content) !== fingerprint) return false;
    for (const each of sets) if (!(await holds(transport, family, name, each))) return false;
  }
  return true;
}

async function holds(
  transport: NetlinkTransport,
  family: NftFamily,
  table: string,
  { set, elements }: ExpectedSet,
): Promise<boolean> {
  const replies = await transport.dump(getElements({ family, table, set: set.name }));
  const slice = new TimeSlice();
  let count = 0;
  for (const reply of replies) {
    for (const { key, data } of rawTexts(elementList(decodeNftMessage(reply).attributes))) {
      if (elements.get(key) !== data) return false;
      count++;
    }
    if (slice.over) await slice.next();
  }
  return count === elements.size;
}
