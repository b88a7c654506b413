/**
 * nftables as data: what a table holds, in the kernel's own terms. Plans produce these values; kernel/nftables
 * turns them into nfnetlink messages. Names follow include/uapi/linux/netfilter/nf_tables.h and nft(8).
 */

/**
 * `bridge`: frames between ports of a bridge, of both families of addresses; `netdev`: frames as they come in by a
 * device, before anything else looks at them.
 */
export type NftFamily = 'ip' | 'ip6' | 'bridge' | 'netdev';

/** Types of set keys and map data; a concatenation is a list of them. `verdict` is for map data only. */
export type NftDatatype =
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'inet_proto'
  | 'inet_service'
  | 'ifname'
  | 'ether_addr'
  | 'devgroup'
  | 'iface_index'
  | 'mark'
  | 'verdict';

export interface NftSet {
  readonly name: string;
  readonly key: readonly NftDatatype[];
  /** Present on maps. */
  readonly data?: readonly NftDatatype[];
  /** Elements are ranges or prefixes (`10.0.0.0/24`); single-field keys only. */
  readonly interval?: true;
  /** Rules add, refresh and delete elements (`dynset`), so they are no part of any plan. At most 65,535 elements. */
  readonly dynamic?: true;
  /** Each element counts the packets that a lookup found it for, and their bytes. */
  readonly counter?: true;
}

export type NftVerdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/**
 * One expression of a rule. Registers are the kernel's 32-bit ones, counted 0–15 (NFT_REG32_00 + n): a field of a
 * concatenation occupies its length rounded up to 4 bytes; the name or kind of a link takes four registers.
 */
export type NftExpr =
  | {
      readonly expr: 'meta';
      readonly key: 'iif' | 'iifname' | 'iifgroup' | 'oifname' | 'oifkind' | 'iiftype' | 'l4proto' | 'mark';
      readonly dreg: number;
    }
  | { readonly expr: 'meta-set'; readonly key: 'mark'; readonly sreg: number }
  | {
      readonly expr: 'payload';
      readonly base: 'link' | 'network' | 'transport';
      readonly offset: number;
      readonly len: number;
      readonly dreg: number;
    }
  | {
      readonly expr: 'cmp';
      readonly op: 'eq' | 'neq' | 'lt' | 'lte' | 'gt' | 'gte';
      readonly sreg: number;
      readonly data: Uint8Array;
    }
  | {
      readonly expr: 'bitwise';
      readonly sreg: number;
      readonly dreg: number;
      readonly mask: Uint8Array;
      readonly xor: Uint8Array;
    }
  | {
      readonly expr: 'lookup';
      readonly set: string;
      readonly sreg: number;
      readonly dreg?: number;
      readonly invert?: true;
      readonly verdictMap?: true;
    }
  | { readonly expr: 'immediate'; readonly dreg: number; readonly data: Uint8Array }
  | { readonly expr: 'verdict'; readonly verdict: NftVerdict }
  | { readonly expr: 'ct'; readonly key: 'state' | 'status' | 'mark' | 'direction'; readonly dreg: number }
  | {
      /**
       * Where the connection's first packet went before any translation, or where its answers come from: after one.
       * Not in family bridge.
       */
      readonly expr: 'ct-address';
      readonly key: 'original-daddr' | 'reply-saddr';
      readonly dreg: number;
    }
  | {
      readonly expr: 'fib';
      readonly result: 'type';
      readonly address: 'saddr' | 'daddr';
      readonly dreg: number;
    }
  | {
      readonly expr: 'nat';
      readonly type: 'dnat' | 'snat';
      readonly addrReg: number;
      readonly portReg?: number;
    }
  | { readonly expr: 'masquerade' }
  | { readonly expr: 'notrack' }
  | {
      /** Sends the frame out by the device with the index in the register; family netdev. */
      readonly expr: 'fwd';
      readonly sreg: number;
    }
  | {
      /** Bytes of a TCP option, counted from its kind: of the maximum segment size (2) those at 2 and 3. */
      readonly expr: 'tcp-option';
      readonly option: number;
      readonly offset: number;
      readonly len: number;
      readonly dreg: number;
    }
  | {
      readonly expr: 'tcp-option-set';
      readonly option: number;
      readonly offset: number;
      readonly len: number;
      readonly sreg: number;
    }
  | { readonly expr: 'rt'; readonly key: 'tcpmss'; readonly dreg: number }
  | {
      readonly expr: 'byteorder';
      readonly op: 'hton' | 'ntoh';
      readonly sreg: number;
      readonly dreg: number;
      /** Bytes in all, and of each number. */
      readonly len: number;
      readonly size: number;
    }
  | { readonly expr: 'counter' }
  | {
      /** A number from `offset` (0) on, less than `offset` + `modulus`: by turns, counted by the rule, or random. */
      readonly expr: 'numgen';
      readonly type: 'inc' | 'random';
      readonly modulus: number;
      readonly offset?: number;
      readonly dreg: number;
    }
  | {
      /** Jenkins' hash of `len` bytes from `sreg` on, scaled to a number less than `modulus`. */
      readonly expr: 'hash';
      readonly sreg: number;
      readonly len: number;
      readonly modulus: number;
      readonly seed: number;
      readonly dreg: number;
    }
  | {
      /**
       * Adds an element to a dynamic set, leaving one that is there; `update` also starts its time again, without
       * changing its data; `delete` takes it away.
       */
      readonly expr: 'dynset';
      readonly op: 'add' | 'update' | 'delete';
      readonly set: string;
      readonly sreg: number;
      /** Of a map. */
      readonly dataReg?: number;
      readonly timeoutMs?: number;
    }
  /** Drops the packet and answers it. `tcp-reset` needs a TCP packet. */
  | { readonly expr: 'reject'; readonly with: 'tcp-reset' | 'port-unreachable' };

export interface NftRule {
  /** Stored in the kernel as the rule's comment and shown by `nft list`; at most 120 bytes, unique in its chain. */
  readonly comment: string;
  readonly exprs: readonly NftExpr[];
}

export interface NftChain {
  readonly name: string;
  /** Present on base chains. */
  readonly base?: {
    readonly type: 'filter' | 'nat' | 'route';
    readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
    readonly priority: number;
    readonly policy: 'accept' | 'drop';
  };
  readonly rules: readonly NftRule[];
}

/** A whole private table. `sets` and `chains` are in creation order: a set before the rule that looks it up. */
export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}
