/**
 * Reservations of host ports for published ports: bound sockets that nothing can connect to, the search for a free
 * port, and who holds a taken one. Which ports to publish and the rules that translate them are planned elsewhere.
 * Part of the kernel layer.
 */
export { chooseEphemeral, type PortRange, readEphemeralRange } from './ephemeral.ts';
export { HostPorts } from './host-ports.ts';
