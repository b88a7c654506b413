import type { Family } from '../../core/address.ts';
import type { NftExpr, NftRule } from '../../core/nft.ts';

/**
 * Statements of the rules, as lists of kernel expressions. An address takes `words` registers: 1 or 4. The registers of
 * each statement are said where it is made; none is used by a later rule, which the kernel would refuse.
 */

const ICMP: Readonly<Record<Family, { readonly protocol: number; readonly echoRequest: number }>> = {
  4: { protocol: 1, echoRequest: 8 },
  6: { protocol: 58, echoRequest: 128 },
};
/** The first bytes of the names of the host's own links on a LAN (core/names). */
const HOST_LINKS = Buffer.from('wh-');
/** The kind of a link, all 16 bytes (IFNAMSIZ). */
const IPVLAN = Buffer.from('ipvlan'.padEnd(16, '\0'));
const TCP = 6;
/** include/uapi/linux/netfilter/nf_conntrack_common.h. */
const IPS_DST_NAT = 1 << 5;
const NF_CT_STATE_INVALID = 1 << 0;
const NF_CT_STATE_UNTRACKED = 1 << 6;

export function rule(comment: string, ...statements: readonly (readonly NftExpr[])[]): NftRule {
  return { comment, exprs: statements.flat() };
}

/** 32-bit registers an address occupies. */
export function words(family: Family): number {
  return family === 4 ? 1 : 4;
}

export function saddr(family: Family, dreg: number): NftExpr {
  const len = words(family) * 4;
  return { expr: 'payload', base: 'network', offset: family === 4 ? 12 : 8, len, dreg };
}

export function daddr(family: Family, dreg: number): NftExpr {
  const len = words(family) * 4;
  return { expr: 'payload', base: 'network', offset: family === 4 ? 16 : 24, len, dreg };
}

/** Where the connection went before any translation. */
export function vip(dreg: number): NftExpr {
  return { expr: 'ct-address', key: 'original-daddr', dreg };
}

/** Where the connection's answers come from. */
export function backend(dreg: number): NftExpr {
  return { expr: 'ct-address', key: 'reply-saddr', dreg };
}

/** The connection's destination was translated: `ct status dnat`. */
export const translated: readonly NftExpr[] = [
  { expr: 'ct', key: 'status', dreg: 0 },
  { expr: 'bitwise', sreg: 0, dreg: 0, mask: number(IPS_DST_NAT), xor: number(0) },
  { expr: 'cmp', op: 'neq', sreg: 0, data: number(0) },
];

/** `ct state invalid,untracked`. */
export const ofNoConnection: readonly NftExpr[] = [
  { expr: 'ct', key: 'state', dreg: 0 },
  {
    expr: 'bitwise',
    sreg: 0,
    dreg: 0,
    mask: number(NF_CT_STATE_INVALID | NF_CT_STATE_UNTRACKED),
    xor: number(0),
  },
  { expr: 'cmp', op: 'neq', sreg: 0, data: number(0) },
];

/** `l4proto . daddr . dport` from a register on. */
export function port(family: Family, first: number): readonly NftExpr[] {
  return [
    { expr: 'meta', key: 'l4proto', dreg: first },
    daddr(family, first + 1),
    { expr: 'payload', base: 'transport', offset: 2, len: 2, dreg: first + 1 + words(family) },
  ];
}

export function inSet(set: string, sreg: number): NftExpr {
  return { expr: 'lookup', set, sreg };
}

export function datumOf(set: string, sreg: number, dreg: number): NftExpr {
  return { expr: 'lookup', set, sreg, dreg };
}

export function verdictOf(set: string, sreg: number): NftExpr {
  return { expr: 'lookup', set, sreg, verdictMap: true };
}

/** A register holds this number. */
export function isNumber(sreg: number, value: number): readonly NftExpr[] {
  return [{ expr: 'cmp', op: 'eq', sreg, data: number(value) }];
}

export function jump(chain: string): readonly NftExpr[] {
  return [{ expr: 'verdict', verdict: { kind: 'jump', chain } }];
}

/** One connection in two. */
export const everyOther: readonly NftExpr[] = [
  { expr: 'numgen', type: 'random', modulus: 2, dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: number(0) },
];

export function tcp(): readonly NftExpr[] {
  return protocol(TCP);
}

export function echoRequest(family: Family): readonly NftExpr[] {
  return [
    ...protocol(ICMP[family].protocol),
    { expr: 'payload', base: 'transport', offset: 0, len: 1, dreg: 0 },
    { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(ICMP[family].echoRequest) },
  ];
}

function protocol(code: number): readonly NftExpr[] {
  return [
    { expr: 'meta', key: 'l4proto', dreg: 0 },
    { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(code) },
  ];
}

/** Came in by a link: not made in this namespace. */
export const forwarded: readonly NftExpr[] = [
  { expr: 'meta', key: 'iif', dreg: 0 },
  { expr: 'cmp', op: 'neq', sreg: 0, data: number(0) },
];

/**
 * Goes out by the host's own link on a LAN of containers, and the address that it has by its way to the virtual IP is
 * one of the device below, which containers cannot answer to by that link: of IPv4 on ipvlan, of IPv6 always.
 */
export function byHostLink(family: Family): readonly NftExpr[] {
  return [...goesOutBy('oifname', HOST_LINKS), ...(family === 4 ? goesOutBy('oifkind', IPVLAN) : [])];
}

function goesOutBy(key: 'oifname' | 'oifkind', data: Uint8Array): readonly NftExpr[] {
  return [
    { expr: 'meta', key, dreg: 0 },
    { expr: 'cmp', op: 'eq', sreg: 0, data },
  ];
}

/** A number as registers hold it: host order, which is little-endian on every supported machine. */
function number(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
