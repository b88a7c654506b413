import type { DoctorFinding } from '../../core/control.ts';
import { Unsupported } from '../../core/errors.ts';
import { readSysctls } from '../../kernel/index.ts';
import { type Check, orOk } from './check.ts';

const ID = 'neighbour-table';
const FAMILIES = ['ipv4', 'ipv6'] as const;
type FamilyName = (typeof FAMILIES)[number];

/** One family's neighbour table, which all network namespaces of the host share. */
export interface NeighbourFacts {
  readonly family: FamilyName;
  /** gc_thresh1 to gc_thresh3. */
  readonly thresholds: readonly [number, number, number];
  readonly endpoints: number;
}

/**
 * Each endpoint takes an entry on its bridge and one for its gateway in its sandbox; entries between containers come
 * on top. Over gc_thresh3 the kernel refuses new ones ("neighbour table overflow"), over gc_thresh2 it drops entries
 * after 5 s (net/core/neighbour.c: neigh_alloc()).
 */
export function judgeNeighbourTable({
  family,
  thresholds,
  endpoints,
}: NeighbourFacts): readonly DoctorFinding[] {
  const [, second, third] = thresholds;
  const expected = endpoints * 2;
  const key = (n: number): string => `net.${family}.neigh.default.gc_thresh${n}`;
  const room = Math.max(4096, 2 ** Math.ceil(Math.log2(Math.max(1, expected * 4))));
  const remedy = `sysctl -w ${key(1)}=${room / 4} ${key(2)}=${room / 2} ${key(3)}=${room}, and set it so in /etc/sysctl.d/`;
  const detail = `${endpoints} endpoints need at least ${expected} entries; gc_thresh2 is ${second}, gc_thresh3 is ${third}`;
  if (expected > third * 0.8) {
    const title = `The ${family} neighbour table is too small for ${endpoints} endpoints: connections will fail at random`;
    return [{ id: ID, level: 'warn', title, detail, remedy }];
  }
  if (expected > second) {
    const title = `The ${family} neighbour table is small for ${endpoints} endpoints: addresses are asked for often`;
    return [{ id: ID, level: 'info', title, detail, remedy }];
  }
  return [];
}

export const neighbourTables: Check = {
  id: ID,
  subject: 'the size of the neighbour tables',
  run: async ({ parts }) => {
    const pathOf = (family: string, n: number): string => `net/${family}/neigh/default/gc_thresh${n}`;
    const values = await readSysctls(FAMILIES.flatMap((family) => [1, 2, 3].map((n) => pathOf(family, n))));
    const thresholdOf = (family: FamilyName, n: number): number =>
      Number(values.get(pathOf(family, n)) ?? Number.NaN);
    const endpoints = [...parts.repository.endpoints()];
    const facts = FAMILIES.map((family): NeighbourFacts => {
      const mine = endpoints.filter(({ request }) => request[family] !== undefined);
      return {
        family,
        thresholds: [thresholdOf(family, 1), thresholdOf(family, 2), thresholdOf(family, 3)],
        endpoints: mine.length,
      };
    }).filter(({ thresholds }) => thresholds.every(Number.isFinite));
    if (facts.length === 0) {
      throw new Unsupported(
        'gc_thresh can be read in the first network namespace only, and weftd runs in another',
      );
    }
    const room = facts.map(({ family, thresholds }) => `${family} ${thresholds[2]}`).join(', ');
    return orOk(
      facts.flatMap(judgeNeighbourTable),
      ID,
      'The neighbour tables have room',
      `gc_thresh3: ${room}`,
    );
  },
};
