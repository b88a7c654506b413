import { isDeepStrictEqual } from 'node:util';
import type { NftExpr, NftRule } from '../../core/nft.ts';
import type { InstalledRule } from '../nftables/index.ts';
import { type AcceptRule, type IfPattern, OWNER } from './accept-rule.ts';

/**
 * The rule as iptables-nft would write it (iptables/nft-shared.c: add_iniface()), so that it lists it back: names
 * compared whole with their final zero, a wildcard by its first bytes. The comment is in the userdata, which
 * iptables-nft -S shows as `--comment weft`.
 */
export function nftRuleOf(rule: AcceptRule): NftRule {
  return {
    comment: OWNER,
    exprs: [
      ...(rule.in === undefined ? [] : matchName('iifname', rule.in)),
      ...(rule.out === undefined ? [] : matchName('oifname', rule.out)),
      { expr: 'counter' },
      { expr: 'verdict', verdict: { kind: rule.verdict } },
    ],
  };
}

function matchName(key: 'iifname' | 'oifname', pattern: IfPattern): readonly NftExpr[] {
  const data = new Uint8Array(Buffer.from(pattern.wildcard ? pattern.name : `${pattern.name}\0`));
  return [
    { expr: 'meta', key, dreg: 0 },
    { expr: 'cmp', op: 'eq', sreg: 0, data },
  ];
}

/** True when the kernel's rule is exactly this one. */
export function isNftRule(installed: InstalledRule | undefined, rule: NftRule): boolean {
  return installed?.comment === rule.comment && isDeepStrictEqual(installed.exprs, rule.exprs);
}

/**
 * True for a rule that returns whatever comes, as `iptables -A DOCKER-USER -j RETURN` makes it, which dockerd does up
 * to version 27. What stands behind it in its chain is never judged.
 */
export function isBareNftReturn({ comment, exprs }: InstalledRule): boolean {
  const [only, ...more] = exprs.filter(({ expr }) => expr !== 'counter');
  const returns = only?.expr === 'verdict' && only.verdict.kind === 'return';
  return returns && more.length === 0 && comment === undefined;
}

/**
 * The xt `comment` match with weft's comment as the kernel dumps it (net/netfilter/nft_compat.c: nft_match_dump()):
 * attributes NAME, REV and INFO, the last 256 bytes.
 */
const OWNER_MATCH = Buffer.concat([
  Buffer.from([12, 0, 1, 0]),
  Buffer.from('comment\0'),
  Buffer.from([8, 0, 2, 0, 0, 0, 0, 0, 4, 1, 3, 0]),
  Buffer.from(OWNER.padEnd(256, '\0')),
]);

/**
 * True for weft's rules, also after iptables-save and -restore, which turn the comment in the userdata into a match.
 */
export function isOwnNftRule(installed: InstalledRule): boolean {
  if (installed.comment === OWNER) return true;
  return installed.exprs.some(
    (expr) => expr.expr === 'opaque' && expr.name === 'match' && OWNER_MATCH.equals(expr.data),
  );
}
