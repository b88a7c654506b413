import type { ClusterNode } from '../../../lab/index.ts';
import { findNetwork } from '../overlay-scene.ts';
import type { NetworkModel } from './model.ts';

/** Of a network that was removed and made anew, a host out of touch still has the one before. */
export class Outdated extends Error {
  override readonly name = 'Outdated';

  constructor(network: string, host: string) {
    super(`network ${network} not found on ${host}: what it has is an older one of that name`);
  }
}

/** Whether a host's dockerd has a network as the model has it, one of that name that is older, or none. */
export async function holds(node: ClusterNode, network: NetworkModel): Promise<'it' | 'an older' | 'none'> {
  const found = await findNetwork(node, network.name);
  if (found === undefined) return 'none';
  const subnets = found.IPAM.Config?.map(({ Subnet }) => Subnet) ?? [];
  return subnets.includes(`${network.base4}.0/${network.prefix4}`) ? 'it' : 'an older';
}
