/**
 * The kernel as weft uses it: links, addresses and flows over rtnetlink and nfnetlink, rules over nf_tables, sysctls,
 * host ports, and Docker's DOCKER-USER chains. Decides nothing: what should exist is planned above.
 * Layer: implements the ports of core.
 */
export { openForwardAccept } from './docker-user/index.ts';
export { HostPorts, readEphemeralRange } from './host-ports/index.ts';
export { releaseProgramText } from './libc/index.ts';
export { hasIpv6 } from './linux-kernel.ts';
export { tableObject } from './nftables/index.ts';
export { openLinuxKernel, removeTables } from './open-kernel.ts';
export { readSysctls } from './sysctl/index.ts';
export { sendUnixDatagram } from './unix-datagram.ts';
