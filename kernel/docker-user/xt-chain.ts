import { Unsupported } from '../../core/errors.ts';
import { isBareXtReturn, isOwnXtRule, sameXtRule } from './xt-rule.ts';
import type { XtEntry, XtTable } from './xt-table.ts';

/** What a table would be with weft's rules right; `table` is the one given when nothing has to change. */
export type XtEdit =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'changed'; readonly table: XtTable };

/**
 * Puts `wanted` before the first bare RETURN of a user-defined chain, in order, and takes every other rule of weft's
 * out of it: all rules of others that are ever judged are judged before. Rules that are right already stay the same
 * entries, so that their counters live on.
 * @param wanted encoded rules; empty removes all of weft's.
 * @throws {Unsupported} when somebody's jump leads into the middle of the chain, at a rule that would go. iptables
 * never writes such a jump.
 */
export function editXtChain(table: XtTable, chain: string, wanted: readonly Uint8Array[]): XtEdit {
  const heading = table.entries.findIndex((entry) => entry.heading === chain);
  if (heading < 0) return { kind: 'absent' };
  const rules = rulesBehind(table, heading);
  const own = rules.filter((entry) => isOwnXtRule(table.family, entry.bytes));
  const others = rules.filter((entry) => !own.includes(entry));
  const end = others.findIndex((entry) => isBareXtReturn(table.family, entry.bytes));
  const start = end < 0 ? others.length : end;
  const same = (entry: XtEntry | undefined, bytes: Uint8Array) =>
    entry !== undefined && sameXtRule(table.family, entry.bytes, bytes);
  if (own.length === wanted.length && wanted.every((bytes, index) => same(rules[start + index], bytes))) {
    return { kind: 'unchanged' };
  }
  const pool = new Set(own);
  const placed = wanted.map((bytes): XtEntry => {
    const kept = [...pool].find((entry) => same(entry, bytes));
    if (kept !== undefined) pool.delete(kept);
    return kept ?? { bytes };
  });
  const entries = table.entries.toSpliced(
    heading + 1,
    rules.length,
    ...others.toSpliced(start, 0, ...placed),
  );
  refuseDangling(entries, pool, chain);
  return { kind: 'changed', table: { ...table, entries } };
}

function rulesBehind(table: XtTable, heading: number): readonly XtEntry[] {
  const rest = table.entries.slice(heading + 1);
  const end = rest.findIndex((entry) => entry.heading !== undefined);
  return end < 0 ? rest : rest.slice(0, end);
}

function refuseDangling(entries: readonly XtEntry[], gone: ReadonlySet<XtEntry>, chain: string): void {
  for (const { jump } of entries) {
    if (jump?.to === 'entry' && gone.has(jump.entry)) {
      throw new Unsupported(`edit chain ${chain}: a rule elsewhere jumps into the middle of it`, { chain });
    }
  }
}
