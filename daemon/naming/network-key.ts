import type { NetworkId } from '../../core/ids.ts';
import type { Network } from '../../core/model.ts';
import type { Repository } from '../state/index.ts';

/**
 * The key of a network among names and services: of an overlay its name in the cluster, of any other Docker's id of
 * it on this host. Undefined for an overlay that has no name in the cluster yet.
 */
export function networkKey({ driver, request, tunnel }: Network): string | undefined {
  return driver === 'weft-overlay' ? tunnel?.name : request.id;
}

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
