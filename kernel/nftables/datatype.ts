import { ipFromBytes, ipToBytes, parseIp } from '../../core/address.ts';
import { DecodeError, InvalidArgument } from '../../core/errors.ts';
import { parseMac, quote } from '../../core/ids.ts';
import type { NftDatatype } from '../../core/nft.ts';
import { toText } from './attribute.ts';

/** Datatypes that are bytes in a register; a verdict is not. */
export type ValueType = Exclude<NftDatatype, 'verdict'>;

interface TypeFacts {
  /** Number of the type in nft(8)'s own list (nftables include/datatype.h: enum datatypes); the kernel only keeps it. */
  readonly id: number;
  readonly bytes: number;
  /** nftables include/datatype.h: enum byteorder: 1 host, 2 big-endian. Kept in set userdata for nft(8). */
  readonly byteorder: 1 | 2;
}

export const TYPE_FACTS: Readonly<Record<ValueType, TypeFacts>> = {
  ipv4_addr: { id: 7, bytes: 4, byteorder: 2 },
  ipv6_addr: { id: 8, bytes: 16, byteorder: 2 },
  ether_addr: { id: 9, bytes: 6, byteorder: 2 },
  inet_proto: { id: 12, bytes: 1, byteorder: 2 },
  inet_service: { id: 13, bytes: 2, byteorder: 2 },
  mark: { id: 19, bytes: 4, byteorder: 1 },
  iface_index: { id: 20, bytes: 4, byteorder: 1 },
  devgroup: { id: 35, bytes: 4, byteorder: 1 },
  ifname: { id: 41, bytes: 16, byteorder: 1 },
};

const TYPES_BY_ID = new Map(Object.entries(TYPE_FACTS).map(([type, facts]) => [facts.id, type as ValueType]));
const TYPE_BITS = 6;

const PROTOCOLS: readonly (readonly [string, number])[] = [
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
  ['ipv6-icmp', 58],
  ['sctp', 132],
];
const PROTOCOL_NUMBERS = new Map(PROTOCOLS);
const PROTOCOL_NAMES = new Map(PROTOCOLS.map(([name, number]) => [number, name]));

/** The number nft(8) gives a type or a concatenation: six bits a field, first field highest. */
export function typeId(types: readonly ValueType[]): number {
  return types.reduce((id, type) => (id << TYPE_BITS) | TYPE_FACTS[type].id, 0);
}

/** The reverse of `typeId`; undefined when a field is of no type weft uses. */
export function typesOfId(id: number): readonly ValueType[] | undefined {
  const types: ValueType[] = [];
  for (let rest = id; rest > 0; rest >>>= TYPE_BITS) {
    const type = TYPES_BY_ID.get(rest & 0x3f);
    if (type === undefined) return undefined;
    types.unshift(type);
  }
  return types.length > 0 ? types : undefined;
}

/** Bytes of a key or datum: a single field as it is, each field of a concatenation padded to four bytes. */
export function typeLength(types: readonly ValueType[]): number {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return TYPE_FACTS[only].bytes;
  return types.reduce((sum, type) => sum + ((TYPE_FACTS[type].bytes + 3) & ~3), 0);
}

/**
 * Register content for one text per field, texts as in `ElementObject`.
 * @throws {InvalidArgument} when the number of fields differs or a text is not of its type.
 */
export function encodeFields(types: readonly ValueType[], texts: readonly string[]): Uint8Array {
  if (types.length !== texts.length) {
    throw new InvalidArgument(
      `element ${quote(texts)} has ${texts.length} fields, expected ${types.join(' . ')}`,
    );
  }
  const bytes = new Uint8Array(typeLength(types));
  let offset = 0;
  types.forEach((type, i) => {
    bytes.set(encodeField(type, texts[i] ?? ''), offset);
    offset += (TYPE_FACTS[type].bytes + 3) & ~3;
  });
  return bytes;
}

/** @throws {DecodeError} when `bytes` has another length than the types. */
export function decodeFields(types: readonly ValueType[], bytes: Uint8Array): readonly string[] {
  if (bytes.length !== typeLength(types)) {
    throw new DecodeError(`${bytes.length} bytes are not ${types.join(' . ')}`);
  }
  let offset = 0;
  return types.map((type) => {
    const text = decodeField(type, bytes.subarray(offset, offset + TYPE_FACTS[type].bytes));
    offset += (TYPE_FACTS[type].bytes + 3) & ~3;
    return text;
  });
}

function encodeField(type: ValueType, text: string): Uint8Array {
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return encodeAddress(type, text);
    case 'inet_proto':
      return Uint8Array.of(PROTOCOL_NUMBERS.get(text) ?? number(text, 0xff, type));
    case 'inet_service': {
      const port = number(text, 0xffff, type);
      return Uint8Array.of(port >> 8, port & 0xff);
    }
    case 'iface_index':
    case 'devgroup':
    case 'mark': {
      const value = number(text, 0xffffffff, type);
      return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
    }
    case 'ether_addr':
      return Buffer.from(parseMac(text, type).replaceAll(':', ''), 'hex');
    case 'ifname': {
      const bytes = Buffer.from(text);
      if (bytes.length === 0 || bytes.length > 15) throw badField(text, type);
      return bytes;
    }
  }
}

function encodeAddress(type: 'ipv4_addr' | 'ipv6_addr', text: string): Uint8Array {
  const bytes = ipToBytes(parseIp(text, type));
  if (bytes.length !== TYPE_FACTS[type].bytes) throw badField(text, type);
  return bytes;
}

function decodeField(type: ValueType, bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return ipFromBytes(bytes);
    case 'inet_proto':
      return PROTOCOL_NAMES.get(view.getUint8(0)) ?? String(view.getUint8(0));
    case 'inet_service':
      return String(view.getUint16(0));
    case 'iface_index':
    case 'devgroup':
    case 'mark':
      return String(view.getUint32(0, true));
    case 'ether_addr':
      return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    case 'ifname':
      return toText(bytes);
  }
}

function number(text: string, max: number, type: ValueType): number {
  const value = /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max)) throw badField(text, type);
  return value;
}

function badField(text: string, type: ValueType): InvalidArgument {
  return new InvalidArgument(`element field ${quote(text)} is not of type ${type}`);
}
