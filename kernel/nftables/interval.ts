import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { ValueType } from './datatype.ts';
import { decodeFields, encodeFields, TYPE_FACTS } from './datatype.ts';

/** Half-open range [start, end) of a key. `end` is absent when the range reaches the type's last value. */
export interface Interval {
  readonly start: Uint8Array;
  readonly end?: Uint8Array;
}

/** One boundary as the kernel stores it: the range's first key, or with `end` the first key after it. */
export interface Boundary {
  readonly key: Uint8Array;
  readonly end: boolean;
}

/**
 * The range of `10.0.0.0/24` (host bits zero), `10.0.0.7` or `10.0.0.1-10.0.0.9`, of any big-endian type.
 * @throws {InvalidArgument} for any other text.
 */
export function parseInterval(type: ValueType, text: string): Interval {
  const [, first = '', prefix, last] = /^([^/-]+)(?:\/(\d{1,3})|-([^/-]+))?$/.exec(text) ?? [];
  const start = encodeFields([type], [first]);
  const bits = TYPE_FACTS[type].bytes * 8;
  const length = prefix === undefined ? bits : Number(prefix);
  if (length > bits) throw new InvalidArgument(`interval ${quote(text)}: the prefix is over ${bits}`);
  const from = toBigint(start);
  const to =
    last === undefined ? from + (1n << BigInt(bits - length)) : toBigint(encodeFields([type], [last])) + 1n;
  if (to <= from || (last === undefined && from % (to - from) !== 0n)) {
    throw new InvalidArgument(`interval ${quote(text)} is not a prefix or range of ${type}`);
  }
  return to >> BigInt(bits) ? { start } : { start, end: toBytes(to, start.length) };
}

/** A prefix where the range is one (`10.0.0.0/24`, `10.0.0.7/32`), else `first-last`. */
export function formatInterval(type: ValueType, { start, end }: Interval): string {
  const bits = TYPE_FACTS[type].bytes * 8;
  const from = toBigint(start);
  const to = end === undefined ? 1n << BigInt(bits) : toBigint(end);
  const size = to - from;
  const [first = ''] = decodeFields([type], start);
  if (size > 0n && (size & (size - 1n)) === 0n && from % size === 0n) {
    return `${first}/${bits - (size.toString(2).length - 1)}`;
  }
  return `${first}-${decodeFields([type], toBytes(to - 1n, start.length))[0] ?? ''}`;
}

/** The boundaries to send for one range. */
export function boundariesOf({ start, end }: Interval): readonly Boundary[] {
  return end === undefined
    ? [{ key: start, end: false }]
    : [
        { key: start, end: false },
        { key: end, end: true },
      ];
}

/** Pairs dumped boundaries, in any order, to ranges by rising start. An end without a start (nft adds one) is dropped. */
export function pairBoundaries(boundaries: readonly Boundary[]): readonly Interval[] {
  const sorted = [...boundaries].sort(
    (a, b) => Buffer.compare(a.key, b.key) || Number(b.end) - Number(a.end),
  );
  const intervals: Interval[] = [];
  let start: Uint8Array | undefined;
  for (const { key, end } of sorted) {
    if (start !== undefined) intervals.push({ start, end: key });
    start = end ? undefined : key;
  }
  if (start !== undefined) intervals.push({ start });
  return intervals;
}

function toBigint(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function toBytes(value: bigint, length: number): Uint8Array {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
}
