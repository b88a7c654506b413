import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Family } from '../../core/address.ts';
import { Unsupported } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import { type AcceptRule, acceptRules, CHAIN } from './accept-rule.ts';
import { readCaptured } from './captured/read-captured.ts';
import { editXtChain, type XtEdit } from './xt-chain.ts';
import { XT_LAYOUT } from './xt-layout.ts';
import { encodeXtRule, isBareXtReturn, isOwnXtRule, sameXtRule } from './xt-rule.ts';
import { decodeXtTable, encodeXtTable, type XtTable } from './xt-table.ts';

const captured = (family: Family): XtTable => {
  const { blob, hooks } = readCaptured(family);
  return decodeXtTable(family, blob, hooks);
};
const encoded = (family: Family, rules: readonly AcceptRule[]) =>
  rules.map((rule) => encodeXtRule(family, rule));
const changed = (edit: XtEdit): XtTable => {
  if (edit.kind !== 'changed') throw new Error(`the edit is ${edit.kind}`);
  return edit.table;
};
/** The table after the kernel has stored and given it back. */
const reread = (table: XtTable): XtTable => {
  const { blob, ...hooks } = encodeXtTable(table);
  return decodeXtTable(table.family, blob, hooks);
};
const headingOf = (table: XtTable): number => table.entries.findIndex(({ heading }) => heading === CHAIN);
const chainOf = (table: XtTable): readonly Uint8Array[] => {
  const first = headingOf(table) + 1;
  const end = table.entries.findIndex(({ heading }, index) => index >= first && heading !== undefined);
  return table.entries.slice(first, end).map(({ bytes }) => bytes);
};

const RETURN_TO_DOCKER: AcceptRule = {
  in: { name: 'wb-', wildcard: true },
  out: { name: 'docker0', wildcard: false },
  verdict: 'return',
};
const ACCEPT_LAN: AcceptRule = { out: { name: 'lan0', wildcard: false }, verdict: 'accept' };

