import type { IpamPoolDetail, IpamPoolView } from '../../core/control.ts';
import type { Lease, PoolView } from '../../ipam/index.ts';

export function poolView({
  poolId,
  space,
  pool,
  subPool,
  gateway,
  used,
  resting,
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
    usable: size,
  };
}

export function poolDetail(view: PoolView): IpamPoolDetail {
  return { ...poolView(view), leases: view.leases.map(leaseView) };
}

function leaseView({ ip, kind, name, mac, createdAt }: Lease): IpamPoolDetail['leases'][number] {
  return {
    address: ip,
    kind: kind === 'service' ? 'vip' : kind,
    ...(name === undefined ? {} : { name }),
    ...(mac === undefined ? {} : { mac }),
    since: new Date(createdAt).toISOString(),
  };
}
