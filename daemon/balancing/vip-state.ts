import { timeoutsOf, type VipTableShape, vipTable } from '../../balancer/index.ts';
import type { Ip } from '../../core/address.ts';
import type { HostState, KernelObject, ObjectKey, TableObject } from '../../core/kernel-objects.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { NftTable } from '../../core/nft.ts';
import { type Expected, expectedOf, tableObject } from '../../kernel/nftables/index.ts';
import type { PlannedService } from './planned-service.ts';

/** A table with its definition. */
export type MadeTable = TableObject & { readonly table: NftTable };

/** What a namespace holds of virtual IPs, or is to hold. Shared by all namespaces of which it is true. */
export interface VipState {
  /** One a family in use. */
  readonly tables: readonly MadeTable[];
  /** By network and name. */
  readonly services: ReadonlyMap<string, PlannedService>;
  /** Chains for choosing that the tables have. */
  readonly picks: ReadonlySet<string>;
  /** Of a state between two: the one in which connections go the same ways, and which follows. */
  readonly towards?: VipState;
}

/** A namespace that reaches no service. */
export const NOTHING: VipState = { tables: [], services: new Map(), picks: new Set() };

export function serviceKey(network: string, name: string): string {
  return `${network} ${name}`;
}

/** Tables and services as kernel objects. */
export function objectsOf(tables: readonly MadeTable[], services: Iterable<PlannedService>): HostState {
  const objects = new Map<ObjectKey, KernelObject>(tables.map((table) => [keyOf(table), table]));
  for (const { elements } of services) for (const [key, element] of elements) objects.set(key, element);
  return objects;
}

const EXPECTED = new WeakMap<VipState, Promise<Expected>>();

/** What to compare a namespace with; prepared once for all that are to hold the same. */
export function expectedIn(state: VipState): Promise<Expected> {
  const known = EXPECTED.get(state);
  if (known !== undefined) return known;
  const elements = [...state.services.values()].flatMap((planned) => [...planned.elements.values()]);
  const expected = expectedOf(state.tables, elements);
  EXPECTED.set(state, expected);
  return expected;
}

/** Makes states; equal tables are one object, because a definition takes milliseconds to compare. */
export class StateMaker {
  readonly #counted: VipTableShape['counted'];
  readonly #tables = new Map<string, MadeTable>();

  constructor(counted: VipTableShape['counted']) {
    this.#counted = counted;
  }

  /**
   * The state in which these services are reached. Chains for choosing that the last one had stay, so that backends
   * that come and go change elements only.
   * @param services in order: of two with one virtual IP the first has it.
   */
  after(before: VipState, place: VipTableShape['place'], services: Iterable<PlannedService>): VipState {
    const reached = firstOfEachVip(services);
    if (reached.size === 0) return before.services.size === 0 ? before : NOTHING;
    const picks = withPicks(before.picks, reached);
    const all = [...reached.values()].map(({ service }) => service);
    const timeouts = timeoutsOf(all);
    const families = ([4, 6] as const).filter((family) =>
      all.some(({ vip4, vip6 }) => (family === 4 ? vip4 : vip6) !== undefined),
    );
    const tables = families.map((family) => this.#table({ family, place, timeouts, picks }));
    const isSame =
      sameList(tables, before.tables) && sameList([...reached.values()], [...before.services.values()]);
    return isSame ? before : { tables, services: reached, picks };
  }

  #table(shape: Omit<VipTableShape, 'counted'> & { readonly picks: ReadonlySet<string> }): MadeTable {
    const { family, place, timeouts, picks } = shape;
    const key = `${family} ${place} ${timeouts} ${[...picks].sort()}`;
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    const made = tableObject(vipTable({ ...shape, counted: this.#counted }));
    this.#tables.set(key, made);
    return made;
  }
}

function firstOfEachVip(services: Iterable<PlannedService>): Map<string, PlannedService> {
  const taken = new Set<Ip>();
  const reached = new Map<string, PlannedService>();
  for (const planned of services) {
    const { network, name, vip4, vip6 } = planned.service;
    const vips = [vip4, vip6].filter((vip) => vip !== undefined);
    if (vips.length === 0 || vips.some((vip) => taken.has(vip))) continue;
    for (const vip of vips) taken.add(vip);
    reached.set(serviceKey(network, name), planned);
  }
  return reached;
}

function withPicks(
  before: ReadonlySet<string>,
  services: ReadonlyMap<string, PlannedService>,
): ReadonlySet<string> {
  const picks = new Set(before);
  for (const planned of services.values()) for (const pick of planned.picks) picks.add(pick);
  return picks.size === before.size ? before : picks;
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, at) => each === b[at]);
}
