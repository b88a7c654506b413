import type { Network } from '../../core/model.ts';

/**
 * How long clients may keep names of a network, in seconds, as its option `weft.dns.ttl` says; undefined where it says
 * nothing.
 * @param network key of the network: the cluster-wide name of an overlay network, Docker's id of any other.
 */
export function networkTtl(networks: Iterable<Network>, network: string): number | undefined {
  for (const { request, tunnel, options } of networks) {
    if ((tunnel?.name ?? request.id) !== network) continue;
    const ttl = (options as { readonly dnsTtl?: unknown } | null)?.dnsTtl;
    return typeof ttl === 'number' ? ttl : undefined;
  }
  return undefined;
}
