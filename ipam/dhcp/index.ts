/**
 * A DHCP client (RFC 2131, options of RFC 2132) as data: messages as bytes, and the client of section 4.4 as a pure
 * function. There is no usable library: those on npm bind UDP port 68 for the host itself, and weft asks for
 * containers, each with its own MAC, over a device that is not theirs. Imports core only.
 */
export { resumedClient, step } from './client.ts';
export {
  type Client,
  type ClientAction,
  type ClientEvent,
  newClient,
  type Stepped,
} from './client-state.ts';
export type { DhcpLease, Terms } from './lease.ts';
export { type DhcpMessage, decodeMessage, encodeMessage, NO_IP } from './message.ts';
export type { Identity, Sending } from './outgoing.ts';
export { NEVER } from './timing.ts';
