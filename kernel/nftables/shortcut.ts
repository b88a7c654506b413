import type { IfName } from '../../core/ids.ts';
import type { ObjectKey, ShortcutObject } from '../../core/kernel-objects.ts';
import type { NftFamily, NftRule } from '../../core/nft.ts';
import { encodeDeleteChain, encodeIngressChain, type InstalledChain } from './chain.ts';
import type { InstalledContent } from './fingerprint.ts';
import { ruleFingerprint } from './fingerprint.ts';
import type { Change } from './fold.ts';
import { encodeRule, type InstalledRule } from './rule.ts';
import type { Piece } from './transaction.ts';

/*
 * A shortcut is a chain of family netdev, named as its device, with one rule. That it is not part of its table's
 * definition is what makes the thousandth cost what the first did.
 */

/** Registers: the group in 0, the destination MAC in 1 and 2, the index of the link to leave by in 3. */
const GROUP = 0;
const MAC = 1;
const LINK = 3;

export function shortcutRule(set: string): NftRule {
  return {
    comment: 'past the bridge',
    exprs: [
      { expr: 'meta', key: 'iifgroup', dreg: GROUP },
      { expr: 'payload', base: 'link', offset: 0, len: 6, dreg: MAC },
      { expr: 'lookup', set, sreg: GROUP, dreg: LINK },
      { expr: 'fwd', sreg: LINK },
    ],
  };
}

/** @param settled keys, and `add` before keys, of what the kernel turned out to have so already. */
export function removeShortcuts(
  shortcuts: ReadonlyMap<ObjectKey, Change<ShortcutObject>>,
  settled: ReadonlySet<string>,
): readonly Piece[] {
  return [...shortcuts].flatMap(([key, { remove }]) => {
    if (remove === undefined || settled.has(key)) return [];
    const message = encodeDeleteChain('netdev', remove.table, remove.dev);
    return [{ message, step: `delete ${key}`, deletes: [key] }];
  });
}

/** As `removeShortcuts`. */
export function addShortcuts(
  shortcuts: ReadonlyMap<ObjectKey, Change<ShortcutObject>>,
  settled: ReadonlySet<string>,
): readonly Piece[] {
  return [...shortcuts].flatMap(([key, { add }]) => {
    if (add === undefined || settled.has(`add ${key}`)) return [];
    const { table, dev, set } = add;
    const step = `create ${key}`;
    return [
      { message: encodeIngressChain(table, dev, dev), step, adds: [key] },
      { message: encodeRule({ family: 'netdev', table, chain: dev }, shortcutRule(set)), step },
    ];
  });
}

/** The shortcuts of a table, and what else it holds. */
export function splitShortcuts(
  family: NftFamily,
  table: string,
  content: InstalledContent,
): { readonly shortcuts: readonly ShortcutObject[]; readonly rest: InstalledContent } {
  if (family !== 'netdev') return { shortcuts: [], rest: content };
  const { flags, sets, chains, rules } = content;
  const own = chains.filter(({ base }) => base !== undefined);
  const names = new Set(own.map(({ name }) => name));
  return {
    shortcuts: own.map((chain) =>
      shortcutOf(
        table,
        chain,
        rules.filter((rule) => rule.chain === chain.name),
      ),
    ),
    rest: {
      flags,
      sets,
      chains: chains.filter(({ name }) => !names.has(name)),
      rules: rules.filter(({ chain }) => !names.has(chain)),
    },
  };
}

function shortcutOf(
  table: string,
  { name, base }: InstalledChain,
  rules: readonly InstalledRule[],
): ShortcutObject {
  const [rule] = rules;
  const found = rule?.exprs.find((expr) => expr.expr === 'lookup');
  const set = found?.expr === 'lookup' ? found.set : '';
  const isOurs =
    rules.length === 1 &&
    rule !== undefined &&
    base?.device === name &&
    base.hook === 'prerouting' &&
    base.priority === 0 &&
    ruleFingerprint(rule) === ruleFingerprint(shortcutRule(set));
  return { kind: 'shortcut', dev: name as IfName, table, set, ...(isOurs ? {} : { altered: true }) };
}
