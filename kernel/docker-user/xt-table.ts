import type { Family } from '../../core/address.ts';
import { DecodeError } from '../../core/errors.ts';
import {
  NF_INET_NUMHOOKS,
  NO_HOOK,
  XT_ERROR_TARGET,
  XT_HEADER,
  XT_LAYOUT,
  XT_STANDARD_TARGET,
  type XtLayout,
} from './xt-layout.ts';

/**
 * Where a rule's standard target goes on, as a relation that survives when rules come and go: after itself (a rule
 * without `-j`), into a chain (named by its heading entry), or at one certain rule.
 */
type XtJump =
  | { readonly to: 'next' }
  | { readonly to: 'chain'; readonly heading: XtEntry }
  | { readonly to: 'entry'; readonly entry: XtEntry };

/** One rule, or the heading of a chain; compared by identity, as jumps and hooks refer to it. */
export interface XtEntry {
  /** The kernel's bytes; the offset of a jump in them is stale and replaced by `jump` on encoding. */
  readonly bytes: Uint8Array;
  /** Present on the first entry of a user-defined chain and on the last of the table (there `ERROR`). */
  readonly heading?: string;
  jump?: XtJump;
}

/** A table of xtables in the kernel's order. Index of `hookEntry` and `underflow`: the netfilter hook. */
export interface XtTable {
  readonly family: Family;
  readonly entries: readonly XtEntry[];
  readonly hookEntry: readonly (XtEntry | undefined)[];
  readonly underflow: readonly (XtEntry | undefined)[];
}

/** The part of struct ipt_getinfo that places chains; offsets in bytes, NO_HOOK where there is none. */
export interface XtHooks {
  readonly hookEntry: readonly number[];
  readonly underflow: readonly number[];
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Text up to the first zero byte of a fixed field. */
export function cString(bytes: Uint8Array, offset: number, length: number): string {
  const field = bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('latin1');
}

/** Offset of the target within an entry. */
export function targetOffset(layout: XtLayout, entry: Uint8Array): number {
  return viewOf(entry).getUint16(layout.targetOffset, true);
}

/** The verdict of a standard target; undefined for extensions such as REJECT. */
export function standardVerdict(layout: XtLayout, entry: Uint8Array): number | undefined {
  const target = targetOffset(layout, entry);
  if (entry.length - target < XT_STANDARD_TARGET.size || entry[target + XT_HEADER.name] !== 0)
    return undefined;
  return viewOf(entry).getInt32(target + XT_STANDARD_TARGET.verdict, true);
}

/**
 * Reads what getsockopt(IPT_SO_GET_ENTRIES) gave (net/ipv4/netfilter/ip_tables.c: copy_entries_to_user()).
 * @throws {DecodeError} when entries do not tile the blob or an offset points between them.
 */
export function decodeXtTable(family: Family, blob: Uint8Array, hooks: XtHooks): XtTable {
  const layout = XT_LAYOUT[family];
  const entries: XtEntry[] = [];
  const at = new Map<number, number>();
  let offset = 0;
  while (offset < blob.length) {
    const entry = decodeEntry(layout, blob, offset);
    at.set(offset, entries.length);
    entries.push(entry);
    offset += entry.bytes.length;
  }
  const indexAt = (position: number): number => {
    const index = at.get(position);
    if (index === undefined) throw new DecodeError(`xtables: no rule begins at offset ${position}`);
    return index;
  };
  for (const [index, entry] of entries.entries()) {
    const verdict = standardVerdict(layout, entry.bytes);
    if (verdict !== undefined && verdict >= 0) entry.jump = relate(entries, index, indexAt(verdict));
  }
  const anchor = (position: number) => (position === NO_HOOK ? undefined : entries[indexAt(position)]);
  return {
    family,
    entries,
    hookEntry: hooks.hookEntry.map(anchor),
    underflow: hooks.underflow.map(anchor),
  };
}

function decodeEntry(layout: XtLayout, blob: Uint8Array, offset: number): XtEntry {
  const rest = blob.length - offset;
  if (rest < layout.size) throw new DecodeError(`xtables: ${rest} bytes are left at ${offset}`);
  const size = viewOf(blob).getUint16(offset + layout.nextOffset, true);
  const target = viewOf(blob).getUint16(offset + layout.targetOffset, true);
  if (size > rest || target < layout.size || target + XT_HEADER.size > size) {
    throw new DecodeError(`xtables: entry at ${offset} says size ${size}, target at ${target}`);
  }
  const bytes = blob.slice(offset, offset + size);
  if (cString(bytes, target + XT_HEADER.name, XT_HEADER.nameLength) !== XT_ERROR_TARGET.name)
    return { bytes };
  return {
    bytes,
    heading: cString(bytes, target + XT_ERROR_TARGET.errorname, XT_ERROR_TARGET.errornameLength),
  };
}

function relate(entries: readonly XtEntry[], from: number, to: number): XtJump {
  if (to === from + 1) return { to: 'next' };
  const before = entries[to - 1];
  if (before?.heading !== undefined) return { to: 'chain', heading: before };
  const entry = entries[to];
  if (entry === undefined) throw new DecodeError(`xtables: no rule ${to}`);
  return { to: 'entry', entry };
}

/**
 * The bytes and offsets for setsockopt(IPT_SO_SET_REPLACE). Inverse of `decodeXtTable`.
 * @throws {DecodeError} when a jump or hook refers to an entry that is not in the table.
 */
export function encodeXtTable(table: XtTable): { readonly blob: Uint8Array } & XtHooks {
  const layout = XT_LAYOUT[table.family];
  const offsets = new Map<XtEntry, number>();
  let size = 0;
  for (const entry of table.entries) {
    offsets.set(entry, size);
    size += entry.bytes.length;
  }
  const offsetOf = (entry: XtEntry): number => {
    const offset = offsets.get(entry);
    if (offset === undefined) throw new DecodeError('xtables: a jump refers to a rule that is gone');
    return offset;
  };
  const after = (entry: XtEntry) => offsetOf(entry) + entry.bytes.length;
  const blob = new Uint8Array(size);
  for (const entry of table.entries) {
    const start = offsetOf(entry);
    blob.set(entry.bytes, start);
    if (entry.jump === undefined) continue;
    const verdict = start + targetOffset(layout, entry.bytes) + XT_STANDARD_TARGET.verdict;
    viewOf(blob).setInt32(verdict, destination(entry, entry.jump, offsetOf, after), true);
  }
  const position = (entry: XtEntry | undefined) => (entry === undefined ? NO_HOOK : offsetOf(entry));
  const fill = (anchors: readonly (XtEntry | undefined)[]) =>
    Array.from({ length: NF_INET_NUMHOOKS }, (_, hook) => position(anchors[hook]));
  return { blob, hookEntry: fill(table.hookEntry), underflow: fill(table.underflow) };
}

function destination(
  entry: XtEntry,
  jump: XtJump,
  offsetOf: (entry: XtEntry) => number,
  after: (entry: XtEntry) => number,
): number {
  switch (jump.to) {
    case 'next':
      return after(entry);
    case 'chain':
      return after(jump.heading);
    case 'entry':
      return offsetOf(jump.entry);
  }
}
