/**
 * What every network with a host bridge shares, whatever is behind the bridge: the host's nft table and its elements,
 * subnet checks, published ports. Pure; drivers with a bridge (weft-bridge, weft-overlay) call it. Layer: drivers.
 */

export { bindMappings, type PortTargets } from './bindings.ts';
export {
  planOpened,
  planPolicy,
  planPublished,
  planRelayed,
  type SegmentPolicy,
} from './elements.ts';
export { checkEndpointAddress, checkSubnets, gatewayAddresses, gatewayFor } from './subnets.ts';
export { hostTable, type IngressPolicy, TABLE } from './table.ts';
