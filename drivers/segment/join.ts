import { InvalidArgument } from '../../core/errors.ts';
import { type IfName, parseIfName } from '../../core/ids.ts';
import type { Endpoint, EndpointRequest, JoinInfo, Network } from '../../core/model.ts';
import { linkName } from '../../core/names.ts';
import { OptionReader, optional } from '../options/index.ts';
import type { SegmentOptions } from './options.ts';
import { checkEndpointAddress, gatewayFor } from './subnets.ts';

const IFNAME = 'com.docker.network.endpoint.ifname';

/**
 * @throws {InvalidArgument} for an endpoint without an address, an address that is none of the network's hosts, or an
 * unknown or wrong driver-opt. {Conflict} for the address of a gateway.
 */
export function parseSegmentEndpoint(network: Network, request: EndpointRequest): void {
  if (request.ipv4 === undefined && request.ipv6 === undefined) {
    throw new InvalidArgument(
      `Interface has no address: ${network.driver} needs an IPAM driver that gives one`,
      { field: 'Interface.Address' },
    );
  }
  if (request.ipv4 !== undefined) checkEndpointAddress(request.ipv4, network.request.ipv4);
  if (request.ipv6 !== undefined) checkEndpointAddress(request.ipv6, network.request.ipv6);
  const reader = new OptionReader(request.options, `a ${network.driver} endpoint`);
  reader.ifName(IFNAME);
  reader.accept(
    'weft.service',
    'weft.service.port',
    'weft.service.affinity',
    'weft.service.affinity.timeout',
    'weft.service.weight',
    'weft.service.health',
  );
  reader.finish();
}

/** Which link Docker moves, and what it is called in the sandbox. */
export function endpointInterface(
  sourceName: IfName,
  destinationPrefix: string,
  { options }: EndpointRequest,
): NonNullable<JoinInfo['link']> {
  const ifname = options[IFNAME];
  return {
    sourceName,
    destinationPrefix,
    ...(ifname === undefined ? {} : { destinationName: parseIfName(ifname, IFNAME) }),
  };
}

/**
 * Link name and gateways for Docker. Internal networks name no gateway, because Docker would install it as the
 * default route (protocol: Join); one without any gateway needs no docker_gwbridge either.
 */
export function segmentJoinInfo(network: Network<SegmentOptions>, endpoint: Endpoint): JoinInfo {
  const { options, request } = network;
  const { id, ipv4, ipv6 } = endpoint.request;
  const gateway = ipv4 === undefined || options.internal ? undefined : gatewayFor(request.ipv4, ipv4.ip);
  const gatewayIpv6 = ipv6 === undefined || options.internal ? undefined : gatewayFor(request.ipv6, ipv6.ip);
  return {
    link: endpointInterface(linkName('wc', id), options.ifacePrefix, endpoint.request),
    ...optional('gateway', gateway),
    ...optional('gatewayIpv6', gatewayIpv6),
    routes: [],
    disableGatewayService: true,
  };
}
