import type { NftChain, NftExpr } from '../../core/nft.ts';

/** Segments no larger than the route allows, and no larger than a number. */
export function exampleClamp(): NftChain {
  const size = { option: 2, offset: 2, len: 2 } as const;
  const opening: readonly NftExpr[] = [
    { expr: 'meta', key: 'l4proto', dreg: 0 },
    { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(6) },
    { expr: 'payload', base: 'transport', offset: 13, len: 1, dreg: 0 },
    { expr: 'bitwise', sreg: 0, dreg: 0, mask: Uint8Array.of(6), xor: Uint8Array.of(0) },
    { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(2) },
  ];
  return {
    name: 'mangle-forward',
    base: { type: 'filter', hook: 'forward', priority: -150, policy: 'accept' },
    rules: [
      {
        comment: 'segments that fit the route',
        exprs: [
          ...opening,
          { expr: 'rt', key: 'tcpmss', dreg: 0 },
          { expr: 'byteorder', op: 'hton', sreg: 0, dreg: 0, len: 2, size: 2 },
          { expr: 'tcp-option-set', ...size, sreg: 0 },
        ],
      },
      {
        comment: 'segments of 1360 bytes',
        exprs: [
          ...opening,
          { expr: 'tcp-option', ...size, dreg: 0 },
          { expr: 'cmp', op: 'gt', sreg: 0, data: Uint8Array.of(1360 >> 8, 1360 & 255) },
          { expr: 'counter' },
          { expr: 'immediate', dreg: 0, data: Uint8Array.of(1360 >> 8, 1360 & 255) },
          { expr: 'tcp-option-set', ...size, sreg: 0 },
        ],
      },
    ],
  };
}
