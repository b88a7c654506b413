import { parseIfAddress, parseIp, subnetOf } from '../../core/address.ts';
import { poolIdOf } from '../../core/ids.ts';
import type { IpamService, PoolView } from '../../ipam/index.ts';
import type { EngineNetwork } from '../docker/index.ts';

/**
 * Makes the IPAM hold every pool and address that Docker says a network uses.
 * @returns how many it did not hold.
 * @throws {Conflict} when something else holds one of them.
 */
export async function adoptAddresses(ipam: IpamService, network: EngineNetwork): Promise<number> {
  const space = ipam.addressSpaces().local;
  const pools = new Map(ipam.list().map((view) => [view.poolId, view]));
  let adopted = 0;
  for (const { subnet, ipRange, gateway, aux } of network.subnets) {
    const poolId = poolIdOf(space, subnet);
    if (!pools.has(poolId)) {
      const v6 = subnet.includes(':');
      await ipam.requestPool({ space, pool: subnet, subPool: ipRange ?? '', options: {}, v6 });
      adopted++;
    }
    const held = heldIn(pools.get(poolId));
    for (const { ip, options } of wanted(network, subnet, gateway, aux)) {
      const address = parseIp(ip, 'address');
      if (held.has(address)) continue;
      await ipam.requestAddress({ poolId, address, options, isInUse: true });
      adopted++;
    }
  }
  return adopted;
}

function heldIn(view: PoolView | undefined): ReadonlySet<string> {
  return new Set(view?.leases.map(({ ip }) => ip));
}

type Wanted = { readonly ip: string; readonly options: Readonly<Record<string, string>> | null };

function wanted(
  { endpoints }: EngineNetwork,
  subnet: string,
  gateway: string | undefined,
  aux: Readonly<Record<string, string>>,
): readonly Wanted[] {
  const live = endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]).filter((text) => text !== '');
  return [
    ...(gateway === undefined
      ? []
      : [{ ip: gateway, options: { RequestAddressType: 'com.docker.network.gateway' } }]),
    ...Object.values(aux).map((ip) => ({ ip, options: null })),
    ...live
      .filter((text) => subnetOf(parseIfAddress(text, 'address')) === subnet)
      .map((text) => ({ ip: text.split('/')[0] ?? '', options: null })),
  ];
}
