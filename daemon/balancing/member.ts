import type { SandboxKey } from '../../core/ids.ts';
import type { TableKeeper } from './table-keeper.ts';
import type { VipState } from './vip-state.ts';

/** Namespaces that reach the same networks from the same kind of place, and so are to hold the same. */
export interface Group {
  readonly key: string;
  readonly networks: readonly string[];
  readonly place: 'sandbox' | 'host';
  readonly members: Set<Member>;
  state: VipState;
}

/** One namespace, as it is being looked after. */
export interface Member {
  readonly where: SandboxKey | 'host';
  readonly keeper: TableKeeper;
  group: Group;
  /** How much that is slow is waiting or at work for it. */
  pending: number;
  /** It is to be looked after no longer. */
  gone: boolean;
  /** It could not be read or changed the last time. */
  failed: boolean;
}

/** Whether connections of a namespace go where they should. */
export function isSteered({ keeper, group }: Member): boolean {
  return keeper.has === group.state || keeper.has?.towards === group.state;
}

/** Whether a namespace holds what it should. */
export function isSettled({ keeper, group }: Member): boolean {
  return keeper.has === group.state;
}

/** Members that hold something else than they should, by what they hold. */
export function behind({ members, state }: Group): ReadonlyMap<VipState, readonly Member[]> {
  const found = new Map<VipState, Member[]>();
  for (const member of members) {
    const { has } = member.keeper;
    if (member.pending > 0 || has === undefined || has === state) continue;
    const same = found.get(has);
    if (same === undefined) found.set(has, [member]);
    else same.push(member);
  }
  return found;
}
