/** Intent learned again from Docker and the kernel, when the store is older than they are. Layer: daemon. */
export { adoptAddresses } from './addresses.ts';
export { Relearner } from './relearner.ts';
