import type { NftDatatype, NftExpr, NftRule, NftVerdict } from '../../core/nft.ts';

/**
 * Statements in the words of nft(8), each a short list of kernel expressions. Registers are chosen here and nowhere
 * else: a match loads from register 0 on, and no value lives longer than its statement.
 */

/** 32-bit registers a field occupies (include/uapi/linux/netfilter/nf_tables.h: NFT_REG32_*). */
const WORDS: Readonly<Record<Exclude<NftDatatype, 'verdict'>, number>> = {
  ipv4_addr: 1,
  ipv6_addr: 4,
  inet_proto: 1,
  inet_service: 1,
  ifname: 4,
  ether_addr: 2,
  devgroup: 1,
  iface_index: 1,
  mark: 1,
};

const NF_CT_STATE_RELATED_OR_ESTABLISHED = 0b110;
const IPS_DST_NAT = 1 << 5;
const SYN = 0x02;
const RST = 0x04;
/** RFC 9293 section 3.2: kind 2, maximum segment size, whose value stands after kind and length. */
const TCP_MAXSEG = 2;
const ARPHRD_ETHER = 1;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;

export function rule(comment: string, ...statements: readonly (readonly NftExpr[])[]): NftRule {
  return { comment, exprs: statements.flat() };
}

export function verdict(kind: 'accept' | 'drop' | 'return'): readonly NftExpr[] {
  return [{ expr: 'verdict', verdict: { kind } }];
}

export function jump(chain: string): readonly NftExpr[] {
  const to: NftVerdict = { kind: 'jump', chain };
  return [{ expr: 'verdict', verdict: to }];
}

/** `counter`: packets and bytes that came this far. */
export const counter: readonly NftExpr[] = [{ expr: 'counter' }];

/** What can be looked up: a packet's field and where it is loaded from. */
type Field =
  | 'iifname'
  | 'oifname'
  | 'ether-daddr'
  | 'l4proto'
  | 'saddr4'
  | 'saddr6'
  | 'daddr4'
  | 'daddr6'
  | 'dport';

const FIELD_TYPE: Readonly<Record<Field, Exclude<NftDatatype, 'verdict'>>> = {
  iifname: 'ifname',
  oifname: 'ifname',
  'ether-daddr': 'ether_addr',
  l4proto: 'inet_proto',
  saddr4: 'ipv4_addr',
  saddr6: 'ipv6_addr',
  daddr4: 'ipv4_addr',
  daddr6: 'ipv6_addr',
  dport: 'inet_service',
};

function load(field: Field, dreg: number): NftExpr {
  switch (field) {
    case 'iifname':
    case 'oifname':
    case 'l4proto':
      return { expr: 'meta', key: field, dreg };
    case 'ether-daddr':
      return { expr: 'payload', base: 'link', offset: 0, len: 6, dreg };
    case 'saddr4':
      return { expr: 'payload', base: 'network', offset: 12, len: 4, dreg };
    case 'saddr6':
      return { expr: 'payload', base: 'network', offset: 8, len: 16, dreg };
    case 'daddr4':
      return { expr: 'payload', base: 'network', offset: 16, len: 4, dreg };
    case 'daddr6':
      return { expr: 'payload', base: 'network', offset: 24, len: 16, dreg };
    case 'dport':
      return { expr: 'payload', base: 'transport', offset: 2, len: 2, dreg };
  }
}

function loadAll(fields: readonly Field[]): NftExpr[] {
  let register = 0;
  return fields.map((field) => {
    const expr = load(field, register);
    register += WORDS[FIELD_TYPE[field]];
    return expr;
  });
}

/** `FIELD . FIELD @set` */
export function inSet(set: string, ...fields: readonly Field[]): readonly NftExpr[] {
  return [...loadAll(fields), { expr: 'lookup', set, sreg: 0 }];
}

/** `FIELD . FIELD != @set` */
export function notInSet(set: string, ...fields: readonly Field[]): readonly NftExpr[] {
  return [...loadAll(fields), { expr: 'lookup', set, sreg: 0, invert: true }];
}

/** `FIELD vmap @map` */
export function verdictFrom(map: string, field: Field): readonly NftExpr[] {
  return [load(field, 0), { expr: 'lookup', set: map, sreg: 0, verdictMap: true }];
}

/** `dnat to FIELD . FIELD map @map`, where the map's data is address . port of the family. */
export function dnatFrom(map: string, family: 4 | 6, ...fields: readonly Field[]): readonly NftExpr[] {
  const portReg = WORDS[family === 4 ? 'ipv4_addr' : 'ipv6_addr'];
  return [
    ...loadAll(fields),
    { expr: 'lookup', set: map, sreg: 0, dreg: 0 },
    { expr: 'nat', type: 'dnat', addrReg: 0, portReg },
  ];
}

