import type { Endpoint, Network, PortRequest } from '../../core/model.ts';
import { segmentPortRequests } from '../segment/index.ts';
import type { BridgeOptions } from './options.ts';

/**
 * Families in mode `routed` take no host ports: their container ports are opened instead (plan.ts). Without ICC the
 * network's own containers reach published ports through weftd's relay only.
 */
export function bridgePortRequests(
  network: Network<BridgeOptions>,
  endpoint: Endpoint,
): readonly PortRequest[] {
  return segmentPortRequests(network, endpoint, !network.options.icc);
}
