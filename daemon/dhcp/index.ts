/**
 * Addresses of containers from the LAN's DHCP server: leases kept in the store and renewed (`dhcp-leases.ts`), and where
 * Docker's IPAM calls are answered with them (`network-addresses.ts`). What a client does is decided in ipam/dhcp.
 * Layer: daemon.
 */
export { type DhcpEvent, DhcpLeases } from './dhcp-leases.ts';
export { keepLeases, tendLeases } from './lease-upkeep.ts';
export { NetworkAddresses } from './network-addresses.ts';
export { openDhcp } from './open-dhcp.ts';
export type { DhcpRecord } from './records.ts';
