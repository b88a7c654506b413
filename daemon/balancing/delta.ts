import { flowsToForget } from '../../balancer/index.ts';
import { diff } from '../../core/diff.ts';
import type { FlowFilter } from '../../core/ports.ts';
import { type LaidOut, layOut } from '../../kernel/nftables/index.ts';
import type { PlannedService } from './planned-service.ts';
import { objectsOf, type VipState } from './vip-state.ts';

/** The way from one state to another, the same for every namespace that takes it. */
export interface Delta {
  readonly laid: LaidOut;
  /** Connections to forget once it has been taken. */
  readonly flows: readonly FlowFilter[];
  /** Clients may be remembered with a backend that takes no more connections. */
  readonly hasAffinity: boolean;
}

/** Lays out each way once, however many namespaces take it, for as long as the states live. */
export class Deltas {
  readonly #known = new WeakMap<VipState, WeakMap<VipState, Promise<Delta>>>();

  /** @throws {InvalidArgument} when an element does not fit its set. */
  between(from: VipState, to: VipState): Promise<Delta> {
    const ways = this.#known.get(to) ?? new WeakMap<VipState, Promise<Delta>>();
    this.#known.set(to, ways);
    const known = ways.get(from);
    if (known !== undefined) return known;
    const delta = deltaOf(from, to);
    ways.set(from, delta);
    return delta;
  }
}

async function deltaOf(from: VipState, to: VipState): Promise<Delta> {
  const changed = changedServices(from, to);
  const before = objectsOf(from.tables, changed.map((each) => each.before).filter(isPlanned));
  const after = objectsOf(to.tables, changed.map((each) => each.after).filter(isPlanned));
  const laid = await layOut(
    diff(after, before),
    from.tables.map(({ table }) => table),
  );
  return {
    laid,
    flows: changed.flatMap(leftBehind),
    hasAffinity: changed.some(
      ({ before: was, after: is }) =>
        was?.service.affinity?.timeoutSeconds !== undefined && was.backends !== is?.backends,
    ),
  };
}

/**
 * Connections to backends that have gone. Where the service itself has, or chooses others now, its backends may be as
 * well as ever: a connection that the kernel remembers goes on.
 */
function leftBehind({ before, after }: Change): readonly FlowFilter[] {
  if (before === undefined || before.backends === after?.backends) return [];
  const isChosenAlike = after !== undefined && before.service.select === after.service.select;
  return flowsToForget(
    before.service,
    before.backends,
    after?.backends ?? [],
    isChosenAlike ? 'all' : 'datagrams',
  );
}

interface Change {
  readonly before: PlannedService | undefined;
  readonly after: PlannedService | undefined;
}

function changedServices(from: VipState, to: VipState): readonly Change[] {
  const changes: Change[] = [];
  for (const [key, after] of to.services) {
    const before = from.services.get(key);
    if (before !== after) changes.push({ before, after });
  }
  for (const [key, before] of from.services) {
    if (!to.services.has(key)) changes.push({ before, after: undefined });
  }
  return changes;
}

function isPlanned(planned: PlannedService | undefined): planned is PlannedService {
  return planned !== undefined;
}
