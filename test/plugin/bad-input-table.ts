import type { BadInput } from './bad-input/bad-input.ts';
import { ENDPOINT_CASES } from './bad-input/endpoint.ts';
import { IPAM_CASES } from './bad-input/ipam.ts';
import { NETWORK_CASES } from './bad-input/network.ts';
import { TRANSPORT_CASES } from './bad-input/transport.ts';

export type { BadInput } from './bad-input/bad-input.ts';

/**
 * Requests that a plugin socket must refuse, each with the answer it must give. None of them reaches a backend, so the
 * table holds for the real daemon as for a test double: `socket` is `weft-bridge.sock` (or any other network driver's)
 * or `weft.sock`.
 */
export const BAD_INPUT: readonly BadInput[] = [
  ...TRANSPORT_CASES,
  ...NETWORK_CASES,
  ...ENDPOINT_CASES,
  ...IPAM_CASES,
];
