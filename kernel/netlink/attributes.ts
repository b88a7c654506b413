import { DecodeError } from '../../core/errors.ts';
import { viewOf } from './message.ts';

/** include/uapi/linux/netlink.h: bits of nla_type that are no part of the number. */
export const NLA_F_NESTED = 1 << 15;
export const NLA_TYPE_MASK = 0x3fff;
const NLA_HDRLEN = 4;

/** An attribute as on the wire: `type` includes the flag bits, `value` excludes padding. */
export interface RawAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

function align(length: number): number {
  return (length + 3) & ~3;
}

/**
 * Bytes of `prefix` (a fixed struct, or nothing) followed by attributes, each padded to 4 bytes
 * (include/uapi/linux/netlink.h: struct nlattr).
 */
export function encodeAttributes(attributes: readonly RawAttribute[], prefix?: Uint8Array): Uint8Array {
  let size = align(prefix?.length ?? 0);
  for (const { value } of attributes) size += NLA_HDRLEN + align(value.length);
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  let at = 0;
  if (prefix !== undefined) {
    bytes.set(prefix);
    at = align(prefix.length);
  }
  for (const { type, value } of attributes) {
    view.setUint16(at, NLA_HDRLEN + value.length, true);
    view.setUint16(at + 2, type, true);
    bytes.set(value, at + NLA_HDRLEN);
    at += NLA_HDRLEN + align(value.length);
  }
  return bytes;
}

/**
 * The attributes that fill `bytes`, sharing its memory.
 * @throws {DecodeError} when a length does not fit.
 */
export function decodeAttributes(bytes: Uint8Array): RawAttribute[] {
  const view = viewOf(bytes);
  const attributes: RawAttribute[] = [];
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    // A last attribute may lack its padding, and padding alone may follow it.
    if (left < NLA_HDRLEN) break;
    const length = view.getUint16(at, true);
    if (length < NLA_HDRLEN || length > left) {
      throw new DecodeError(`netlink attribute at ${at} of ${bytes.length} bytes: length ${length}`);
    }
    attributes.push({
      type: view.getUint16(at + 2, true),
      value: bytes.subarray(at + NLA_HDRLEN, at + length),
    });
    at += align(length);
  }
  return attributes;
}

/** How one attribute's value is written and read. `decode` throws DecodeError for bytes of the wrong shape. */
export interface AttributeCodec<T> {
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
  /** Set in nla_type when writing. */
  readonly flags?: number;
}

/** Attribute number and codec of each field of a message or nest. */
export type AttributeTable = Readonly<Record<string, readonly [number, AttributeCodec<never>]>>;

/**
 * The fields a table describes, all optional. Fields are written in the order in which the object has them, and read
 * into the order of the wire, so that what was read is written back the same. `unknown` keeps what the table lacks.
 */
export type AttributesOf<T> = {
  readonly [K in keyof T]?: T[K] extends readonly [number, AttributeCodec<infer V>] ? V : never;
} & { readonly unknown?: readonly RawAttribute[] };

/** The attributes for the fields of `values`, to be given to `encodeAttributes`. */
export function toAttributes<T>(table: T, values: AttributesOf<T>): RawAttribute[] {
  const attributes: RawAttribute[] = [];
  const codecs = table as Record<string, readonly [number, AttributeCodec<unknown>]>;
  for (const [name, value] of Object.entries(values)) {
    const entry = codecs[name];
    if (entry === undefined || value === undefined) continue;
    const [type, codec] = entry;
    attributes.push({ type: type | (codec.flags ?? 0), value: codec.encode(value) });
  }
  return values.unknown === undefined ? attributes : [...attributes, ...values.unknown];
}

const indexes = new WeakMap<object, Map<number, readonly [string, AttributeCodec<unknown>]>>();

function indexOf(table: object): Map<number, readonly [string, AttributeCodec<unknown>]> {
  let index = indexes.get(table);
  if (index === undefined) {
    index = new Map();
    for (const [name, [type, codec]] of Object.entries(
      table as Record<string, readonly [number, AttributeCodec<unknown>]>,
    )) {
      if (!index.has(type)) index.set(type, [name, codec]);
    }
    indexes.set(table, index);
  }
  return index;
}

/**
 * Reads attributes by their table.
 * @throws {DecodeError} naming the field whose bytes do not fit.
 */
export function fromAttributes<T>(table: T, bytes: Uint8Array): AttributesOf<T> {
  const index = indexOf(table as object);
  const values: Record<string, unknown> = {};
  const unknown: RawAttribute[] = [];
  for (const attribute of decodeAttributes(bytes)) {
    const entry = index.get(attribute.type & NLA_TYPE_MASK);
    if (entry === undefined || entry[0] in values) unknown.push(attribute);
    else values[entry[0]] = decodeField(entry, attribute.value);
  }
  if (unknown.length > 0) values['unknown'] = unknown;
  return values as AttributesOf<T>;
}

function decodeField([name, codec]: readonly [string, AttributeCodec<unknown>], value: Uint8Array): unknown {
  try {
    return codec.decode(value);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new DecodeError(`${name}: ${error.message}`, error.context, { cause: error });
  }
}
