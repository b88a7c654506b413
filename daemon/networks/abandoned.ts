import { statfs } from 'node:fs/promises';
import type { SandboxKey } from '../../core/ids.ts';
import type { Endpoint, PortMapping } from '../../core/model.ts';
import type { Kernel } from '../../core/ports.ts';

/** include/uapi/linux/magic.h */
const NSFS_MAGIC = 0x6e736673;

/** Whether a network namespace is mounted there. Docker leaves a plain file for a while after it has unmounted one. */
export async function sandboxLives(key: SandboxKey): Promise<boolean> {
  try {
    return (await statfs(key)).type === NSFS_MAGIC;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Whether an endpoint is of a container that is gone: neither its sandbox nor its link exists. A link without a
 * sandbox is one that Docker is about to move: up to Engine 27 the sandbox appears after that (protocol: Join).
 * @param links names of the endpoint's links.
 */
export async function isAbandoned(
  kernel: Kernel,
  endpoint: Endpoint,
  links: readonly string[],
): Promise<boolean> {
  if (endpoint.attachment === undefined) return true;
  if (await sandboxLives(endpoint.attachment.sandboxKey)) return false;
  const present = await kernel.links();
  return !present.some(({ name }) => links.includes(name));
}

/** Whether an endpoint has published a host port that one of the mappings asks for by number. */
export function holdsPortOf({ published }: Endpoint, mappings: readonly PortMapping[]): boolean {
  return published.some((held) =>
    mappings.some(
      ({ protocol, hostPort, hostPortEnd }) =>
        held.protocol === protocol &&
        held.hostPort >= hostPort &&
        held.hostPort <= Math.max(hostPort, hostPortEnd),
    ),
  );
}
