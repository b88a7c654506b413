import { describe, expect, test } from 'vitest';
import type { NftFamily, NftSet } from '../../core/nft.ts';
import {
  attributesOf,
  captured,
  type Message,
  plain,
  withoutSetIds,
  withoutUserdata,
} from '../../test/support/captured-batch.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import { attribute, joinBytes } from './attribute.ts';
import { decodeChain, encodeChain } from './chain.ts';
import {
  decodeElements,
  encodeAddElements,
  encodeDeleteElements,
  encodeElement,
  setOfElements,
} from './element.ts';
import { exampleElements, exampleTable } from './example-table.ts';
import { installedFingerprint, tableFingerprint } from './fingerprint.ts';
import { decodeRule, encodeRule } from './rule.ts';
import { decodeSet, encodeSet } from './set.ts';
import { decodeTable, encodeDeleteTable, encodeTable } from './table.ts';

const FAMILIES: readonly NftFamily[] = ['ip', 'ip6'];

describe.each(FAMILIES)('messages of an %s table', (family) => {
  const table = exampleTable(family);
  const elements = exampleElements(family);
  const sets = new Map(table.sets.map((set) => [set.name, set]));
  const setOf = (name: string): NftSet => {
    const set = sets.get(name);
    if (set === undefined) throw new Error(`no set ${name}`);
    return set;
  };

  test('a table is as nft adds and deletes it', () => {
    expect(plain(captured(`${family}-table`))).toEqual(plain([encodeTable(family, 'weft')]));
    expect(plain(captured(`${family}-delete-table`))).toEqual(plain([encodeDeleteTable(family, 'weft')]));
  });

  test('sets are as nft adds them', () => {
    const ours = table.sets.map((set, index) => encodeSet(family, 'weft', set, index + 1));
    expect(plain(ours.map(withoutUserdata))).toEqual(plain(captured(`${family}-sets`).map(withoutUserdata)));
  });

  test('chains are as nft adds them', () => {
    const ours = table.chains.map((chain) => encodeChain(family, 'weft', chain));
    expect(plain(ours)).toEqual(plain(captured(`${family}-chains`)));
  });

  test('rules are as nft adds them', () => {
    const ours = table.chains.flatMap(({ name, rules }) =>
      rules.map((rule) => encodeRule({ family, table: 'weft', chain: name }, rule)),
    );
    expect(plain(ours)).toEqual(plain(captured(`${family}-rules`).map(withoutSetIds)));
  });

  test.each([
    ['add', encodeAddElements],
    ['delete', encodeDeleteElements],
  ] as const)('elements are as nft %ss them', (verb, encode) => {
    const theirs = captured(`${family}-${verb}-elements`);
    const ours: readonly NetlinkRequest[] = elements.map((element) =>
      encode(element, [encodeElement(setOf(element.set), verb === 'add' ? element : { key: element.key })]),
    );
    // nft first adds an end at address 0 to an empty interval set; what is meant must be equal all the same.
    const intervals = new Set(table.sets.filter((set) => set.interval).map((set) => set.name));
    const exact = (messages: readonly Message[]): readonly Message[] =>
      messages.filter((message) => !intervals.has(setOfElements(attributesOf(message))));
    expect(plain(exact(ours))).toEqual(plain(exact(theirs).map(withoutSetIds)));
    for (const name of intervals) {
      const meant = (messages: readonly Message[]): unknown =>
        Array.from(
          decodeElements(
            setOf(name),
            messages.map(attributesOf).filter((attributes) => setOfElements(attributes) === name),
          ),
        );
      expect(meant(ours)).toEqual(meant(theirs));
    }
  });

  test('what nft sends decodes to the plan', () => {
    expect(captured(`${family}-table`).map((m) => decodeTable(attributesOf(m)))).toEqual([
      { name: 'weft', flags: 0 },
    ]);
    const content = {
      flags: 0,
      sets: captured(`${family}-sets`).map((message) => decodeSet(attributesOf(message))),
      chains: captured(`${family}-chains`).map((message) => decodeChain(attributesOf(message))),
      // A rule gets its handle from the kernel.
      rules: captured(`${family}-rules`).map((message) =>
        decodeRule(joinBytes([attributesOf(message), attribute(3, new Uint8Array(8))]), family),
      ),
    };
    expect(content.sets.map(({ set }) => set)).toEqual(table.sets);
    expect(content.rules.map(({ exprs, comment }) => ({ comment, exprs }))).toEqual(
      table.chains.flatMap(({ rules }) =>
        rules.map(({ comment, exprs }) => ({
          comment,
          exprs: exprs.map((expr) => ('data' in expr ? { ...expr, data: Uint8Array.from(expr.data) } : expr)),
        })),
      ),
    );
    expect(installedFingerprint(family, 'weft', content)).toBe(tableFingerprint(table));
  });

  test('elements that nft sends decode to the objects', () => {
    const messages = captured(`${family}-add-elements`).map(attributesOf);
    const decoded = [...sets.values()].flatMap((set) =>
      Array.from(
        decodeElements(
          set,
          messages.filter((attributes) => setOfElements(attributes) === set.name),
        ),
      ).map((content) => ({ kind: 'element', family, table: 'weft', set: set.name, ...content })),
    );
    expect(decoded).toEqual(elements);
  });
});
