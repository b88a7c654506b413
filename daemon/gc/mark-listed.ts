import type { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { EngineNetwork } from '../docker/index.ts';
import type { Repository } from '../state/index.ts';

/** Notes of each stored network, once, that Docker has it. */
export async function markListed(
  { repository, locks }: { readonly repository: Repository; readonly locks: KeyedMutex },
  networks: readonly EngineNetwork[],
): Promise<void> {
  const inDocker = new Set<string>(networks.map(({ id }) => id));
  const unmarked = [...repository.networks()].filter(({ listed }) => listed !== true);
  for (const { request } of unmarked.filter(({ request: { id } }) => inDocker.has(id))) {
    await locks.run(request.id, async () => {
      const network = repository.network(request.id);
      if (network !== undefined) await repository.putNetwork({ ...network, listed: true });
    });
  }
}
