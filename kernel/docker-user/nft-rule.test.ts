import { expect, test } from 'vitest';
import type { InstalledRule } from '../nftables/index.ts';
import { isBareNftReturn, isNftRule, isOwnNftRule, nftRuleOf } from './nft-rule.ts';

const WILDCARD_TO_NAME = nftRuleOf({
  in: { name: 'wb-', wildcard: true },
  out: { name: 'docker0', wildcard: false },
  verdict: 'return',
});
const installed: InstalledRule = {
  table: 'filter',
  chain: 'DOCKER-USER',
  handle: 7n,
  exprs: WILDCARD_TO_NAME.exprs,
  comment: 'weft',
  userdata: new Uint8Array(),
};

test('a wildcard is compared by its first bytes, a name with its final zero', () => {
  const compared = WILDCARD_TO_NAME.exprs.flatMap((expr) => (expr.expr === 'cmp' ? [[...expr.data]] : []));
  expect(compared.map((bytes) => String.fromCharCode(...bytes))).toEqual(['wb-', 'docker0\0']);
});

test('a rule is right when comment and expressions are', () => {
  expect(isNftRule(installed, WILDCARD_TO_NAME)).toBe(true);
  expect(isNftRule({ ...installed, comment: 'other' }, WILDCARD_TO_NAME)).toBe(false);
  expect(isNftRule({ ...installed, exprs: installed.exprs.slice(1) }, WILDCARD_TO_NAME)).toBe(false);
  expect(isNftRule(undefined, WILDCARD_TO_NAME)).toBe(false);
});

test('the comment says whose a rule is', () => {
  const { comment: _, ...bare } = installed;
  expect(isOwnNftRule(installed)).toBe(true);
  expect(isOwnNftRule({ ...installed, comment: 'weft too' })).toBe(false);
  expect(isOwnNftRule(bare)).toBe(false);
});

test('a bare RETURN has no condition and no comment, counted or not', () => {
  const { comment: _, ...foreign } = installed;
  const returning = { expr: 'verdict', verdict: { kind: 'return' } } as const;
  const accepting = { expr: 'verdict', verdict: { kind: 'accept' } } as const;
  expect(isBareNftReturn({ ...foreign, exprs: [returning] })).toBe(true);
  expect(isBareNftReturn({ ...foreign, exprs: [{ expr: 'counter' }, returning] })).toBe(true);
  expect(isBareNftReturn({ ...installed, exprs: [returning] })).toBe(false);
  expect(isBareNftReturn({ ...foreign, exprs: [{ expr: 'counter' }, accepting] })).toBe(false);
  expect(isBareNftReturn({ ...foreign, exprs: [{ expr: 'counter' }] })).toBe(false);
  expect(isBareNftReturn({ ...foreign, exprs: [] })).toBe(false);
  expect(isBareNftReturn(foreign)).toBe(false);
});
