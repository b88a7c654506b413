import type { Endpoint, Network, PortRequest } from '../../core/model.ts';
import { optional } from '../options/index.ts';
import { bindMappings } from './bindings.ts';
import type { GatewayMode, SegmentOptions } from './options.ts';

/**
 * Host ports of an endpoint, in the families whose gateway mode translates.
 * @param relayed containers of the network itself need weftd's relay.
 * @throws {InvalidArgument} when a mapping names a host address that cannot lead to the endpoint.
 */
export function segmentPortRequests(
  { options }: Network<SegmentOptions>,
  endpoint: Endpoint,
  relayed: boolean,
): readonly PortRequest[] {
  const { ipv4, ipv6 } = endpoint.request;
  if (options.internal) return [];
  const targets = {
    ...(ipv4 !== undefined && translates(options.modeIpv4) ? { ipv4: ipv4.ip } : {}),
    ...(ipv6 !== undefined && translates(options.modeIpv6) ? { ipv6: ipv6.ip } : {}),
    ...optional('defaultBinding', options.hostBinding),
    relayed,
  };
  if (targets.ipv4 === undefined && targets.ipv6 === undefined) return [];
  return bindMappings(endpoint.attachment?.mappings ?? [], targets);
}

function translates(mode: GatewayMode): boolean {
  return mode === 'nat' || mode === 'nat-unprotected';
}
