import type { Endpoint, JoinInfo, Network } from '../../core/model.ts';
import { optional } from '../options/index.ts';
import { endpointInterface, gatewayFor } from '../segment/index.ts';
import type { LanOptions } from './options.ts';
import { containerLinkName } from './plan.ts';

/**
 * Link name, and the gateway on the LAN if the network was given one. docker_gwbridge would give containers a way
 * around the LAN.
 */
export function lanJoinInfo({ options, request }: Network<LanOptions>, endpoint: Endpoint): JoinInfo {
  const { ipv4, ipv6 } = endpoint.request;
  const gateway = ipv4 === undefined || options.internal ? undefined : gatewayFor(request.ipv4, ipv4.ip);
  const gatewayIpv6 = ipv6 === undefined || options.internal ? undefined : gatewayFor(request.ipv6, ipv6.ip);
  return {
    link: endpointInterface(containerLinkName(endpoint.request), options.ifacePrefix, endpoint.request),
    ...optional('gateway', gateway),
    ...optional('gatewayIpv6', gatewayIpv6),
    routes: [],
    disableGatewayService: true,
  };
}
