import type { ExprCodec } from './codec.ts';

/** Counts packets and bytes; what it has counted is not part of the definition. net/netfilter/nft_counter.c. */
export const counter: ExprCodec<'counter'> = {
  encode: () => [],
  decode: () => ({ expr: 'counter' }),
};
