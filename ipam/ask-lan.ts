import type { Cidr, Ip } from '../core/address.ts';
import type { AddressHolder } from '../core/ports.ts';
import type { LeaseKind } from './addresses.ts';

/** An address that is about to be given. */
export interface AddressQuestion {
  /** The pool's address space and subnet. */
  readonly space: string;
  readonly pool: Cidr;
  readonly ip: Ip;
  readonly kind: LeaseKind;
}

/**
 * Says who has an address on the LAN that a pool's containers are on; undefined when nobody has, there is no LAN, or it
 * cannot be asked. Must not reject.
 */
export type AskLan = (question: AddressQuestion) => Promise<AddressHolder | undefined>;
