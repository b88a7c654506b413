import { Conflict, Unavailable } from '../../core/errors.ts';
import type { Lease } from '../addresses.ts';
import { acquire } from './acquire.ts';
import { claimBlock } from './claim-blocks.ts';
import type { Share } from './share.ts';
import { within } from './within.ts';

/** What came of making the cluster know the addresses that this host holds. */
export interface Coverage {
  /** Somebody else has these addresses too. */
  readonly conflicts: readonly { readonly lease: Lease; readonly reason: string }[];
  /** Some could not be settled now. */
  readonly pending: boolean;
}

/**
 * Claims the blocks around the addresses this host holds, or asks their owners for the single addresses: for those
 * that were given before the pool was shared, and after blocks were lost, as when the store came back from an older
 * snapshot.
 * @param deadline milliseconds since the epoch.
 */
export async function coverLeases(share: Share, deadline: number): Promise<Coverage> {
  const conflicts: { readonly lease: Lease; readonly reason: string }[] = [];
  for (const [index, leases] of uncovered(share)) {
    const refused = await coverBlock(share, index, leases, deadline);
    if (refused === undefined) return { conflicts, pending: true };
    conflicts.push(...refused);
  }
  return { conflicts, pending: false };
}

/** Undefined when it cannot be done now. */
async function coverBlock(
  share: Share,
  index: bigint,
  leases: readonly Lease[],
  deadline: number,
): Promise<Coverage['conflicts'] | undefined> {
  const { fenced, clock } = share.options;
  const { first, last } = share.automatic(index);
  if (fenced() === undefined && share.recordAt(index).owner === undefined && first <= last) {
    await within(clock, deadline, claimBlock(share, index));
  }
  const conflicts: { readonly lease: Lease; readonly reason: string }[] = [];
  for (const lease of leases) {
    if (fenced() !== undefined || clock.now() >= deadline) return undefined;
    const refused = await acquireHeld(share, lease, deadline);
    if (refused instanceof Unavailable) return undefined;
    if (refused !== undefined) conflicts.push({ lease, reason: refused.message });
  }
  return conflicts;
}

function uncovered(share: Share): ReadonlyMap<bigint, readonly Lease[]> {
  const found = new Map<bigint, Lease[]>();
  for (const lease of share.pool.addresses.held.values()) {
    const index = share.grid.indexOf(lease.ip);
    if (share.covers(lease.ip)) continue;
    const leases = found.get(index);
    if (leases === undefined) found.set(index, [lease]);
    else leases.push(lease);
  }
  return found;
}

async function acquireHeld(
  share: Share,
  lease: Lease,
  deadline: number,
): Promise<Conflict | Unavailable | undefined> {
  if (share.pool.addresses.held.get(lease.ip) !== lease) return undefined;
  try {
    await acquire(share, lease.ip, deadline);
    return undefined;
  } catch (error) {
    if (error instanceof Conflict || error instanceof Unavailable) return error;
    throw error;
  }
}
