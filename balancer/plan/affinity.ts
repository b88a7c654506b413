import type { Family } from '../../core/address.ts';
import type { NftChain, NftExpr } from '../../core/nft.ts';
import { daddr, datumOf, port, rule, saddr, vip, words } from './match.ts';

/** Where a known client of a service goes: to its port there, or for a whole address to the same port. */
export type Remembered = 'remembered-port' | 'remembered-address';

/** Name of the map of known clients: address . VIP : backend. */
export const CLIENTS = 'clients';

/** Registers: `saddr . daddr` from 0 on, the backend's address, and the port there; keys of ports from 0 on again. */
const BACKEND = 8;
const TARGET = 12;

/** Name of the chain that remembers where a client went. */
export function rememberChain(timeoutSeconds: number): string {
  return `remember-${timeoutSeconds}s`;
}

/**
 * Chains for clients that keep their backend. Whether a backend still takes connections is not asked here: that would
 * be a lookup by what another one gave, which nft(8) 1.0.6 aborts on when it lists the rule. `clientsToForget` says
 * what to delete instead.
 */
export function affinityChains(family: Family, timeouts: readonly number[]): readonly NftChain[] {
  const backend = [saddr(family, 0), daddr(family, words(family)), datumOf(CLIENTS, 0, BACKEND)] as const;
  const dnat = { expr: 'nat', type: 'dnat', addrReg: BACKEND } as const;
  const target = [...port(family, 0), datumOf('targets', 0, TARGET)];
  const chain = (name: Remembered, exprs: readonly NftExpr[]): NftChain => ({
    name,
    rules: [rule('where it was', exprs)],
  });
  return [
    chain('remembered-port', [...backend, ...target, { ...dnat, portReg: TARGET }]),
    chain('remembered-address', [...backend, dnat]),
    ...timeouts.map((seconds) => remember(family, seconds)),
  ];
}

/** An update leaves the backend of a client that is known, and starts its time again. */
function remember(family: Family, seconds: number): NftChain {
  return {
    name: rememberChain(seconds),
    rules: [
      rule('where it goes', [
        saddr(family, 0),
        vip(words(family)),
        daddr(family, BACKEND),
        { expr: 'dynset', op: 'update', set: CLIENTS, sreg: 0, dataReg: BACKEND, timeoutMs: seconds * 1000 },
      ]),
    ],
  };
}
