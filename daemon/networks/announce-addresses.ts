import { setTimeout as sleep } from 'node:timers/promises';
import type { IfAddress, Ip } from '../../core/address.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Endpoint, EndpointRequest, Network } from '../../core/model.ts';
import type { Context } from './context.ts';

type Parts = Pick<Context, 'repository' | 'kernel' | 'log'>;

/** How long Docker may take to move a link into its sandbox, and how often weft looks. */
const MOVED_WITHIN_MS = 10_000;
const LOOK_MS = 100;

/**
 * Tells neighbours on the bridge or the LAN that an endpoint's addresses have moved to its MAC, as often as the network
 * wants, in the background. Engines from 28 on do so themselves; hearing it twice does no harm.
 */
export function announceAddresses(
  parts: Parts,
  driver: NetworkDriver,
  network: Network,
  endpoint: Endpoint,
): void {
  if (driver.lanLink?.(network) === undefined) announceOnBridge(parts, driver, network, endpoint);
  else void announceFromInside(parts, driver, network, endpoint);
}

function announceOnBridge(
  { repository, kernel, log }: Parts,
  driver: NetworkDriver,
  network: Network,
  { request, mac }: Endpoint,
): void {
  const bridge = driver.bridgeOf(network);
  const { count, intervalMs } = driver.announcements(network);
  if (bridge === undefined) return;
  const addresses = addressesOf(request);
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

/**
 * What the LAN's link itself sends does not come to the containers of this host that stand on it, so their neighbours
 * are told from inside the sandbox, once Docker has moved the link there. Never rejects.
 */
async function announceFromInside(
  { repository, kernel, log }: Parts,
  driver: NetworkDriver,
  network: Network,
  { request, attachment }: Endpoint,
): Promise<void> {
  const { count, intervalMs } = driver.announcements(network);
  const sandbox = attachment?.sandboxKey;
  if (sandbox === undefined) return;
  const isThere = () => repository.endpoint(request.id)?.attachment?.sandboxKey === sandbox;
  const announce = async (ip: Ip): Promise<boolean> => {
    try {
      return await kernel.announceInside(sandbox, ip);
    } catch (error) {
      // Docker brings the link up after it has given it its address.
      log.debug({ endpointId: request.id, ip, error: errorMessage(error) }, 'not announced');
      return false;
    }
  };
  const each = async ({ ip }: IfAddress): Promise<void> => {
    const until = performance.now() + MOVED_WITHIN_MS;
    for (let told = 0; told < count && isThere() && performance.now() < until; ) {
      if (await announce(ip)) told++;
      await sleep(told === 0 ? LOOK_MS : intervalMs, undefined, { ref: false });
    }
  };
  await Promise.all(addressesOf(request).map(each));
}

function addressesOf({ ipv4, ipv6 }: EndpointRequest): readonly IfAddress[] {
  return [ipv4, ipv6].flatMap((address) => address ?? []);
}
