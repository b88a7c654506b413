import type { Family } from '../../core/address.ts';
import { type AcceptRule, type IfPattern, OWNER } from './accept-rule.ts';
import {
  IFNAMSIZ,
  XT_COMMENT,
  XT_HEADER,
  XT_LAYOUT,
  XT_STANDARD_TARGET,
  XT_VERDICT,
  type XtLayout,
} from './xt-layout.ts';
import { cString, standardVerdict, targetOffset, viewOf } from './xt-table.ts';

const COMMENT_SIZE = XT_HEADER.size + XT_COMMENT.length;

/** One rule as iptables-legacy would write it: interfaces, `-m comment --comment weft`, a standard target. */
export function encodeXtRule(family: Family, rule: AcceptRule): Uint8Array {
  const layout = XT_LAYOUT[family];
  const target = layout.size + COMMENT_SIZE;
  const bytes = new Uint8Array(target + XT_STANDARD_TARGET.size);
  const view = viewOf(bytes);
  view.setUint16(layout.targetOffset, target, true);
  view.setUint16(layout.nextOffset, bytes.length, true);
  if (rule.in !== undefined) writePattern(bytes, layout.iniface, rule.in);
  if (rule.out !== undefined) writePattern(bytes, layout.iniface + IFNAMSIZ, rule.out);
  view.setUint16(layout.size, COMMENT_SIZE, true);
  bytes.set(Buffer.from(XT_COMMENT.name), layout.size + XT_HEADER.name);
  bytes.set(Buffer.from(OWNER), layout.size + XT_HEADER.size);
  view.setUint16(target, XT_STANDARD_TARGET.size, true);
  view.setInt32(target + XT_STANDARD_TARGET.verdict, XT_VERDICT[rule.verdict], true);
  return bytes;
}

/**
 * Name and mask of an interface: the mask covers the compared bytes, which for a whole name include its final zero.
 * The name of a wildcard keeps its `+` outside the mask, from which iptables -S knows it (xtables_parse_interface()).
 */
function writePattern(bytes: Uint8Array, offset: number, pattern: IfPattern): void {
  const name = Buffer.from(pattern.wildcard ? `${pattern.name}+` : pattern.name);
  const mask = offset + 2 * IFNAMSIZ;
  bytes.set(name, offset);
  bytes.fill(0xff, mask, mask + (pattern.wildcard ? name.length - 1 : name.length + 1));
}

/** True when the rule has weft's comment and no other match. */
export function isOwnXtRule(family: Family, entry: Uint8Array): boolean {
  const layout = XT_LAYOUT[family];
  if (targetOffset(layout, entry) !== layout.size + COMMENT_SIZE) return false;
  return (
    viewOf(entry).getUint16(layout.size, true) === COMMENT_SIZE &&
    cString(entry, layout.size + XT_HEADER.name, XT_HEADER.nameLength) === XT_COMMENT.name &&
    cString(entry, layout.size + XT_HEADER.size, XT_COMMENT.length) === OWNER
  );
}

/**
 * True for a rule that returns whatever comes: no match, no condition on addresses or interfaces. dockerd appends one
 * up to version 27, and the end of every user-defined chain is another, which iptables does not list. What stands
 * behind it in its chain is never judged.
 */
export function isBareXtReturn(family: Family, entry: Uint8Array): boolean {
  const layout = XT_LAYOUT[family];
  return (
    targetOffset(layout, entry) === layout.size &&
    entry.subarray(0, layout.nfcache).every((byte) => byte === 0) &&
    standardVerdict(layout, entry) === XT_VERDICT.return
  );
}

/** True when both say the same; what the kernel counts and notes in a rule is no part of it. */
export function sameXtRule(family: Family, a: Uint8Array, b: Uint8Array): boolean {
  const layout = XT_LAYOUT[family];
  return Buffer.compare(meaning(layout, a), meaning(layout, b)) === 0;
}

function meaning(layout: XtLayout, entry: Uint8Array): Uint8Array {
  const bytes = entry.slice();
  bytes.fill(0, layout.nfcache, layout.nfcache + 4);
  bytes.fill(0, layout.comefrom, layout.comefrom + 4);
  bytes.fill(0, layout.counters, layout.counters + 16);
  return bytes;
}
