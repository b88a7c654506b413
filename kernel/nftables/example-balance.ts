import type { NftExpr, NftFamily, NftRule, NftSet } from '../../core/nft.ts';

/** Sets that rules change or count in, for tests of codecs. */
export function exampleBalanceSets(family: NftFamily): readonly NftSet[] {
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  return [
    { name: 'clients', key: [address], data: [address], dynamic: true },
    { name: 'tallies', key: [address, address], counter: true },
  ];
}

/** Rules with every expression that chooses, remembers, counts or refuses, as in the capture of `balance`. */
export function exampleBalanceRules(family: NftFamily): readonly NftRule[] {
  const words = family === 'ip' ? 1 : 4;
  const saddr = address(family, 'saddr');
  const daddr = address(family, 'daddr');
  const dnat: NftExpr = { expr: 'nat', type: 'dnat', addrReg: 0 };
  const ring: readonly NftExpr[] = [{ expr: 'lookup', set: 'ring', sreg: 0, dreg: 0 }, dnat];
  const remember: readonly NftExpr[] = [{ expr: 'ct-address', key: 'original-daddr', dreg: 0 }, daddr(4)];
  return [
    {
      comment: 'by turns',
      exprs: [daddr(0), { expr: 'numgen', type: 'inc', modulus: 3, dreg: words }, ...ring],
    },
    {
      comment: 'at random',
      exprs: [
        { expr: 'numgen', type: 'random', modulus: 2, offset: 5, dreg: 0 },
        { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(6, 0, 0, 0) },
        daddr(0),
        { expr: 'numgen', type: 'random', modulus: 4, dreg: words },
        ...ring,
      ],
    },
    {
      comment: 'by source',
      exprs: [
        saddr(4),
        { expr: 'hash', sreg: 4, len: words * 4, modulus: 256, seed: 0x77656674, dreg: 0 },
        { expr: 'lookup', set: 'slots', sreg: 0, dreg: 0 },
        dnat,
      ],
    },
    {
      comment: 'counted',
      exprs: [
        { expr: 'ct-address', key: 'original-daddr', dreg: 0 },
        daddr(words),
        { expr: 'lookup', set: 'tallies', sreg: 0 },
      ],
    },
    {
      comment: 'counted both ways',
      exprs: [
        { expr: 'ct-address', key: 'original-daddr', dreg: 0 },
        { expr: 'ct-address', key: 'reply-saddr', dreg: words },
        { expr: 'lookup', set: 'tallies', sreg: 0 },
      ],
    },
    {
      comment: 'remembered',
      exprs: [...remember, { expr: 'dynset', op: 'add', set: 'clients', sreg: 0, dataReg: 4 }],
    },
    {
      comment: 'remembered for a while',
      exprs: [
        ...remember,
        { expr: 'dynset', op: 'update', set: 'clients', sreg: 0, dataReg: 4, timeoutMs: 90_000 },
      ],
    },
    {
      comment: 'forgotten',
      exprs: [saddr(0), daddr(4), { expr: 'dynset', op: 'delete', set: 'clients', sreg: 0, dataReg: 4 }],
    },
    {
      comment: 'echo',
      exprs: [
        { expr: 'meta', key: 'l4proto', dreg: 0 },
        { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(family === 'ip' ? 1 : 58) },
        { expr: 'payload', base: 'transport', offset: 0, len: 1, dreg: 0 },
        { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(family === 'ip' ? 8 : 128) },
        { expr: 'verdict', verdict: { kind: 'accept' } },
      ],
    },
    {
      comment: 'refused',
      exprs: [
        { expr: 'meta', key: 'l4proto', dreg: 0 },
        { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(6) },
        { expr: 'reject', with: 'tcp-reset' },
      ],
    },
    { comment: 'unreachable', exprs: [{ expr: 'reject', with: 'port-unreachable' }] },
  ];
}

function address(family: NftFamily, end: 'saddr' | 'daddr'): (dreg: number) => NftExpr {
  const len = family === 'ip' ? 4 : 16;
  const source = family === 'ip' ? 12 : 8;
  const offset = end === 'saddr' ? source : source + len;
  return (dreg) => ({ expr: 'payload', base: 'network', offset, len, dreg });
}