describe.each([4, 6] as const)('DOCKER-USER of family %i', (family) => {
  test('rules are encoded as iptables-legacy encodes them', () => {
    const [, first, second] = chainOf(captured(family));
    const [ours, lan] = encoded(family, [RETURN_TO_DOCKER, ACCEPT_LAN]);
    for (const [written, expected] of [
      [ours, first],
      [lan, second],
    ]) {
      if (written === undefined || expected === undefined) throw new Error('the chain is too short');
      expect(written.length).toBe(expected.length);
      expect(sameXtRule(family, written, expected)).toBe(true);
    }
  });

  test('rules of weft go before the RETURN; old ones of weft go; foreign ones keep their order', () => {
    const before = chainOf(captured(family));
    const wanted = encoded(family, acceptRules([]));
    const after = chainOf(reread(changed(editXtChain(captured(family), CHAIN, wanted))));
    const [counting, , , reject, back, tail] = before;
    expect(
      after.slice(2, 6).every((bytes, index) => sameXtRule(family, bytes, wanted[index] ?? bytes.slice(1))),
    ).toBe(true);
    expect(after.length).toBe(4 + 4);
    expect([after[1], after[6], after[7]]).toEqual([reject, back, tail]);
    expect(after[0]?.length).toBe(counting?.length);
  });

  test('a right chain is left alone', () => {
    const wanted = encoded(family, acceptRules(['lan0' as IfName]));
    const table = reread(changed(editXtChain(captured(family), CHAIN, wanted)));
    expect(editXtChain(table, CHAIN, wanted)).toEqual({ kind: 'unchanged' });
  });

  test('rules of weft above a foreign one are moved behind it, as the same entries', () => {
    const table = captured(family);
    const wanted = encoded(family, [ACCEPT_LAN, RETURN_TO_DOCKER]);
    const after = changed(editXtChain(table, CHAIN, wanted));
    const [counting, toDocker, lan, reject, back, tail] = table.entries.slice(headingOf(table) + 1);
    const moved = after.entries.slice(headingOf(table) + 1);
    for (const [index, entry] of [counting, reject, lan, toDocker, back, tail].entries()) {
      expect(moved[index]).toBe(entry);
    }
  });

  test('without a RETURN of its own the chain ends at the one that iptables does not list', () => {
    const table = captured(family);
    const entries = table.entries.toSpliced(headingOf(table) + 5, 1);
    const wanted = encoded(family, acceptRules([]));
    const after = chainOf(reread(changed(editXtChain({ ...table, entries }, CHAIN, wanted))));
    const bare = after.map((bytes) => isBareXtReturn(family, bytes));
    expect(bare).toEqual([...Array(6).fill(false), true]);
    expect(after.slice(2, 6).every((bytes) => isOwnXtRule(family, bytes))).toBe(true);
  });

  test('a rule behind the first RETURN is behind those of weft as well', () => {
    const table = captured(family);
    const [, , , reject, back] = table.entries.slice(headingOf(table) + 1);
    if (reject === undefined || back === undefined) throw new Error('the capture has changed');
    const entries = table.entries
      .filter((entry) => entry !== reject)
      .toSpliced(headingOf(table) + 5, 0, reject);
    const after = changed(editXtChain({ ...table, entries }, CHAIN, encoded(family, acceptRules([]))));
    expect(after.entries.slice(headingOf(table) + 6, headingOf(table) + 8)).toEqual([back, reject]);
  });

  test('a RETURN with a condition is not the end of the chain', () => {
    const bare = chainOf(captured(family)).at(-1);
    if (bare === undefined) throw new Error('the capture has changed');
    const layout = XT_LAYOUT[family];
    expect(isBareXtReturn(family, bare)).toBe(true);
    for (let offset = 0; offset < layout.nfcache; offset++) {
      expect(isBareXtReturn(family, bare.with(offset, 1))).toBe(false);
    }
    expect(isBareXtReturn(family, bare.with(layout.counters, 1))).toBe(true);
    for (const rule of encoded(family, [RETURN_TO_DOCKER, { verdict: 'return' }, { verdict: 'accept' }])) {
      expect(isBareXtReturn(family, rule)).toBe(false);
    }
  });

  test('a chain that is not there is absent', () => {
    expect(editXtChain(captured(family), 'DOCKER', [])).toEqual({ kind: 'absent' });
  });

  test('any sequence of edits, then none of ours, is the table without ours', () => {
    const bridges = fc.uniqueArray(fc.constantFrom('lan0', 'br-x', 'eth1', 'longest-name-15'), {
      maxLength: 4,
    });
    const clean = encodeXtTable(changed(editXtChain(captured(family), CHAIN, [])));
    fc.assert(
      fc.property(fc.array(bridges, { minLength: 1, maxLength: 5 }), (walk) => {
        let table = captured(family);
        for (const names of walk) {
          const wanted = encoded(family, acceptRules(names as IfName[]));
          const edit = editXtChain(table, CHAIN, wanted);
          if (edit.kind === 'changed') table = reread(edit.table);
          expect(editXtChain(table, CHAIN, wanted)).toEqual({ kind: 'unchanged' });
        }
        expect(encodeXtTable(changed(editXtChain(table, CHAIN, [])))).toEqual(clean);
      }),
    );
  });

  test('a jump into the middle of the chain forbids to remove its target', () => {
    const table = captured(family);
    const at = headingOf(table);
    const jumping = table.entries.find(({ jump }) => jump?.to === 'chain' && jump.heading.heading === 'Z');
    const target = table.entries[at + 3];
    if (jumping === undefined || target === undefined) throw new Error('the capture has changed');
    jumping.jump = { to: 'entry', entry: target };
    expect(() => editXtChain(table, CHAIN, [])).toThrow(Unsupported);
  });
});
