import { DecodeError } from '../../core/errors.ts';

const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const HEADER = 4;

/**
 * One netlink attribute, padded to four bytes (include/uapi/linux/netlink.h: struct nlattr). Length and type are in
 * host order, which is little-endian on every machine Node runs on here; the value is taken as it is.
 */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const length = HEADER + value.length;
  const bytes = new Uint8Array((length + 3) & ~3);
  writeHeader(bytes, length, type);
  bytes.set(value, HEADER);
  return bytes;
}

/** An unsigned 32-bit attribute in network order, the order of all numbers of nf_tables. */
export function attributeU32(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeHeader(bytes, 8, type);
  writeU32(bytes, HEADER, value);
  return bytes;
}

/** A NUL-terminated UTF-8 text attribute. */
export function attributeText(type: number, text: string): Uint8Array {
  return attribute(type, Buffer.from(`${text}\0`));
}

/**
 * An attribute that holds attributes, with NLA_F_NESTED set as nf_tables requires.
 * @throws {DecodeError} when the content is over the 65,531 bytes that a 16-bit length can name.
 */
export function attributeNest(type: number, children: readonly Uint8Array[]): Uint8Array {
  const bytes = joinBytes(children, HEADER);
  if (bytes.length > 0xffff) throw new DecodeError(`nested attribute ${type} is ${bytes.length} bytes long`);
  writeHeader(bytes, bytes.length, type | NLA_F_NESTED);
  return bytes;
}

/** The parts one after the other, behind `reserve` zero bytes. */
export function joinBytes(parts: readonly Uint8Array[], reserve = 0): Uint8Array {
  let length = reserve;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let offset = reserve;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * The attributes of one level in order, as views into `bytes`; flag bits are cleared from the types.
 * @throws {DecodeError} when a length runs past the end or is shorter than its header.
 */
export function decodeAttributes(bytes: Uint8Array): readonly (readonly [type: number, value: Uint8Array])[] {
  const found: (readonly [number, Uint8Array])[] = [];
  let offset = 0;
  while (offset + HEADER <= bytes.length) {
    const length = u16At(bytes, offset);
    const type = u16At(bytes, offset + 2) & NLA_TYPE_MASK;
    if (length < HEADER || offset + length > bytes.length) {
      throw new DecodeError(
        `attribute ${type} at byte ${offset} is ${length} of ${bytes.length - offset} bytes`,
      );
    }
    found.push([type, bytes.subarray(offset + HEADER, offset + length)]);
    offset += (length + 3) & ~3;
  }
  if (offset < bytes.length)
    throw new DecodeError(`${bytes.length - offset} stray bytes after the attributes`);
  return found;
}

/** The attributes of one level by type; of equal types the last counts, as in the kernel's nla_parse(). */
export function attributeMap(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  return new Map(decodeAttributes(bytes));
}

/** @throws {DecodeError} when the attribute is missing. */
export function need(map: ReadonlyMap<number, Uint8Array>, type: number, what: string): Uint8Array {
  const value = map.get(type);
  if (value === undefined) throw new DecodeError(`${what}: attribute ${type} is missing`);
  return value;
}

/** @throws {DecodeError} when the value is not four bytes. */
export function toU32(value: Uint8Array): number {
  if (value.length !== 4) throw new DecodeError(`a 32-bit attribute is ${value.length} bytes long`);
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
}

/** @throws {DecodeError} when the attribute is missing or not four bytes. */
export function needU32(map: ReadonlyMap<number, Uint8Array>, type: number, what: string): number {
  return toU32(need(map, type, what));
}

/** Text up to the first NUL. */
export function toText(value: Uint8Array): string {
  const end = value.indexOf(0);
  return Buffer.from(value.buffer, value.byteOffset, end < 0 ? value.length : end).toString();
}

/** @throws {DecodeError} when the attribute is missing. */
export function needText(map: ReadonlyMap<number, Uint8Array>, type: number, what: string): string {
  return toText(need(map, type, what));
}

function u16At(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
}

function writeHeader(bytes: Uint8Array, length: number, type: number): void {
  bytes[0] = length & 0xff;
  bytes[1] = length >> 8;
  bytes[2] = type & 0xff;
  bytes[3] = type >> 8;
}

function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = (value >>> 24) & 0xff;
  bytes[offset + 1] = (value >>> 16) & 0xff;
  bytes[offset + 2] = (value >>> 8) & 0xff;
  bytes[offset + 3] = value & 0xff;
}
