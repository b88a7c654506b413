import { type Ip, ipFromBytes, ipToBytes } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';
import {
  type AttributeCodec,
  type AttributesOf,
  encodeAttributes,
  fromAttributes,
  NLA_F_NESTED,
  toAttributes,
} from './attributes.ts';
import { viewOf } from './message.ts';

function sized(bytes: Uint8Array, length: number): DataView {
  if (bytes.length < length) throw new DecodeError(`attribute of ${bytes.length} bytes, expected ${length}`);
  return viewOf(bytes);
}

function fixed(
  length: number,
  set: (view: DataView, value: number) => void,
  get: (view: DataView) => number,
): AttributeCodec<number> {
  return {
    encode: (value) => {
      const bytes = new Uint8Array(length);
      set(viewOf(bytes), value);
      return bytes;
    },
    decode: (bytes) => get(sized(bytes, length)),
  };
}

/** Unsigned numbers in host order, which is little-endian wherever weft runs. */
export const u8 = fixed(
  1,
  (view, value) => view.setUint8(0, value),
  (view) => view.getUint8(0),
);
export const u16 = fixed(
  2,
  (view, value) => view.setUint16(0, value, true),
  (view) => view.getUint16(0, true),
);
export const u32 = fixed(
  4,
  (view, value) => view.setUint32(0, value, true),
  (view) => view.getUint32(0, true),
);

/** Unsigned numbers in network order. */
export const u16Be = fixed(
  2,
  (view, value) => view.setUint16(0, value),
  (view) => view.getUint16(0),
);
export const u32Be = fixed(
  4,
  (view, value) => view.setUint32(0, value),
  (view) => view.getUint32(0),
);

/** Text with its closing NUL (NLA_NUL_STRING); reads text without it too. */
export const text: AttributeCodec<string> = {
  encode: (value) => Buffer.from(`${value}\0`),
  decode: (bytes) => {
    const end = bytes.indexOf(0);
    return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('utf8');
  },
};

/** Text without a closing NUL (NLA_STRING), as iproute2 writes kinds and aliases. */
export const bareText: AttributeCodec<string> = {
  encode: (value) => Buffer.from(value),
  decode: text.decode,
};

/** Bytes as they are. */
export const raw: AttributeCodec<Uint8Array> = {
  encode: (value) => value,
  decode: (bytes) => bytes,
};

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Hardware address of any length as `aa:bb:…`. */
export const hardwareAddress: AttributeCodec<string> = {
  encode: (value) => {
    const bytes = new Uint8Array((value.length + 1) / 3);
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(value.slice(3 * i, 3 * i + 2), 16);
    return bytes;
  },
  decode: (bytes) => {
    let text = '';
    for (const byte of bytes) text += text === '' ? HEX[byte] : `:${HEX[byte]}`;
    return text;
  },
};

/** IPv4 or IPv6 address in network order; its length tells the family. */
export const ip: AttributeCodec<Ip> = {
  encode: ipToBytes,
  decode: (bytes) => {
    if (bytes.length !== 4 && bytes.length !== 16) {
      throw new DecodeError(`address of ${bytes.length} bytes, expected 4 or 16`);
    }
    return ipFromBytes(bytes);
  },
};

/** A nest that carries NLA_F_NESTED, as everything since Linux 5.2 must. */
export function nested<T>(table: T): AttributeCodec<AttributesOf<T>> {
  return { ...legacyNested(table), flags: NLA_F_NESTED };
}

/** A nest without NLA_F_NESTED, as older attributes are written. */
export function legacyNested<T>(table: T): AttributeCodec<AttributesOf<T>> {
  return {
    encode: (values) => encodeAttributes(toAttributes(table, values)),
    decode: (bytes) => fromAttributes(table, bytes),
  };
}
