import { describe, expect, test } from 'vitest';
import type { NftTable } from '../../core/nft.ts';
import { exampleTable } from './example-table.ts';
import { tableFingerprint } from './fingerprint.ts';

const table = exampleTable('ip');

function inChain(
  name: string,
  change: (chain: NftTable['chains'][number]) => NftTable['chains'][number],
): NftTable {
  return { ...table, chains: table.chains.map((chain) => (chain.name === name ? change(chain) : chain)) };
}

describe('the fingerprint of a table', () => {
  test('is 16 hex digits and a function of the content', () => {
    expect(tableFingerprint(table)).toMatch(/^[0-9a-f]{16}$/);
    expect(tableFingerprint(exampleTable('ip'))).toBe(tableFingerprint(table));
  });

  test('does not depend on the order of sets, of chains or of an expression’s fields', () => {
    const turned = {
      ...table,
      sets: table.sets.toReversed(),
      chains: table.chains.toReversed().map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({
          ...rule,
          exprs: rule.exprs.map((expr) => Object.fromEntries(Object.entries(expr).reverse()) as typeof expr),
        })),
      })),
    };
    expect(tableFingerprint(turned)).toBe(tableFingerprint(table));
  });

  test('differs for each difference', () => {
    const others: readonly NftTable[] = [
      table,
      { ...table, family: 'ip6' },
      { ...table, name: 'other' },
      { ...table, sets: table.sets.slice(1) },
      { ...table, sets: table.sets.map((set) => (set.name === 'bridges' ? { ...set, key: ['mark'] } : set)) },
      {
        ...table,
        sets: table.sets.map((set) => (set.name === 'subnets' ? { name: 'subnets', key: set.key } : set)),
      },
      { ...table, sets: table.sets.map((set) => (set.name === 'marks' ? { ...set, data: ['mark'] } : set)) },
      { ...table, chains: table.chains.slice(1) },
      { ...table, chains: [...table.chains, { name: 'extra', rules: [] }] },
      inChain('forward', (chain) => ({ ...chain, rules: [] })),
      inChain('forward', (chain) => ({ ...chain, rules: chain.rules.toReversed() })),
      inChain('forward', (chain) => ({ ...chain, rules: chain.rules.slice(1) })),
      inChain('forward', (chain) => ({ name: chain.name, rules: chain.rules })),
      inChain('forward', (chain) => ({
        ...chain,
        ...(chain.base && { base: { ...chain.base, policy: 'drop' } }),
      })),
      inChain('forward', (chain) => ({
        ...chain,
        ...(chain.base && { base: { ...chain.base, priority: 7 } }),
      })),
      inChain('forward', (chain) => ({
        ...chain,
        ...(chain.base && { base: { ...chain.base, hook: 'input' } }),
      })),
      inChain('isolate', (chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({ ...rule, comment: 'other' })),
      })),
      inChain('isolate', (chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({ ...rule, exprs: rule.exprs.slice(1) })),
      })),
      inChain('isolate', (chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({
          ...rule,
          exprs: [{ expr: 'counter' }, { expr: 'verdict', verdict: { kind: 'accept' } }],
        })),
      })),
    ];
    expect(new Set(others.map(tableFingerprint)).size).toBe(others.length);
  });
});
