import { type Ip, ipFromBytes, ipToBytes } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';

/** Option 53 (RFC 2132 section 9.6): what a message is for. */
export const MESSAGE_TYPES = [
  'discover',
  'offer',
  'request',
  'decline',
  'ack',
  'nak',
  'release',
  'inform',
] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** Options weft sends or reads (RFC 2132); everything else is passed over. Times in seconds. */
export interface DhcpOptions {
  readonly type: MessageType;
  /** 1: the mask's length. */
  readonly prefix?: number;
  /** 3: the first router. */
  readonly router?: Ip;
  /** 12 */
  readonly hostname?: string;
  /** 50 */
  readonly requestedIp?: Ip;
  /** 51; 0xffffffff is for ever. */
  readonly leaseTime?: number;
  /** 54 */
  readonly server?: Ip;
  /** 55: options asked for. */
  readonly parameters?: readonly number[];
  /** 56: why a server refuses. */
  readonly text?: string;
  /** 57: bytes, at least 576. */
  readonly maxSize?: number;
  /** 58 and 59: from then on renew, rebind. */
  readonly t1?: number;
  readonly t2?: number;
  /** 61: type byte and value. */
  readonly clientId?: Uint8Array;
}

/** Option codes (RFC 2132). */
export const OPTION = {
  subnetMask: 1,
  router: 3,
  hostname: 12,
  requestedIp: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  server: 54,
  parameters: 55,
  text: 56,
  maxSize: 57,
  t1: 58,
  t2: 59,
  clientId: 61,
} as const;

const PAD = 0;
const END = 255;
const MAX_VALUE = 255;

/** The bytes of the options field, with its end. @throws {RangeError} when a value is longer than an option can be. */
export function encodeOptions(options: DhcpOptions): Uint8Array {
  const parts: number[] = [];
  const add = (code: number, value: ArrayLike<number> | undefined) => {
    if (value === undefined) return;
    if (value.length > MAX_VALUE) throw new RangeError(`DHCP option ${code} has ${value.length} bytes`);
    parts.push(code, value.length, ...Array.from(value));
  };
  const ip = (value: Ip | undefined) => (value === undefined ? undefined : ipToBytes(value));
  const text = (value: string | undefined) => (value === undefined ? undefined : Buffer.from(value));
  // The message type first: some servers look for it there.
  add(OPTION.messageType, [MESSAGE_TYPES.indexOf(options.type) + 1]);
  add(OPTION.clientId, options.clientId);
  add(OPTION.subnetMask, options.prefix === undefined ? undefined : uint32(maskOf(options.prefix)));
  add(OPTION.router, ip(options.router));
  add(OPTION.hostname, text(options.hostname));
  add(OPTION.requestedIp, ip(options.requestedIp));
  add(OPTION.leaseTime, uint32(options.leaseTime));
  add(OPTION.server, ip(options.server));
  add(OPTION.parameters, options.parameters);
  add(OPTION.text, text(options.text));
  add(OPTION.maxSize, options.maxSize === undefined ? undefined : uint32(options.maxSize)?.slice(2));
  add(OPTION.t1, uint32(options.t1));
  add(OPTION.t2, uint32(options.t2));
  return Uint8Array.from([...parts, END]);
}

/**
 * Reads the options weft knows. An option that is there twice is one, cut in two (RFC 3396).
 * @param fields gives the fields that hold options, for the value of option 52.
 * @throws {DecodeError} naming the option.
 */
export function decodeOptions(fields: (overload: number) => readonly Uint8Array[]): DhcpOptions {
  const values = new Map<number, Uint8Array>();
  const [own] = fields(0);
  if (own !== undefined) collect(own, values);
  const overload = number(values, 'overload', 1) ?? 0;
  for (const field of fields(overload).slice(1)) collect(field, values);
  return interpret(values);
}

function collect(bytes: Uint8Array, values: Map<number, Uint8Array>): void {
  for (let at = 0; at < bytes.length && bytes[at] !== END; ) {
    const code = bytes[at] ?? END;
    if (code === PAD) {
      at++;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) throw wrong(code, 'is cut off');
    const value = bytes.subarray(at + 2, at + 2 + length);
    values.set(code, Uint8Array.of(...(values.get(code) ?? []), ...value));
    at += 2 + length;
  }
}

function interpret(values: ReadonlyMap<number, Uint8Array>): DhcpOptions {
  const type = MESSAGE_TYPES[(number(values, 'messageType', 1) ?? 0) - 1];
  if (type === undefined) throw wrong(OPTION.messageType, 'is not there, or not a message type of RFC 2131');
  const mask = number(values, 'subnetMask', 4);
  const maxSize = number(values, 'maxSize', 2);
  const parameters = values.get(OPTION.parameters);
  const clientId = values.get(OPTION.clientId);
  const optional = {
    prefix: mask === undefined ? undefined : prefixOf(mask),
    router: firstIp(values.get(OPTION.router)),
    hostname: text(values, 'hostname'),
    requestedIp: ipOption(values, 'requestedIp'),
    leaseTime: number(values, 'leaseTime', 4),
    server: ipOption(values, 'server'),
    parameters: parameters === undefined ? undefined : [...parameters],
    text: text(values, 'text'),
    maxSize,
    t1: number(values, 't1', 4),
    t2: number(values, 't2', 4),
    clientId,
  };
  const present = Object.entries(optional).filter(([, value]) => value !== undefined);
  return { type, ...Object.fromEntries(present) };
}

type OptionName = keyof typeof OPTION;

/** A big-endian number of exactly so many bytes. */
function number(
  values: ReadonlyMap<number, Uint8Array>,
  name: OptionName,
  bytes: number,
): number | undefined {
  const value = values.get(OPTION[name]);
  if (value === undefined) return undefined;
  if (value.length !== bytes) throw wrong(OPTION[name], `has ${value.length} bytes, expected ${bytes}`);
  return value.reduce((sum, byte) => sum * 256 + byte, 0);
}

function ipOption(values: ReadonlyMap<number, Uint8Array>, name: OptionName): Ip | undefined {
  const value = values.get(OPTION[name]);
  if (value === undefined) return undefined;
  if (value.length !== 4) throw wrong(OPTION[name], `has ${value.length} bytes, expected 4`);
  return ipFromBytes(value);
}

/** The router preferred most (RFC 2132 section 3.5). */
function firstIp(value: Uint8Array | undefined): Ip | undefined {
  if (value === undefined) return undefined;
  if (value.length === 0 || value.length % 4 !== 0)
    throw wrong(OPTION.router, `has ${value.length} bytes, expected 4 for each router`);
  return ipFromBytes(value.subarray(0, 4));
}

/** Text as servers write it: some end it with a zero, and none is trusted with control characters. */
function text(values: ReadonlyMap<number, Uint8Array>, name: OptionName): string | undefined {
  const value = values.get(OPTION[name]);
  if (value === undefined) return undefined;
  return Buffer.from(value)
    .toString()
    .replace(/\p{Cc}/gu, '');
}

function prefixOf(mask: number): number {
  const prefix = 32 - Math.log2(2 ** 32 - mask);
  if (!Number.isInteger(prefix)) throw wrong(OPTION.subnetMask, 'is not ones followed by zeros');
  return prefix;
}

function maskOf(prefix: number): number {
  return 2 ** 32 - 2 ** (32 - prefix);
}

function uint32(value: number | undefined): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function wrong(code: number, what: string): DecodeError {
  return new DecodeError(`DHCP message: option ${code} ${what}`, { field: `option ${code}` });
}
