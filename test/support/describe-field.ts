import { ipFromBytes } from '../../core/address.ts';
import type { NftExpr } from '../../core/nft.ts';

type Load = Extract<
  NftExpr,
  { expr: 'meta' | 'payload' | 'ct' | 'ct-address' | 'numgen' | 'fib' | 'rt' | 'tcp-option' }
>;

/** Header fields by base, offset and length: IPv4 and IPv6 addresses, and ports, which all transports have first. */
const PAYLOADS: Readonly<Record<string, string>> = {
  'link 0 6': 'ether daddr',
  'network 12 4': 'ip saddr',
  'network 16 4': 'ip daddr',
  'network 8 16': 'ip6 saddr',
  'network 24 16': 'ip6 daddr',
  'transport 0 2': 'th sport',
  'transport 2 2': 'th dport',
  'transport 13 1': 'tcp flags',
  'transport 0 1': 'icmp type',
};

/** include/uapi/linux/rtnetlink.h: RTN_* */
const ROUTE_TYPES: Readonly<Record<number, string>> = { 1: 'unicast', 2: 'local' };

const CT_STATES: readonly (readonly [number, string])[] = [
  [1, 'invalid'],
  [2, 'established'],
  [4, 'related'],
  [8, 'new'],
  [64, 'untracked'],
];

/** A loaded field as nft(8) calls it. */
export function fieldName(expr: Load): string {
  switch (expr.expr) {
    case 'meta':
      return expr.key === 'mark' || expr.key === 'l4proto' ? `meta ${expr.key}` : expr.key;
    case 'payload': {
      const place = `${expr.base} ${expr.offset} ${expr.len}`;
      return (
        PAYLOADS[place] ?? `@${expr.base === 'network' ? 'nh' : 'th'},${expr.offset * 8},${expr.len * 8}`
      );
    }
    case 'ct':
      return `ct ${expr.key}`;
    case 'ct-address':
      return `ct ${expr.key.replace('-', ' ')}`;
    case 'numgen':
      return `numgen ${expr.type} mod ${expr.modulus}${expr.offset === undefined ? '' : ` offset ${expr.offset}`}`;
    case 'fib':
      return `fib ${expr.address} ${expr.result}`;
    case 'rt':
      return 'rt mtu';
    case 'tcp-option':
      return tcpOptionName(expr);
  }
}

/** A TCP option's bytes as nft(8) calls them. */
export function tcpOptionName(place: {
  readonly option: number;
  readonly offset: number;
  readonly len: number;
}): string {
  const { option, offset, len } = place;
  if (option === 2 && offset === 2 && len === 2) return 'tcp option maxseg size';
  return `tcp option @${option},${offset * 8},${len * 8}`;
}

/** A constant as it reads beside the field it is compared with; hex where the field does not say. */
export function describeConstant(field: string, data: Uint8Array): string {
  if (['iifname', 'oifname', 'oifkind'].includes(field)) return interfaceName(data);
  if (/^ip6? [sd]addr/.test(field) && (data.length === 4 || data.length === 16)) return ipFromBytes(data);
  if (/^th [sd]port$|maxseg/.test(field) || field === 'meta l4proto') {
    return String(data.reduce((value, byte) => value * 256 + byte, 0));
  }
  if (field === 'ct state') {
    const states = CT_STATES.filter(([bit]) => ((data[0] ?? 0) & bit) !== 0).map(([, name]) => name);
    return states.join(',') || '0';
  }
  if (field === 'fib daddr type')
    return ROUTE_TYPES[data[0] ?? 0] ?? `0x${Buffer.from(data).toString('hex')}`;
  return `0x${Buffer.from(data).toString('hex')}`;
}

/** Less than 16 bytes compare as a prefix, which nft(8) writes with a star. */
function interfaceName(data: Uint8Array): string {
  const end = data.indexOf(0);
  return end < 0 && data.length < 16
    ? `"${Buffer.from(data).toString()}*"`
    : `"${Buffer.from(data.subarray(0, end < 0 ? 16 : end)).toString()}"`;
}