/** `snat to iifname map @map` */
export function snatFrom(map: string): readonly NftExpr[] {
  return [
    load('iifname', 0),
    { expr: 'lookup', set: map, sreg: 0, dreg: 0 },
    { expr: 'nat', type: 'snat', addrReg: 0 },
  ];
}

/** `iif 0`: the packet came in by no interface as far as this hook can see. */
export const noInput: readonly NftExpr[] = [
  { expr: 'meta', key: 'iif', dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: hostOrder32(0) },
];

export const masquerade: readonly NftExpr[] = [{ expr: 'masquerade' }];

/** `ct state established,related` */
export const established: readonly NftExpr[] = ctBits('state', NF_CT_STATE_RELATED_OR_ESTABLISHED);

/** `ct status dnat`: the connection came through a published port. */
export const translated: readonly NftExpr[] = ctBits('status', IPS_DST_NAT);

function ctBits(key: 'state' | 'status', bits: number): readonly NftExpr[] {
  return [
    { expr: 'ct', key, dreg: 0 },
    { expr: 'bitwise', sreg: 0, dreg: 0, mask: hostOrder32(bits), xor: hostOrder32(0) },
    { expr: 'cmp', op: 'neq', sreg: 0, data: hostOrder32(0) },
  ];
}

/** `fib daddr type local`: addressed to this host. */
export const toThisHost: readonly NftExpr[] = routeType('eq', RTN_LOCAL);

/** `fib daddr type != unicast`: addressed to this host, to a broadcast or to a multicast address. */
export const notForwarded: readonly NftExpr[] = routeType('neq', RTN_UNICAST);

function routeType(op: 'eq' | 'neq', type: number): readonly NftExpr[] {
  return [
    { expr: 'fib', result: 'type', address: 'daddr', dreg: 0 },
    { expr: 'cmp', op, sreg: 0, data: hostOrder32(type) },
  ];
}

const toLoopback6: readonly NftExpr[] = [
  { expr: 'payload', base: 'network', offset: 24, len: 16, dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) },
];

const toLoopback4: readonly NftExpr[] = [
  { expr: 'payload', base: 'network', offset: 16, len: 1, dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(127) },
];

/** `ip daddr 127.0.0.0/8` or `ip6 daddr ::1` */
export function toLoopback(family: 4 | 6): readonly NftExpr[] {
  return family === 4 ? toLoopback4 : toLoopback6;
}

/** `meta l4proto icmp` or `meta l4proto ipv6-icmp` */
export function icmp(family: 4 | 6): readonly NftExpr[] {
  return [
    { expr: 'meta', key: 'l4proto', dreg: 0 },
    { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(family === 4 ? 1 : 58) },
  ];
}

/** `tcp flags & (syn | rst) == syn`: a connection being opened, or its answer. */
export const tcpOpening: readonly NftExpr[] = [
  { expr: 'meta', key: 'l4proto', dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(6) },
  { expr: 'payload', base: 'transport', offset: 13, len: 1, dreg: 0 },
  { expr: 'bitwise', sreg: 0, dreg: 0, mask: Uint8Array.of(SYN | RST), xor: Uint8Array.of(0) },
  { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(SYN) },
];

/** `tcp option maxseg size set rt mtu`: no larger than the route carries; the kernel never raises it. */
export const clampSegments: readonly NftExpr[] = [
  { expr: 'rt', key: 'tcpmss', dreg: 0 },
  { expr: 'byteorder', op: 'hton', sreg: 0, dreg: 0, len: 2, size: 2 },
  { expr: 'tcp-option-set', option: TCP_MAXSEG, offset: 2, len: 2, sreg: 0 },
];

/** `iiftype ether`: the frame has an Ethernet header to look at. */
export const ethernet: readonly NftExpr[] = [
  { expr: 'meta', key: 'iiftype', dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: hostOrder16(ARPHRD_ETHER) },
];

/** `notrack` */
export const notrack: readonly NftExpr[] = [{ expr: 'notrack' }];

/** `meta l4proto udp` */
export const udp: readonly NftExpr[] = [
  { expr: 'meta', key: 'l4proto', dreg: 0 },
  { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(17) },
];

function hostOrder16(value: number): Uint8Array {
  return hostOrder32(value).subarray(0, 2);
}

/** nf_tables keeps marks, states, link and route types in host byte order; every supported machine is little-endian. */
function hostOrder32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
