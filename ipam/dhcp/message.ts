import { type Ip, ipFromBytes, ipToBytes } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Mac } from '../../core/ids.ts';
import { type DhcpOptions, decodeOptions, encodeOptions } from './options.ts';

/** A DHCP message (RFC 2131 section 2) without what weft has no use for: sname, file, and the next server. */
export interface DhcpMessage {
  readonly op: 'request' | 'reply';
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** The client cannot take unicast before it has its address. */
  readonly broadcast: boolean;
  /** The client's address, where it has one; else 0.0.0.0. */
  readonly ciaddr: Ip;
  /** The address the server gives. */
  readonly yiaddr: Ip;
  /** Address of a relay. */
  readonly giaddr: Ip;
  readonly chaddr: Mac;
  readonly options: DhcpOptions;
}

export const NO_IP = '0.0.0.0' as Ip;

const OP = { request: 1, reply: 2 } as const;
const ETHERNET = 1;
const MAC_BYTES = 6;
const BROADCAST_FLAG = 0x8000;
const FIXED_BYTES = 236;
const SNAME = { at: 44, bytes: 64 } as const;
const FILE = { at: 108, bytes: 128 } as const;
const COOKIE = 0x63825363;
/** A BOOTP message has 300 bytes (RFC 951 section 3; RFC 1542 section 2.1): some servers and relays drop shorter ones. */
const LEAST_BYTES = 300;
/** Option 52 (RFC 2132 section 9.3): which of the unused fields carry options too. */
const FILE_HAS_OPTIONS = 1;
const SNAME_HAS_OPTIONS = 2;

export function encodeMessage(message: DhcpMessage): Uint8Array {
  const options = encodeOptions(message.options);
  const bytes = new Uint8Array(Math.max(LEAST_BYTES, FIXED_BYTES + 4 + options.length));
  const view = new DataView(bytes.buffer);
  bytes.set([OP[message.op], ETHERNET, MAC_BYTES, 0]);
  view.setUint32(4, message.xid);
  view.setUint16(8, Math.min(0xffff, message.secs));
  view.setUint16(10, message.broadcast ? BROADCAST_FLAG : 0);
  bytes.set(ipToBytes(message.ciaddr), 12);
  bytes.set(ipToBytes(message.yiaddr), 16);
  bytes.set(ipToBytes(message.giaddr), 24);
  bytes.set(
    message.chaddr.split(':').map((pair) => Number.parseInt(pair, 16)),
    28,
  );
  view.setUint32(FIXED_BYTES, COOKIE);
  bytes.set(options, FIXED_BYTES + 4);
  return bytes;
}

/**
 * Reads the payload of one UDP datagram.
 * @throws {DecodeError} naming the field: a message that is cut off, not Ethernet's, without cookie or message type, or
 * with an option of a wrong length or value.
 */
export function decodeMessage(bytes: Uint8Array): DhcpMessage {
  if (bytes.length < FIXED_BYTES + 4)
    throw wrong('length', `${bytes.length}, expected at least ${FIXED_BYTES + 4} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ip = (at: number): Ip => ipFromBytes(bytes.subarray(at, at + 4));
  const op = expected('op', bytes[0], [OP.request, OP.reply]);
  expected('htype', bytes[1], [ETHERNET]);
  expected('hlen', bytes[2], [MAC_BYTES]);
  expected('cookie', view.getUint32(FIXED_BYTES), [COOKIE]);
  return {
    op: op === OP.request ? 'request' : 'reply',
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    broadcast: (view.getUint16(10) & BROADCAST_FLAG) !== 0,
    ciaddr: ip(12),
    yiaddr: ip(16),
    giaddr: ip(24),
    chaddr: Array.from(bytes.subarray(28, 28 + MAC_BYTES), hex).join(':') as Mac,
    options: decodeOptions((overload) => optionFields(bytes, overload)),
  };
}

/** Where options stand: first the field of their own, then `file`, then `sname` (RFC 2131 section 4.1). */
function optionFields(bytes: Uint8Array, overload: number): readonly Uint8Array[] {
  const field = ({ at, bytes: size }: { readonly at: number; readonly bytes: number }) =>
    bytes.subarray(at, at + size);
  return [
    bytes.subarray(FIXED_BYTES + 4),
    ...((overload & FILE_HAS_OPTIONS) === 0 ? [] : [field(FILE)]),
    ...((overload & SNAME_HAS_OPTIONS) === 0 ? [] : [field(SNAME)]),
  ];
}

function expected(field: string, value: number | undefined, accepted: readonly number[]): number {
  if (value !== undefined && accepted.includes(value)) return value;
  throw wrong(field, `${value}, expected ${accepted.join(' or ')}`);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

function wrong(field: string, what: string): DecodeError {
  return new DecodeError(`DHCP message: ${field} is ${what}`, { field });
}
