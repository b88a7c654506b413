import type { ElementObject, ObjectKey } from '../../core/kernel-objects.ts';
import type { PlannedService } from './planned-service.ts';
import type { VipState } from './vip-state.ts';

/** Sets that only count. The kernel takes longer to make a counter than for all else of an element. */
const COUNTING: ReadonlySet<string> = new Set(['connections', 'traffic']);

const KNOWN = new WeakMap<VipState, WeakMap<VipState, VipState | 'none'>>();

/**
 * The state in which connections go where `to` says and are still counted as in `from`: what is to be everywhere
 * first. Undefined where there is nothing to be gained by two steps, or where tables come or go. The same object each
 * time, for the way to it to be laid out once.
 */
export function midway(from: VipState, to: VipState): VipState | undefined {
  const ways = KNOWN.get(from) ?? new WeakMap<VipState, VipState | 'none'>();
  KNOWN.set(from, ways);
  const known = ways.get(to) ?? between(from, to) ?? 'none';
  ways.set(to, known);
  return known === 'none' ? undefined : known;
}

function between(from: VipState, to: VipState): VipState | undefined {
  if (from.towards === to) return undefined;
  const families = ({ tables }: VipState) => tables.map(({ family }) => family).join(' ');
  if (families(from) !== families(to)) return undefined;
  const services = new Map(to.services);
  let isSplit = false;
  for (const [key, after] of to.services) {
    const before = from.services.get(key);
    if (before === after || isCountedAlike(before, after)) continue;
    services.set(key, { ...after, elements: mixed(before, after) });
    isSplit = true;
  }
  return isSplit ? { tables: to.tables, services, picks: to.picks, towards: to } : undefined;
}

function isCountedAlike(before: PlannedService | undefined, after: PlannedService): boolean {
  const counters = (planned: PlannedService | undefined) => [...countersOf(planned).keys()];
  const [was, is] = [counters(before), counters(after)];
  return was.length === is.length && was.every((key) => after.elements.has(key));
}

function mixed(
  before: PlannedService | undefined,
  after: PlannedService,
): ReadonlyMap<ObjectKey, ElementObject> {
  const steering = [...after.elements].filter(([, { set }]) => !COUNTING.has(set));
  return new Map([...countersOf(before), ...steering]);
}

function countersOf(planned: PlannedService | undefined): ReadonlyMap<ObjectKey, ElementObject> {
  return new Map([...(planned?.elements ?? [])].filter(([, { set }]) => COUNTING.has(set)));
}
