import { drivers } from '../drivers/index.ts';
import type { DockerNames } from './docker/index.ts';
import type { Repository } from './state/index.ts';

/** Names of the host bridges of every network. */
export function bridgesOf(repository: Repository): Set<string> {
  const bridges = new Set<string>();
  for (const network of repository.networks()) {
    const bridge = drivers.get(network.driver)?.bridgeOf(network);
    if (bridge !== undefined) bridges.add(bridge);
  }
  return bridges;
}

/** Name or short id of the network that has a subnet; undefined when none has. */
export function networkWith(repository: Repository, names: DockerNames, subnet: string): string | undefined {
  for (const { request } of repository.networks()) {
    if ([...request.ipv4, ...request.ipv6].some(({ pool }) => pool === subnet)) {
      return names.network(request.id) ?? request.id.slice(0, 12);
    }
  }
  return undefined;
}
