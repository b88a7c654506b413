import { createHash } from 'node:crypto';
import type { NftChain, NftFamily, NftSet, NftTable } from '../../core/nft.ts';
import type { InstalledChain } from './chain.ts';
import type { DecodedExpr } from './expressions/expression.ts';
import type { InstalledRule } from './rule.ts';
import type { InstalledSet } from './set.ts';

/** What the kernel holds of one table, without elements. */
export interface InstalledContent {
  readonly flags: number;
  readonly sets: readonly InstalledSet[];
  readonly chains: readonly InstalledChain[];
  /** In the order of each chain. */
  readonly rules: readonly InstalledRule[];
}

type RuleContent = { readonly comment?: string; readonly exprs: readonly DecodedExpr[] };

/**
 * 16 hex digits of SHA-256 over all that defines a table: sets with types and flags, chains with type, hook, priority
 * and policy, and each chain's rules in order with comment and every expression. The order of sets and of chains
 * does not count, because a repaired table may have them in another.
 */
export function tableFingerprint(table: NftTable): string {
  return digest([
    tableLine(table.family, table.name, 0),
    ...table.sets.map((set) => setLine(set)),
    ...table.chains.map((chain) => chainLines(chain, chain.rules)),
  ]);
}

/** The same from a dump: equal to the plan's exactly when the kernel holds what the plan says. */
export function installedFingerprint(family: NftFamily, name: string, content: InstalledContent): string {
  return digest([
    tableLine(family, name, content.flags),
    ...content.sets.map((set) => (set.set ? setLine(set.set) : `set ${set.name} raw ${set.raw.join(' ')}`)),
    ...content.chains.map((chain) =>
      chainLines(
        chain,
        content.rules.filter((rule) => rule.chain === chain.name),
      ),
    ),
  ]);
}

/** All that defines a rule, as one line. */
export function ruleFingerprint(rule: RuleContent): string {
  return JSON.stringify([rule.comment, rule.exprs.map(exprFields)]);
}

/** Whether a chain in the kernel could only become `chain` by being deleted and made again. */
export function mustRecreateChain(installed: Pick<InstalledChain, 'base'>, chain: NftChain): boolean {
  return baseLine({ ...installed.base, policy: '' }) !== baseLine({ ...chain.base, policy: '' });
}

/** Whether two definitions of a chain are the same, base and rules. */
export function isSameChain(a: NftChain, b: NftChain): boolean {
  return a === b || chainLines(a, a.rules) === chainLines(b, b.rules);
}

/** Whether a set in the kernel has another definition than `set`. */
export function isOtherSet(installed: InstalledSet, set: NftSet): boolean {
  return installed.set === undefined || setLine(installed.set) !== setLine(set);
}

function tableLine(family: NftFamily, name: string, flags: number): string {
  return `table ${family} ${name} ${flags}`;
}

/** What defines a set, in one line. */
export function setLine({ name, key, data, interval, dynamic, counter }: NftSet): string {
  const flags = [
    interval ? 'interval' : '-',
    ...(dynamic ? ['dynamic'] : []),
    ...(counter ? ['counter'] : []),
  ];
  return `set ${name} ${key.join('.')} ${data?.join('.') ?? '-'} ${flags.join(' ')}`;
}

function chainLines(chain: InstalledChain | NftChain, rules: readonly RuleContent[]): string {
  const lines = rules.map((rule) => `rule ${ruleFingerprint(rule)}`);
  return [`chain ${chain.name} ${baseLine(chain.base ?? {})}`, ...lines].join('\n');
}

type BaseFields = { type?: string; hook?: string; priority?: number; policy?: string };

function baseLine({ type, hook, priority, policy }: BaseFields): string {
  return [type, hook, priority, policy].join(' ');
}

/** Fields in one order, bytes as hex, whatever object the expression is. */
function exprFields(expr: DecodedExpr): readonly unknown[] {
  return Object.entries(expr)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, canonical(value)]);
}

function canonical(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'object' && value !== null) return Object.entries(value).sort();
  return value;
}

function digest(blocks: readonly string[]): string {
  const [table = '', ...rest] = blocks;
  return createHash('sha256')
    .update([table, ...rest.sort()].join('\n'))
    .digest('hex')
    .slice(0, 16);
}
