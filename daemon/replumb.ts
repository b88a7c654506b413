import type { Logger } from 'pino';
import { familyOf } from '../core/address.ts';
import type { NetworkDriver } from '../core/driver.ts';
import type { EndpointId } from '../core/ids.ts';
import type { ContainerLink } from '../core/kernel-objects.ts';
import type { DriverName, Endpoint, Network } from '../core/model.ts';
import type { Kernel, SandboxPlumbing } from '../core/ports.ts';
import { announceAddresses, sandboxLives } from './networks/index.ts';
import type { Repository } from './state/index.ts';

/**
 * Gives a running container its lost interface back, addressed as Docker had it. Default routes return only where
 * this endpoint carries them. Neighbours are told again: what it stands on now may have another MAC, or port of a switch.
 * @returns false when there is no sandbox to repair.
 */
export async function replumbEndpoint(
  parts: {
    readonly repository: Repository;
    readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
    readonly kernel: Kernel;
    readonly log: Logger;
  },
  lost: ContainerLink,
  id: EndpointId,
): Promise<boolean> {
  const endpoint = parts.repository.endpoint(id);
  const network = endpoint && parts.repository.network(endpoint.request.networkId);
  const driver = network && parts.drivers.get(network.driver);
  if (endpoint?.attachment === undefined || network === undefined || driver === undefined) return false;
  if (!(await sandboxLives(endpoint.attachment.sandboxKey))) return false;
  const plumbing = plumbingOf(driver, network, endpoint, lost);
  if (plumbing === undefined || !(await parts.kernel.replumb(plumbing))) return false;
  announceAddresses(parts, driver, network, endpoint);
  return true;
}

function plumbingOf(
  driver: NetworkDriver,
  network: Network,
  endpoint: Endpoint,
  lost: ContainerLink,
): SandboxPlumbing | undefined {
  const { attachment, request, external, mac } = endpoint;
  const { link, gateway, gatewayIpv6, routes } = driver.joinInfo(network, endpoint);
  if (attachment === undefined || link === undefined) return undefined;
  const hasOwnMac = (request.mac ?? driver.chosenMac(network, request)) !== undefined;
  return {
    namespace: attachment.sandboxKey,
    link: lost,
    prefix: link.destinationPrefix,
    ...(hasOwnMac ? { mac } : {}),
    addresses: [request.ipv4, request.ipv6].flatMap((address) => (address === undefined ? [] : [address])),
    ...(external && gateway !== undefined ? { gateway } : {}),
    ...(external && gatewayIpv6 !== undefined ? { gatewayIpv6 } : {}),
    defaultByDevice: routes.flatMap(({ destination, nextHop }) =>
      nextHop === undefined && destination.endsWith('/0') ? [familyOf(destination)] : [],
    ),
  };
}
