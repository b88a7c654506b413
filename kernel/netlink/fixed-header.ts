import { DecodeError } from '../../core/errors.ts';
import { viewOf } from './message.ts';

type Width = 'u8' | 'u16' | 'u32' | 'pad8' | 'pad16';
const SIZE: Readonly<Record<Width, number>> = { u8: 1, u16: 2, u32: 4, pad8: 1, pad16: 2 };

/** Fields of a fixed C struct in order; padding is named too and never read. */
export type StructLayout = Readonly<Record<string, Width>>;
export type StructOf<L extends StructLayout> = {
  readonly [K in keyof L as L[K] extends 'pad8' | 'pad16' ? never : K]: number;
};

/** Reads and writes one fixed struct in host order. Absent fields are written as 0. */
export interface StructCodec<L extends StructLayout> {
  readonly length: number;
  readonly encode: (values: Partial<StructOf<L>>) => Uint8Array;
  /** @throws {DecodeError} when there are too few bytes. */
  readonly decode: (bytes: Uint8Array) => StructOf<L>;
}

const WRITE: Readonly<Record<Width, (view: DataView, at: number, value: number) => void>> = {
  u8: (view, at, value) => view.setUint8(at, value),
  u16: (view, at, value) => view.setUint16(at, value, true),
  u32: (view, at, value) => view.setUint32(at, value, true),
  pad8: () => {},
  pad16: () => {},
};
const READ: Readonly<Record<Width, ((view: DataView, at: number) => number) | undefined>> = {
  u8: (view, at) => view.getUint8(at),
  u16: (view, at) => view.getUint16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  pad8: undefined,
  pad16: undefined,
};

/** @param name the struct's name in the kernel, for errors. */
export function structCodec<L extends StructLayout>(name: string, layout: L): StructCodec<L> {
  let length = 0;
  const fields = Object.entries(layout).map(([field, width]) => {
    const at = length;
    length += SIZE[width];
    return { field, width, at };
  });
  return {
    length,
    encode: (values) => {
      const bytes = new Uint8Array(length);
      const view = viewOf(bytes);
      const numbers = values as Readonly<Record<string, number | undefined>>;
      for (const { field, width, at } of fields) WRITE[width](view, at, numbers[field] ?? 0);
      return bytes;
    },
    decode: (bytes) => {
      if (bytes.length < length) {
        throw new DecodeError(`${name} of ${bytes.length} bytes, expected ${length}`);
      }
      const view = viewOf(bytes);
      const values: Record<string, number> = {};
      for (const { field, width, at } of fields) {
        const value = READ[width]?.(view, at);
        if (value !== undefined) values[field] = value;
      }
      return values as StructOf<L>;
    },
  };
}
