/**
 * What every network with a host bridge shares, whatever is behind the bridge: options, the bridge and its addresses,
 * veth pairs, subnet checks, published ports, the host's nft table and its elements, the answer to Join. Pure; drivers
 * with a bridge (weft-bridge, weft-overlay) call it. Layer: drivers.
 */

export {
  planClamped,
  planOpened,
  planPublished,
  planRelayed,
  planSwitched,
  planTunnelEnd,
  planTunnelPort,
  planTunnelSenders,
} from './elements.ts';
export { endpointInterface, parseSegmentEndpoint, segmentJoinInfo } from './join.ts';
export {
  type AnnouncementOptions,
  GATEWAY_MODES,
  type GatewayMode,
  LEAST_MTU,
  type OptionContext,
  readAnnouncements,
  readDnsTtl,
  readIfacePrefix,
  readMtu,
  readSegmentOptions,
  type SegmentOptions,
} from './options.ts';
export {
  planBridgeAddresses,
  planBridgeLink,
  planPolicies,
  planVeth,
  type SegmentBridge,
} from './plan.ts';
export { segmentPortRequests } from './ports.ts';
export { checkSubnets, gatewayAddresses, gatewayFor } from './subnets.ts';
export { hostTable, shortcutTable, TABLE, WAYS } from './table.ts';
