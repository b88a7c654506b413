import { evaluateRule, type Probe, type RuleOutcome } from './evaluate-rule.ts';
import { type ForwardTable, isForward } from './read-tables.ts';

/** Where a probe ends in one base chain. */
export interface ChainOutcome {
  readonly table: ForwardTable;
  readonly chain: string;
  readonly priority: number;
  readonly end: 'accept' | 'drop';
  /** The chain whose rule or policy is that end. */
  readonly decidedIn: string;
  /** A rule with conditions that a probe cannot answer might accept it before that end. */
  readonly maybeAccepted: boolean;
}

/** How a probe leaves a chain: `fall` is the end of the chain or a return. */
interface Walk {
  readonly end: 'accept' | 'drop' | 'fall';
  /** The chain of the rule that ended it; absent for a fall. */
  readonly decidedIn?: string;
  readonly maybeAccepted: boolean;
  /** A rule that may or may not apply leaves the chain before `end`. */
  readonly maybeFalls: boolean;
}

const FALLS: Walk = { end: 'fall', maybeAccepted: false, maybeFalls: false };

/** Sends a probe through each of the table's base chains on the forward hook. */
export function evaluateTable(table: ForwardTable, probe: Probe): readonly ChainOutcome[] {
  const outcomes = new Map<string, RuleOutcome[]>(table.chains.map(({ name }) => [name, []]));
  for (const { chain, exprs } of table.rules) {
    const outcome = evaluateRule(exprs, probe);
    if (outcome.match !== 'no') outcomes.get(chain)?.push(outcome);
  }
  const walks = new Map<string, Walk>();
  return table.chains.filter(isForward).map(({ name, base }) => {
    const walk = walkChain(name, outcomes, walks);
    const policy = base?.policy === 'drop' ? 'drop' : 'accept';
    return {
      table,
      chain: name,
      priority: base?.priority ?? 0,
      end: walk.end === 'fall' ? policy : walk.end,
      decidedIn: walk.decidedIn ?? name,
      maybeAccepted: walk.maybeAccepted || (walk.maybeFalls && policy === 'accept'),
    };
  });
}

/** The kernel allows no cycles (nf_tables_api.c: nft_chain_validate()), and each chain is walked once. */
function walkChain(
  name: string,
  outcomes: ReadonlyMap<string, readonly RuleOutcome[]>,
  walks: Map<string, Walk>,
): Walk {
  const known = walks.get(name);
  if (known !== undefined) return known;
  let { maybeAccepted, maybeFalls }: Omit<Walk, 'end'> = FALLS;
  let last: Walk = FALLS;
  for (const outcome of outcomes.get(name) ?? []) {
    const effect = effectOf(outcome, name, (target) => walkChain(target, outcomes, walks));
    if (effect === undefined) continue;
    maybeAccepted ||= effect.walk.maybeAccepted || (!effect.certain && effect.walk.end === 'accept');
    if (effect.certain) {
      last = effect.walk;
      maybeFalls ||= effect.walk.maybeFalls;
      break;
    }
    maybeFalls ||= effect.leaves && effect.walk.end === 'fall';
  }
  const walk: Walk = { ...last, maybeAccepted, maybeFalls: maybeFalls && last.end !== 'fall' };
  walks.set(name, walk);
  return walk;
}

/** What a matching rule does to the chain it is in. */
interface Effect {
  readonly walk: Walk;
  /** The chain ends here, so. */
  readonly certain: boolean;
  /** The packet does not come back to the rules after this one. */
  readonly leaves: boolean;
}

function effectOf(
  { match, verdict }: RuleOutcome,
  chain: string,
  walkInto: (chain: string) => Walk,
): Effect | undefined {
  if (verdict === undefined) return undefined;
  if (verdict === 'unknown') return { walk: { ...FALLS, end: 'accept' }, certain: false, leaves: true };
  const applies = match === 'yes';
  switch (verdict.kind) {
    case 'accept':
    case 'drop':
      return { walk: { ...FALLS, end: verdict.kind, decidedIn: chain }, certain: applies, leaves: true };
    case 'return':
      return { walk: FALLS, certain: applies, leaves: true };
    case 'goto':
      return { walk: walkInto(verdict.chain), certain: applies, leaves: true };
    case 'jump': {
      const walk = walkInto(verdict.chain);
      // What comes back from it might be accepted by the rules that follow.
      const maybeAccepted = walk.maybeAccepted || walk.maybeFalls;
      return {
        walk: { ...walk, maybeAccepted, maybeFalls: false },
        certain: applies && walk.end !== 'fall',
        leaves: false,
      };
    }
  }
}
