import type { Family } from '../../core/address.ts';
import type { NftChain, NftExpr, NftRule } from '../../core/nft.ts';
import { daddr, datumOf, inSet, notInSet, port, rule, saddr, vip, words } from './match.ts';

/** Where a known client of a service goes: to its port there, or for a whole address to the same port. */
export type Remembered = 'remembered-port' | 'remembered-address';

/** Registers: the VIP at 4, the client's address right before it, its backend's right behind; keys of ports at 0. */
const VIP = 4;
const TARGET = 12;

/** Name of the chain that remembers where a client went. */
export function rememberChain(timeoutSeconds: number): string {
  return `remember-${timeoutSeconds}s`;
}

/**
 * Chains for clients that keep their backend: what the map `clients` says holds while the backend is one of the
 * service's `homes`. The entry of one that is not is deleted, since an update from a rule does not change its data.
 */
export function affinityChains(family: Family, timeouts: readonly number[]): readonly NftChain[] {
  return [
    {
      name: 'remembered-port',
      rules: [
        rule(
          'where it was, port',
          backend(family),
          home,
          port(family, 0),
          [datumOf('targets', 0, TARGET)],
          [{ expr: 'nat', type: 'dnat', addrReg: at(family).backend, portReg: TARGET }],
        ),
        forget(family),
      ],
    },
    {
      name: 'remembered-address',
      rules: [
        rule('where it was', backend(family), home, [
          { expr: 'nat', type: 'dnat', addrReg: at(family).backend },
        ]),
        forget(family),
      ],
    },
    ...timeouts.map((seconds) => ({ name: rememberChain(seconds), rules: [remember(family, seconds)] })),
  ];
}

function at(family: Family): { readonly client: number; readonly backend: number } {
  return { client: VIP - words(family), backend: VIP + words(family) };
}

/** `saddr . daddr map @clients` */
function backend(family: Family): readonly NftExpr[] {
  const { client, backend } = at(family);
  return [saddr(family, client), daddr(family, VIP), datumOf('clients', client, backend)];
}

/** The backend takes connections, and this is one. */
const home: readonly NftExpr[] = [inSet('homes', VIP), inSet('connections', VIP)];

function forget(family: Family): NftRule {
  const { client, backend: dataReg } = at(family);
  return rule('where it cannot be', backend(family), [
    notInSet('homes', VIP),
    { expr: 'dynset', op: 'delete', set: 'clients', sreg: client, dataReg },
  ]);
}

function remember(family: Family, seconds: number): NftRule {
  const { client, backend: dataReg } = at(family);
  return rule(`for ${seconds} s`, [
    saddr(family, client),
    vip(VIP),
    daddr(family, dataReg),
    { expr: 'dynset', op: 'update', set: 'clients', sreg: client, dataReg, timeoutMs: seconds * 1000 },
  ]);
}
