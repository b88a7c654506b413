import type { Family } from '../../core/address.ts';

/**
 * Where the fields of a rule stand, in bytes. The structs are those of 64-bit little-endian kernels:
 *
 *     struct ipt_entry {                     struct ip6t_entry {
 *       struct ipt_ip ip;      // 0            struct ip6t_ip6 ipv6;  // 0
 *       u32 nfcache;           // 84           u32 nfcache;           // 136
 *       u16 target_offset;     // 88           u16 target_offset;     // 140
 *       u16 next_offset;       // 90           u16 next_offset;       // 142
 *       u32 comefrom;          // 92           u32 comefrom;          // 144
 *       u64 pcnt, bcnt;        // 96           u64 pcnt, bcnt;        // 152
 *       matches, target        // 112          matches, target        // 168
 *     };                                     };
 *
 * include/uapi/linux/netfilter_ipv4/ip_tables.h, include/uapi/linux/netfilter_ipv6/ip6_tables.h
 */
export interface XtLayout {
  /** iniface, outiface, iniface_mask, outiface_mask follow each other, 16 bytes each. */
  readonly iniface: number;
  readonly nfcache: number;
  readonly targetOffset: number;
  readonly nextOffset: number;
  readonly comefrom: number;
  readonly counters: number;
  readonly size: number;
}

export const XT_LAYOUT: Readonly<Record<Family, XtLayout>> = {
  4: { iniface: 16, nfcache: 84, targetOffset: 88, nextOffset: 90, comefrom: 92, counters: 96, size: 112 },
  6: {
    iniface: 64,
    nfcache: 136,
    targetOffset: 140,
    nextOffset: 142,
    comefrom: 144,
    counters: 152,
    size: 168,
  },
};

/** IFNAMSIZ (include/uapi/linux/if.h). */
export const IFNAMSIZ = 16;
/** NF_INET_NUMHOOKS (include/uapi/linux/netfilter.h): size of hook_entry[] and underflow[]. */
export const NF_INET_NUMHOOKS = 5;
/** What hook_entry[] and underflow[] hold for a hook that the table does not use. */
export const NO_HOOK = 0xffffffff;

/** struct xt_entry_match and xt_entry_target: u16 size; char name[29]; u8 revision; then data (x_tables.h). */
export const XT_HEADER = { name: 2, nameLength: 29, revision: 31, size: 32 } as const;
/** struct xt_standard_target: the header, int verdict, padding to XT_ALIGN. Its name is empty. */
export const XT_STANDARD_TARGET = { verdict: XT_HEADER.size, size: 40 } as const;
/** struct xt_error_target: the header with name "ERROR", char errorname[30], padding. It names a chain. */
export const XT_ERROR_TARGET = { name: 'ERROR', errorname: XT_HEADER.size, errornameLength: 30 } as const;
/** struct xt_comment_info (xt_comment.h): char comment[256]. */
export const XT_COMMENT = { name: 'comment', length: 256 } as const;

/** Verdicts below zero are answers, above they are offsets to go on at (x_tables.h: XT_RETURN; netfilter.h). */
export const XT_VERDICT = { accept: -2, return: -5 } as const;
