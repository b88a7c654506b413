import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { NftFamily, NftSet } from '../../core/nft.ts';
import type { NetlinkRequest } from '../netlink/index.ts';
import { attribute, decodeAttributes, joinBytes } from './attribute.ts';
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
import { batchBegin, batchEnd, decodeNftMessage } from './message.ts';
import { decodeRule, encodeRule } from './rule.ts';
import { decodeSet, encodeSet } from './set.ts';
import { decodeTable, encodeDeleteTable, encodeTable } from './table.ts';

const FAMILIES: readonly NftFamily[] = ['ip', 'ip6'];
const NFTA_SET_USERDATA = 13;

interface Message {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** The messages of one captured batch, without its begin and end, which are checked here. */
function captured(name: string): readonly Message[] {
  const text = readFileSync(new URL(`../../test/golden/nftables/${name}.hex`, import.meta.url), 'utf8');
  const bytes = Buffer.from(text.replace(/^#.*$/gm, '').replace(/\s/g, ''), 'hex');
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    messages.push({ type: bytes.readUInt16LE(at + 4), payload: bytes.subarray(at + 16, at + length) });
    at += (length + 3) & ~3;
  }
  expect(plain(messages.slice(0, 1))).toEqual(plain([batchBegin()]));
  expect(plain(messages.slice(-1))).toEqual(plain([batchEnd()]));
  return messages.slice(1, -1);
}

/** Type and payload in hex; netlink flags are left out, for nft gives none where they do not matter. */
function plain(messages: readonly Message[]): readonly string[] {
  return messages.map(({ type, payload }) => `${type} ${Buffer.from(payload).toString('hex')}`);
}

function attributesOf(message: Message): Uint8Array {
  return decodeNftMessage(message).attributes;
}

/** nft also names a set by its number in the transaction, which is of use for a set made in the same one only. */
function withoutSetIds({ type, payload }: Message): Message {
  const [EXPRESSIONS, SET_ID] = [4, 4];
  const isElements = type === 0x0a0c || type === 0x0a0e;
  const top = rawAttributes(payload.subarray(4));
  const kept = isElements
    ? top.filter(([number]) => number !== SET_ID)
    : top.map(([number, value]): RawAttribute => {
        if ((number & 0x3fff) !== EXPRESSIONS) return [number, value];
        return [number, rawJoin(rawAttributes(value).map(([n, expr]) => [n, withoutSuperfluous(expr)]))];
      });
  return { type, payload: joinBytes([payload.subarray(0, 4), rawJoin(kept)]) };
}

/** Attributes nft adds to an expression that say nothing: a lookup's set number, and that a mask is a mask. */
const SUPERFLUOUS: Readonly<Record<string, number>> = { lookup: 4, bitwise: 6 };

function withoutSuperfluous(expr: Uint8Array): Uint8Array {
  const [name, data] = rawAttributes(expr);
  const kernelName = Buffer.from(name?.[1] ?? []).toString();
  const left = SUPERFLUOUS[kernelName.slice(0, -1)];
  if (name === undefined || data === undefined || left === undefined) return expr;
  return rawJoin([name, [data[0], rawJoin(rawAttributes(data[1]).filter(([number]) => number !== left))]]);
}

type RawAttribute = readonly [type: number, value: Uint8Array];

/** Attributes with the flag bits of their types. */
function rawAttributes(bytes: Uint8Array): readonly RawAttribute[] {
  const flags: number[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += (view.getUint16(at, true) + 3) & ~3) {
    flags.push(view.getUint16(at + 2, true) & ~0x3fff);
  }
  return decodeAttributes(bytes).map(([type, value], index) => [type | (flags[index] ?? 0), value]);
}

function rawJoin(attributes: readonly RawAttribute[]): Uint8Array {
  return joinBytes(attributes.map(([type, value]) => attribute(type, value)));
}

/** nft also stores how it would print a concatenation's type; it lists ours as well without. */
function withoutUserdata({ type, payload }: Message): Message {
  const kept = decodeAttributes(payload.subarray(4)).filter(([number]) => number !== NFTA_SET_USERDATA);
  return {
    type,
    payload: joinBytes([payload.subarray(0, 4), ...kept.map(([number, value]) => attribute(number, value))]),
  };
}

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
