import type { NetworkDriver } from '../../core/driver.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import type { Context } from './context.ts';

/**
 * Tells neighbours on the bridge that an endpoint's addresses have moved to its MAC, as often as the network wants,
 * in the background. Engines from 28 on do so themselves; hearing it twice does no harm.
 */
export function announceAddresses(
  { repository, kernel, log }: Context,
  driver: NetworkDriver,
  network: Network,
  { request, mac }: Endpoint,
): void {
  const bridge = driver.bridgeOf(network);
  const { count, intervalMs } = driver.announcements(network);
  if (bridge === undefined) return;
  const addresses = [request.ipv4, request.ipv6].flatMap((address) => address ?? []);
  const announce = (): void => {
    if (repository.endpoint(request.id)?.attachment === undefined) return;
    for (const { ip } of addresses) {
      kernel.announce(bridge, ip, mac).catch((error: unknown) => {
        log.debug({ endpointId: request.id, error: errorMessage(error) }, 'not announced');
      });
    }
  };
  for (let turn = 0; turn < count; turn++) setTimeout(announce, turn * intervalMs).unref();
}
