/** What the NetworkDriver calls do: intent first, then the kernel, then the answer. Layer: daemon. */
export { sandboxLives } from './abandoned.ts';
export { announceAddresses } from './announce-addresses.ts';
export { createNetworks, type Networks } from './backend.ts';
export type { ClusterGate } from './context.ts';
export { Publisher } from './publisher.ts';
export { tcpRelays } from './relay.ts';
