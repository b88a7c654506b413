import type { Ip } from '../core/address.ts';

/** DNS types that weft reads or writes by itself; numbers from IANA's "DNS parameters". */
export const TYPE = { A: 1, SOA: 6, PTR: 12, HINFO: 13, AAAA: 28, SRV: 33, OPT: 41 } as const;

/** Reply codes (RFC 1035 section 4.1.1, RFC 6891 section 9 for BADVERS). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

/** The data of one answer; its owner is always the name that was asked for. */
export type AnswerData =
  | { readonly type: 'A' | 'AAAA'; readonly ip: Ip }
  | { readonly type: 'PTR'; readonly target: string }
  | { readonly type: 'SRV'; readonly port: number; readonly target: string };

/** One record of an answer. `ttl` in seconds. */
export type AnswerRecord = AnswerData & { readonly ttl: number };
