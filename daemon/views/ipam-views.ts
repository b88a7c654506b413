import type { IpamPoolDetail, IpamPoolView, LeaseView } from '../../core/control.ts';
import { type AddressConflict, inAddressOrder, type Lease, type PoolView } from '../../ipam/index.ts';

export function poolView({
  poolId,
  space,
  pool,
  subPool,
  gateway,
  used,
  resting,
  conflicts,
  size,
}: PoolView): IpamPoolView {
  return {
    id: poolId,
    space,
    subnet: pool,
    ...(subPool === undefined ? {} : { range: subPool }),
    ...(gateway === undefined ? {} : { gateway }),
    used,
    resting,
    conflicts: conflicts.length,
    usable: size,
  };
}

export function poolDetail(view: PoolView): IpamPoolDetail {
  const { pool, leases, conflicts } = view;
  const shown = [
    ...leases.map((lease) => ({ ip: lease.ip, shown: leaseView(lease) })),
    ...conflicts.map((conflict) => ({ ip: conflict.ip, shown: conflictView(conflict) })),
  ];
  const inOrder = conflicts.length === 0 ? shown : inAddressOrder(pool, shown);
  return { ...poolView(view), leases: inOrder.map((each) => each.shown) };
}

function conflictView({ ip, mac, dev, foundAt, until }: AddressConflict): LeaseView {
  return {
    address: ip,
    kind: 'conflict',
    ...(dev === undefined ? {} : { name: dev }),
    mac,
    since: new Date(foundAt).toISOString(),
    restingUntil: new Date(until).toISOString(),
  };
}

function leaseView({ ip, kind, name, mac, createdAt }: Lease): LeaseView {
  return {
    address: ip,
    kind: kind === 'service' ? 'vip' : kind,
    ...(name === undefined ? {} : { name }),
    ...(mac === undefined ? {} : { mac }),
    since: new Date(createdAt).toISOString(),
  };
}
