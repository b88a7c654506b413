import type { NetworkId } from '../../core/ids.ts';
import type { Network } from '../../core/model.ts';
import type { Repository } from '../state/index.ts';

/** The network of this host with a key. */
export function networkByKey(
  repository: Pick<Repository, 'network' | 'networks'>,
  key: string,
): Network | undefined {
  const own = repository.network(key as NetworkId);
  if (own !== undefined && own.driver !== 'weft-overlay') return own;
  for (const network of repository.networks()) if (network.tunnel?.name === key) return network;
  return undefined;
}

/** Whether the hosts of the cluster share the network. */
export function isClusterNetwork({ driver }: Network): boolean {
  return driver === 'weft-overlay';
}
