import { describe, expect, test } from 'vitest';
import type { NftTable } from '../../core/nft.ts';
import { hostTable, INGRESS_POLICIES } from './table.ts';

function outline(table: NftTable): readonly string[] {
  return table.chains.flatMap(({ name, base, rules }) => [
    base === undefined
      ? `chain ${name}`
      : `chain ${name}: ${base.type} ${base.hook} ${base.priority} ${base.policy}`,
    ...rules.map(({ comment }) => `  ${comment}`),
  ]);
}

describe('the host table', () => {
  test('differs between the families in how loopback clients are served, and in nothing else', () => {
    const only = (lines: readonly string[], others: readonly string[]) =>
      lines.filter((line) => !others.includes(line));
    const [ipv4, ipv6] = [outline(hostTable(4)), outline(hostTable(6))];
    expect(only(ipv4, ipv6)).toEqual([]);
    expect(only(ipv6, ipv4)).toEqual(['  loopback is relayed']);
  });

  test('decides in a fixed number of rules whatever networks exist', () => {
    expect(outline(hostTable(4))).toMatchInlineSnapshot(`
      [
        "chain tunnel: filter prerouting -300 accept",
        "  from other hosts",
        "  tunnel packets of strangers",
        "chain tunnel-out: filter output -300 accept",
        "  to other hosts",
        "chain switched: filter prerouting -300 accept",
        "  stays on its bridge",
        "chain segments: filter forward -150 accept",
        "  segments that fit a tunnel, inwards",
        "  segments that fit a tunnel, outwards",
        "chain publish",
        "  published on one address",
        "  published on every address",
        "chain nat-isolated",
        "  answers",
        "  published",
        "  trusted interface",
        "  direct routing",
        "chain nat-shared",
        "  answers",
        "  published",
        "  trusted interface",
        "  other networks",
        "  direct routing",
        "chain open-isolated",
        "  answers",
        "  published",
        "  other networks",
        "chain open-shared",
        "chain routed-isolated",
        "  answers",
        "  opened",
        "  other networks",
        "  echo and errors",
        "  direct routing",
        "chain routed-shared",
        "  answers",
        "  opened",
        "  other networks",
        "  echo and errors",
        "  direct routing",
        "chain prerouting: nat prerouting -100 accept",
        "  loopback ports are for this host only",
        "  own ports of a network without ICC",
        "  from outside",
        "chain output: nat output -100 accept",
        "  from this host",
        "chain forward: filter forward 0 accept",
        "  within one network",
        "  leaving a network",
        "  entering a network",
        "chain postrouting: nat postrouting 100 accept",
        "  clients of this host and this bridge",
        "  hairpin",
        "  stays in its network",
        "  fixed source address",
        "  leaves its network",
      ]
    `);
  });

  test('has a chain for every ingress policy, defined before the map that jumps to it is used', () => {
    const names = hostTable(4).chains.map(({ name }) => name);
    for (const policy of INGRESS_POLICIES)
      expect(names.indexOf(policy)).toBeLessThan(names.indexOf('forward'));
  });

  test('looks up only sets that it defines', () => {
    for (const family of [4, 6] as const) {
      const table = hostTable(family);
      const defined = new Set(table.sets.map(({ name }) => name));
      for (const { exprs } of table.chains.flatMap(({ rules }) => rules)) {
        for (const expr of exprs) if (expr.expr === 'lookup') expect(defined).toContain(expr.set);
      }
    }
  });

  test('names each rule once in its chain', () => {
    for (const { name, rules } of hostTable(4).chains) {
      expect(new Set(rules.map(({ comment }) => comment)).size, name).toBe(rules.length);
    }
  });
});
