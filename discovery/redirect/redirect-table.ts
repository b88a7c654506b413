import type { NftExpr, NftRule, NftTable } from '../../core/nft.ts';

/** weft's table of DNS in a sandbox. */
export const REDIRECT_TABLE = 'weft-dns';

/** Where Docker's resolver answers in each sandbox (moby: daemon/libnetwork/sandbox_dns_unix.go, resolverIPSandbox). */
export const EMBEDDED_RESOLVER = '127.0.0.11';
const DNS_PORT = 53;

/**
 * Source of weft's own questions to Docker's resolver: what comes from here is not redirected, and meets Docker's rules
 * next. An address rather than a mark, which takes CAP_NET_ADMIN or CAP_NET_RAW to set. A container that binds
 * it itself gets Docker's answers, as without weft.
 */
export const ASKING_ADDRESS = '127.0.0.12';

/** Before nft(8)'s dstnat, where Docker's own rules are, from iptables or nft; the first translation holds. */
const BEFORE_DSTNAT = -110;

/** Ports of weft's resolver in a sandbox, on `EMBEDDED_RESOLVER`. */
export interface RedirectPorts {
  readonly udp: number;
  readonly tcp: number;
}

/**
 * What sends a sandbox's queries to weft's resolver instead of Docker's. Connections that are known already keep where
 * they go, as with any translation. IPv4 only: Docker's resolver has no other address.
 */
export function redirectTable(ports: RedirectPorts): NftTable {
  return {
    family: 'ip',
    name: REDIRECT_TABLE,
    sets: [],
    chains: [
      {
        name: 'output',
        base: { type: 'nat', hook: 'output', priority: BEFORE_DSTNAT, policy: 'accept' },
        rules: [
          {
            comment: 'own questions to Docker',
            exprs: [...saddrIs(ASKING_ADDRESS), { expr: 'verdict', verdict: { kind: 'return' } }],
          },
          toResolver('queries over UDP', 17, ports.udp),
          toResolver('queries over TCP', 6, ports.tcp),
        ],
      },
    ],
  };
}

function toResolver(comment: string, protocol: 6 | 17, port: number): NftRule {
  return {
    comment,
    exprs: [
      { expr: 'payload', base: 'network', offset: 16, len: 4, dreg: 0 },
      { expr: 'cmp', op: 'eq', sreg: 0, data: bytesOf(EMBEDDED_RESOLVER) },
      { expr: 'meta', key: 'l4proto', dreg: 0 },
      { expr: 'cmp', op: 'eq', sreg: 0, data: Uint8Array.of(protocol) },
      { expr: 'payload', base: 'transport', offset: 2, len: 2, dreg: 0 },
      { expr: 'cmp', op: 'eq', sreg: 0, data: portBytes(DNS_PORT) },
      { expr: 'immediate', dreg: 0, data: bytesOf(EMBEDDED_RESOLVER) },
      { expr: 'immediate', dreg: 1, data: portBytes(port) },
      { expr: 'nat', type: 'dnat', addrReg: 0, portReg: 1 },
    ],
  };
}

function saddrIs(address: string): readonly NftExpr[] {
  return [
    { expr: 'payload', base: 'network', offset: 12, len: 4, dreg: 0 },
    { expr: 'cmp', op: 'eq', sreg: 0, data: bytesOf(address) },
  ];
}

function bytesOf(address: string): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 255);
}
