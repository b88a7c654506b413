import type { Mac } from '../../core/ids.ts';
import type { DhcpLease, Terms } from './lease.ts';
import type { DhcpMessage } from './message.ts';
import type { Identity, Sending } from './outgoing.ts';

/** An exchange under way: its id, when it began, and how often its message was repeated. */
export interface Exchange {
  readonly xid: number;
  readonly since: number;
  readonly attempt: number;
}

/** The states of RFC 2131 figure 5. `INIT-REBOOT` and `REBOOTING` are one: the request goes out at once. */
export type State =
  | { readonly name: 'INIT' | 'RELEASED' }
  | ({ readonly name: 'SELECTING' } & Exchange)
  | ({ readonly name: 'REQUESTING'; readonly offer: DhcpLease; readonly askedAt: number } & Exchange)
  | { readonly name: 'BOUND'; readonly lease: DhcpLease }
  | ({ readonly name: 'RENEWING' | 'REBINDING'; readonly lease: DhcpLease } & Exchange)
  | ({ readonly name: 'REBOOTING'; readonly lease: DhcpLease } & Exchange);

/** One client: whose address it looks after, and how far it is. Data; `step` makes the next one. */
export interface Client {
  readonly identity: Identity;
  readonly terms: Terms;
  readonly state: State;
  /** When the event `wake` is due; milliseconds since the epoch. */
  readonly wakeAt: number;
  /** The lease whose address is still in use although no server stands for it. */
  readonly lost?: DhcpLease;
  /** Why the last answer that came could not be used. */
  readonly refusal?: string;
  /** Addresses declined since the last that was good. */
  readonly conflicts: number;
}

export type ClientEvent =
  | { readonly kind: 'wake' }
  | { readonly kind: 'message'; readonly message: DhcpMessage; readonly from: Mac }
  /** Somebody else answers for the address that was just bound. */
  | { readonly kind: 'conflict' }
  /** The client has another host name or MAC now, which the server shall know; the address is to stay. */
  | { readonly kind: 'identify'; readonly identity: Identity }
  | { readonly kind: 'release' };

export type ClientAction =
  | ({ readonly kind: 'send' } & Sending)
  /** The address is granted until `lease.expiresAt`. */
  | { readonly kind: 'bound'; readonly lease: DhcpLease; readonly how: 'new' | 'renewed' | 'regained' }
  /** The address is no longer granted; the client goes on asking for this one. */
  | { readonly kind: 'lost'; readonly lease: DhcpLease; readonly reason: string };

/** What chance decides in one step. */
export interface Chance {
  /** For a new exchange, 32 bits. */
  readonly xid: number;
  /** From −1 up to 1. */
  readonly jitter: number;
}

export interface Stepped {
  readonly client: Client;
  readonly actions: readonly ClientAction[];
}

/** A client without address, due at once. */
export function newClient(identity: Identity, terms: Terms, now: number): Client {
  return { identity, terms, state: { name: 'INIT' }, wakeAt: now, conflicts: 0 };
}

/** The lease a client has now, if any. */
export function leaseOf({ state }: Client): DhcpLease | undefined {
  return 'lease' in state ? state.lease : undefined;
}
