/**
 * Links, addresses, routes, neighbours and forwarding entries of one namespace: the rtnetlink part of the Kernel
 * port. Rules and flows are not here (kernel/nftables, kernel/netlink/conntrack). Layer 1, imports core and
 * kernel/netlink.
 */
export type { LinkLog } from './discard.ts';
export { LinkLayer } from './link-layer.ts';
export { sandboxLinkWith } from './sandbox-link.ts';
