import type { Cidr, Ip } from '../../core/address.ts';
import type { Lease } from '../addresses.ts';
import { grantsOf, type Share } from './share.ts';

/** A shared pool as operators see it. */
export interface SharedSubnetView {
  readonly network: string;
  /** Blocks whose addresses this host gives, in order. More than 2^53 free addresses are rounded. */
  readonly blocks: readonly { readonly cidr: Cidr; readonly used: number; readonly free: number }[];
  /** Hosts that own the other blocks. */
  readonly others: readonly { readonly node: string; readonly blocks: number }[];
  /** Blocks that nobody owns. */
  readonly unowned: number;
  /** Single addresses of other blocks that this host has. */
  readonly granted: readonly Ip[];
  /** Single addresses of own blocks that other hosts have. */
  readonly grantedAway: readonly { readonly ip: Ip; readonly node: string }[];
  /** Addresses held here that somebody else has too. */
  readonly conflicts: readonly Lease[];
  /** Why this host must not give addresses. */
  readonly fenced?: string;
}

/** Reads one subnet's share. */
export function viewOfShare(share: Share, conflicts: readonly Lease[]): SharedSubnetView {
  const records = [...share.recorded()].map(([, record]) => record);
  const others = new Map<string, number>();
  for (const { owner } of records) {
    if (owner !== undefined && owner !== share.node) others.set(owner, (others.get(owner) ?? 0) + 1);
  }
  const foreign = records.filter(({ owner }) => owner !== share.node).flatMap(grantsOf);
  const granted = foreign.flatMap(([ip, { node }]) => (node === share.node ? [ip] : []));
  const own = records.filter(({ owner }) => owner === share.node).flatMap(grantsOf);
  const away = own.map(([ip, { node }]) => ({ ip, node }));
  const owned = [...others.values()].reduce((sum, count) => sum + count, share.own.length);
  const fenced = share.options.fenced();
  return {
    network: share.network,
    blocks: share.own.map((index) => blockView(share, index)),
    others: [...others]
      .map(([node, blocks]) => ({ node, blocks }))
      .sort((a, b) => (a.node < b.node ? -1 : 1)),
    unowned: Number(share.grid.count - BigInt(owned)),
    granted,
    grantedAway: away,
    conflicts,
    ...(fenced === undefined ? {} : { fenced }),
  };
}

function blockView(share: Share, index: bigint): SharedSubnetView['blocks'][number] {
  const { addresses } = share.pool;
  const used = addresses.usedIn(share.grid.range(index));
  const { first, last } = share.automatic(index);
  const free = last < first ? 0n : last - first + 1n - addresses.takenIn({ first, last });
  return { cidr: share.grid.cidrAt(index), used: Number(used), free: Number(free) };
}
