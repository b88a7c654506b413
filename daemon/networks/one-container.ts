import { Conflict } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import { sandboxLives } from './abandoned.ts';
import { type Context, driverOf } from './context.ts';

/**
 * Before an endpoint joins: on a network that admits one container at a time, no other may be there. One whose sandbox
 * has ended is in nobody's way; Docker, which was killed then, has said nothing of it.
 * @param remove deletes such an endpoint.
 * @throws {Conflict} naming what is there.
 */
export async function makeRoom(
  context: Context,
  network: Network,
  id: EndpointId,
  remove: (endpoint: Endpoint) => Promise<void>,
): Promise<void> {
  const why = driverOf(context, network.driver).admitsOne?.(network);
  if (why === undefined) return;
  const { id: networkId } = network.request;
  for (const other of [...context.repository.endpointsOf(networkId)]) {
    const sandbox = other.attachment?.sandboxKey;
    const endpointId = other.request.id;
    if (endpointId === id || sandbox === undefined) continue;
    if (await sandboxLives(sandbox)) {
      throw new Conflict(
        `network ${networkId.slice(0, 12)} with ${why} has one container at a time: endpoint ${endpointId.slice(0, 12)} is in sandbox ${sandbox}`,
        { networkId, endpointId },
      );
    }
    context.log.warn({ networkId, endpointId }, 'its container is gone, its place is wanted; deleting it');
    await remove(other);
  }
}
