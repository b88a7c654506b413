import { describe, expect, test } from 'vitest';
import type { NftFamily } from '../../core/nft.ts';
import {
  attributesOf,
  captured,
  plain,
  withoutSetIds,
  withoutUserdata,
} from '../../test/support/captured-batch.ts';
import { attribute, joinBytes } from './attribute.ts';
import { exampleBalanceRules, exampleBalanceSets } from './example-balance.ts';
import { decodeRule, encodeRule } from './rule.ts';
import { decodeSet, encodeSet } from './set.ts';

const NFTA_RULE_HANDLE = 3;

describe.each<NftFamily>(['ip', 'ip6'])('what virtual IPs are made of, family %s', (family) => {
  // The first message adds the table.
  const sets = captured(`${family}-balance-sets`).slice(1);
  const rules = captured(`${family}-balance-rules`);

  test('sets that rules change or count in are as nft adds them', () => {
    const ours = exampleBalanceSets(family).map((set, index) => encodeSet(family, 'weft', set, index + 1));
    expect(plain(ours.map(withoutUserdata))).toEqual(plain(sets.map(withoutUserdata)));
    expect(sets.map((message) => decodeSet(attributesOf(message)).set)).toEqual(exampleBalanceSets(family));
  });

  test.each(exampleBalanceRules(family).map((rule, index) => ({ rule, index })))(
    'rule "$rule.comment" is as nft adds it, and decodes to the plan',
    ({ rule, index }) => {
      const theirs = rules[index];
      if (theirs === undefined) throw new Error('not captured');
      const ours = encodeRule({ family, table: 'weft', chain: 'balance' }, rule);
      expect(plain([ours])).toEqual(plain([withoutSetIds(theirs)]));
      // A rule gets its handle from the kernel.
      const dumped = joinBytes([attributesOf(theirs), attribute(NFTA_RULE_HANDLE, new Uint8Array(8))]);
      const { comment, exprs } = decodeRule(dumped, family);
      expect({ comment, exprs }).toEqual(rule);
    },
  );
});
