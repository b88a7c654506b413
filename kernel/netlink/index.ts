/**
 * Netlink: the guarded transport, message framing and the codecs of rtnetlink and ctnetlink. Nothing here knows what
 * weft wants of the kernel; kernel/links and kernel/nftables do. Layer 1, imports core and kernel/libc.
 */
export * from './address.ts';
export * from './attribute-codecs.ts';
export * from './attributes.ts';
export { Conntrack } from './conntrack/conntrack.ts';
export { type Events, type NetlinkNotification, openEvents } from './events.ts';
export type { StepText } from './group.ts';
export * from './link/af-spec.ts';
export type { BridgeData } from './link/bridge.ts';
export type { BridgePort } from './link/bridge-port.ts';
export * from './link/if-link.ts';
export type { InterfaceHeader } from './link/interface-header.ts';
export type { LinkInfo } from './link/link-info.ts';
export * from './link/message.ts';
export { decodeError, encodeMessages } from './message.ts';
export * from './neighbour.ts';
export { kernelError } from './netlink-error.ts';
export { NETLINK_PROTOCOL, NLM_F, NLMSG } from './netlink-header.ts';
export * from './route.ts';
export * from './rtnetlink.ts';
export * from './transport.ts';
