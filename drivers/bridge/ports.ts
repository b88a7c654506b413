import type { Endpoint, Network, PortRequest } from '../../core/model.ts';
import { bindMappings } from '../segment/index.ts';
import type { BridgeOptions, GatewayMode } from './options.ts';

/** Families in mode `routed` take no host ports: their container ports are opened instead (plan.ts). */
export function bridgePortRequests(
  network: Network<BridgeOptions>,
  endpoint: Endpoint,
): readonly PortRequest[] {
  const { options } = network;
  const { ipv4, ipv6 } = endpoint.request;
  if (options.internal) return [];
  const targets = {
    ...(ipv4 !== undefined && translates(options.modeIpv4) ? { ipv4: ipv4.ip } : {}),
    ...(ipv6 !== undefined && translates(options.modeIpv6) ? { ipv6: ipv6.ip } : {}),
    ...(options.hostBinding === undefined ? {} : { defaultBinding: options.hostBinding }),
    relayed: !options.icc,
  };
  if (targets.ipv4 === undefined && targets.ipv6 === undefined) return [];
  return bindMappings(endpoint.attachment?.mappings ?? [], targets);
}

function translates(mode: GatewayMode): boolean {
  return mode === 'nat' || mode === 'nat-unprotected';
}
