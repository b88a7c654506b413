import { statfs } from 'node:fs/promises';
import type { NetworkDriver } from '../../core/driver.ts';
import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import type { Endpoint, Network, PortMapping } from '../../core/model.ts';
import { type Context, driverOf } from './context.ts';

/** include/uapi/linux/magic.h */
const NSFS_MAGIC = 0x6e736673;

/** Longer than an engine takes from CreateEndpoint to the container's sandbox. */
const HANDOVER_MS = 30_000;

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
 * Endpoints of containers that are gone and that have published host ports `id` asks for. Docker does not tell a
 * driver what became of endpoints while it was dead (protocol 6.1), and a container that starts again must not be
 * refused the ports of its former self.
 */
export async function abandonedHolders(
  context: Context,
  id: EndpointId,
): Promise<readonly { readonly network: Network; readonly endpoint: Endpoint }[]> {
  const { repository } = context;
  const mappings = repository.endpoint(id)?.attachment?.mappings ?? [];
  const abandoned: { readonly network: Network; readonly endpoint: Endpoint }[] = [];
  for (const endpoint of [...repository.endpoints()]) {
    const network = repository.network(endpoint.request.networkId);
    if (endpoint.request.id === id || network === undefined || !holdsPortOf(endpoint, mappings)) continue;
    if (await isAbandoned(context, network, endpoint)) abandoned.push({ network, endpoint });
  }
  return abandoned;
}

/**
 * Whether an endpoint's sandbox is gone. A young endpoint's link without a sandbox is one that Docker is about to move:
 * up to Engine 27 the sandbox appears after Join (protocol 2.6). An old one's is one that Docker has moved back. The
 * end that stays on the host says nothing: it goes when the kernel clears the namespace away, on a busy host seconds
 * after Docker has unmounted it.
 */
async function isAbandoned(context: Context, network: Network, endpoint: Endpoint): Promise<boolean> {
  if (endpoint.attachment === undefined) return true;
  if (await sandboxLives(endpoint.attachment.sandboxKey)) return false;
  if (context.clock.now() - endpoint.createdAt > HANDOVER_MS) return true;
  return !(await isOnHost(context, driverOf(context, network.driver), network, endpoint));
}

/** Whether the link that Docker moves into the sandbox is on the host: before it was moved, or when it is back. */
export async function isOnHost(
  { kernel }: Context,
  driver: NetworkDriver,
  network: Network,
  endpoint: Endpoint,
): Promise<boolean> {
  const { link } = driver.joinInfo(network, endpoint);
  return link !== undefined && (await kernel.links()).some(({ name }) => name === link.sourceName);
}

/** Whether an endpoint has published a host port that one of the mappings asks for by number. */
function holdsPortOf({ published }: Endpoint, mappings: readonly PortMapping[]): boolean {
  return published.some((held) =>
    mappings.some(
      ({ protocol, hostPort, hostPortEnd }) =>
        held.protocol === protocol &&
        held.hostPort >= hostPort &&
        held.hostPort <= Math.max(hostPort, hostPortEnd),
    ),
  );
}
