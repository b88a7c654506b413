import type { Cidr, Ip } from '../../core/address.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { type IfName, type PoolId, poolIdOf } from '../../core/ids.ts';
import type { DriverName, Network } from '../../core/model.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { Repository } from '../state/index.ts';

/** An IPv4 subnet of a network that has its addresses by DHCP. */
export interface DhcpNetwork {
  readonly network: Network;
  readonly pool: { readonly id: PoolId; readonly subnet: Cidr };
  readonly device: IfName;
  readonly gateway: Ip | undefined;
}

/** The networks whose drivers say that the LAN's DHCP server gives their addresses, in no order. */
export function* dhcpNetworks({
  repository,
  drivers,
  ipam,
}: {
  readonly repository: Pick<Repository, 'networks'>;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly ipam: Pick<IpamService, 'addressSpaces'>;
}): Generator<DhcpNetwork> {
  const { local } = ipam.addressSpaces();
  for (const network of repository.networks()) {
    const dhcp = drivers.get(network.driver)?.dhcp?.(network);
    if (dhcp === undefined) continue;
    for (const { pool, gateway } of network.request.ipv4) {
      yield {
        network,
        pool: { id: poolIdOf(local, pool), subnet: pool },
        device: dhcp.device,
        gateway: gateway?.ip,
      };
    }
  }
}
