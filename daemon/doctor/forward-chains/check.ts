import type { DoctorFinding } from '../../../core/control.ts';
import { linkName } from '../../../core/names.ts';
import { type Check, orOk } from '../check.ts';
import type { HostView, NetworkFacts } from '../host-view.ts';
import { uplinksOf } from '../uplink.ts';
import { listed } from '../wording.ts';
import { type ChainOutcome, evaluateTable } from './evaluate-chain.ts';
import type { Probe } from './evaluate-rule.ts';
import type { ForwardTable } from './read-tables.ts';
import { remedyFor } from './remedy.ts';

const ID = 'forward-rules';
/** Bridges tried in each direction: names alike are judged alike, and the rest would cost and tell nothing. */
const MOST_BRIDGES = 64;

/** What stands for one weft bridge when rules are tried. */
interface Trial {
  readonly bridge: string;
  readonly uplink: string;
}

/** One base chain and the directions in which it stops weft's traffic. */
interface Obstacle {
  readonly outcome: ChainOutcome;
  readonly directions: ReadonlySet<string>;
  readonly bridges: ReadonlySet<string>;
}

/**
 * Judges the forward chains of others. An accept in weft's table does not carry a packet past another table's drop:
 * every base chain on a hook has its say.
 * @param networks of weft; none: a bridge that weft might make is tried.
 */
export function judgeForwardTables(
  tables: readonly ForwardTable[],
  networks: readonly NetworkFacts[],
  uplink: string,
): readonly DoctorFinding[] {
  const findings = tables
    .filter(({ family }) => family !== 'ip6' || networks.some(({ ipv6 }) => ipv6))
    .flatMap((table) => obstaclesIn(table, trials(networks, uplink)).map((each) => findingOf(each)));
  const names = tables.map(({ family, name }) => `${family} ${name}`);
  const seen =
    names.length === 0 ? 'no table of others filters forwarded packets' : `tables ${listed(names)}`;
  return orOk(findings, ID, 'The firewall rules of others let the traffic of weft through', seen);
}

function trials(networks: readonly NetworkFacts[], uplink: string): readonly Trial[] {
  const own = networks.flatMap(({ bridge, internal }) =>
    bridge === undefined || internal ? [] : [{ bridge, uplink }],
  );
  if (own.length > 0) return own.slice(0, MOST_BRIDGES);
  return [{ bridge: linkName('wb', 'any network'), uplink }];
}

function obstaclesIn(table: ForwardTable, all: readonly Trial[]): readonly Obstacle[] {
  const found = new Map<string, { outcome: ChainOutcome; directions: Set<string>; bridges: Set<string> }>();
  for (const { bridge, uplink } of all) {
    const probes: readonly (readonly [string, Probe])[] = [
      ['from containers outwards', { from: bridge, to: uplink, translated: false }],
      ['to published ports', { from: uplink, to: bridge, translated: true }],
    ];
    for (const [direction, probe] of probes) {
      for (const outcome of evaluateTable(table, probe)) {
        if (outcome.end === 'accept') continue;
        const key = `${outcome.chain} ${outcome.maybeAccepted}`;
        const known = found.get(key) ?? { outcome, directions: new Set(), bridges: new Set() };
        known.directions.add(direction);
        known.bridges.add(bridge);
        found.set(key, known);
      }
    }
  }
  return [...found.values()];
}

function findingOf({ outcome, directions, bridges }: Obstacle): DoctorFinding {
  const { table, chain, decidedIn, maybeAccepted } = outcome;
  const through = decidedIn === chain ? '' : `, by a rule in ${decidedIn}`;
  const where = `${table.family} ${table.name} ${chain}`;
  const detail =
    `new connections ${[...directions].join(' and ')} end in a drop in chain ${where}${through} ` +
    `(bridges ${listed([...bridges])})`;
  if (maybeAccepted) {
    return {
      id: ID,
      level: 'warn',
      title: `Chain ${where} may drop the traffic of weft`,
      detail: `${detail}, unless one of its rules with other conditions accepts them`,
      remedy: `If containers have no connection: ${remedyFor(outcome, bridges)}`,
    };
  }
  return {
    id: ID,
    level: 'fail',
    title: `Chain ${where} drops the traffic of weft`,
    detail,
    remedy: remedyFor(outcome, bridges),
  };
}

export const forwardRules: Check = {
  id: ID,
  subject: 'the firewall rules of others',
  run: async (host: HostView) => {
    const [tables, networks, uplinks] = await Promise.all([
      host.forwardTables(),
      host.networks(),
      uplinksOf(host),
    ]);
    return judgeForwardTables(tables, networks, uplinks[0]?.name ?? 'eth0');
  },
};
