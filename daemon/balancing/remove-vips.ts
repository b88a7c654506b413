import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VIP_TABLE } from '../../balancer/index.ts';
import { Nftables } from '../../kernel/nftables/index.ts';
import { isNamespace } from '../sandboxes/index.ts';

/** Where Docker keeps the namespaces of its sandboxes unless it was told otherwise. */
const DOCKER_NETNS = '/run/docker/netns';

/**
 * Deletes the tables of virtual IPs where the process is and in every namespace of these directories.
 * @param directories besides Docker's usual one.
 * @param tables names to delete there as well.
 * @returns namespaces looked at.
 * @throws {KernelError} when one cannot be entered or refuses; the others are done.
 */
export async function removeVips(
  directories: Iterable<string> = [],
  tables: readonly string[] = [],
): Promise<number> {
  const paths = await Promise.all([...new Set([DOCKER_NETNS, ...directories])].map(namespacesIn));
  const places = [undefined, ...paths.flat()];
  const names = [VIP_TABLE, ...tables];
  const outcomes: PromiseSettledResult<void>[] = [];
  for (const place of places) outcomes.push(...(await Promise.allSettled([remove(names, place)])));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return places.length;
}

async function namespacesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).map((name) => join(directory, name)).filter(isNamespace);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function remove(tables: readonly string[], namespace: string | undefined): Promise<void> {
  await using nft = await Nftables.open({ ...(namespace === undefined ? {} : { namespace }), tables });
  await nft.cleanup();
}
