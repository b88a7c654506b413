import type { Mac } from '../../core/ids.ts';
import {
  type Chance,
  type Client,
  type ClientEvent,
  type Exchange,
  leaseOf,
  newClient,
  type State,
  type Stepped,
} from './client-state.ts';
import { type DhcpLease, readLease, type Terms } from './lease.ts';
import type { DhcpMessage } from './message.ts';
import {
  decline,
  discover,
  type Identity,
  rebind,
  release,
  renew,
  requestAgain,
  requestOffer,
  type Sending,
} from './outgoing.ts';
import { NEVER, renewalRetry, retryDelay } from './timing.ts';

/** Tries of a DHCPREQUEST before the client begins again, or goes on with the lease it has. */
const MOST_REQUESTS = 4;
/** Wait after a refusal, so that client and server do not run in circles. */
const AFTER_NAK_MS = 1000;
/**
 * Waits after a DHCPDECLINE. RFC 2131 section 3.1 has 10 s, which is all that Docker waits for, and a server that knows
 * nothing of virtual IPs may give several of them in turn; from the fourth conflict on it is kept.
 */
const AFTER_FIRST_DECLINES_MS = 1000;
const FIRST_DECLINES = 3;
const AFTER_DECLINE_MS = 10_000;

/**
 * A client that goes on with a lease it had: by its times as if nothing had been, or, when it ended meanwhile, by asking
 * for the same address again.
 */
export function resumedClient(
  identity: Identity,
  terms: Terms,
  lease: DhcpLease,
  now: number,
  chance: Chance,
): Stepped {
  const client: Client = { ...newClient(identity, terms, now), state: { name: 'BOUND', lease } };
  if (now >= lease.expiresAt) return reboot(client, lease, { now, chance });
  return idle({ ...client, wakeAt: Math.max(now, lease.renewAt) });
}

/** The next client after an event, and what is to be done. Pure. @param now milliseconds since the epoch. */
export function step(client: Client, event: ClientEvent, now: number, chance: Chance): Stepped {
  const at: Moment = { now, chance };
  switch (event.kind) {
    case 'wake':
      return now < client.wakeAt ? idle(client) : wake(client, at);
    case 'message':
      return answered(client, event.message, event.from, at);
    case 'conflict':
      return conflict(client, at);
    case 'identify': {
      const { state } = client;
      const known = { ...client, identity: event.identity };
      return 'lease' in state ? reboot(known, state.lease, at) : idle(known);
    }
    case 'release':
      return released(client, at);
  }
}

interface Moment {
  readonly now: number;
  readonly chance: Chance;
}

function idle(client: Client): Stepped {
  return { client, actions: [] };
}

function send(client: Client, sending: Sending): Stepped {
  return { client, actions: [{ kind: 'send', ...sending }] };
}

function begin({ now, chance }: Moment): Exchange {
  return { xid: chance.xid, since: now, attempt: 0 };
}

function onTheWire({ xid, since }: Exchange, now: number): { readonly xid: number; readonly secs: number } {
  return { xid, secs: Math.max(0, Math.floor((now - since) / 1000)) };
}

function retryAt({ now, chance }: Moment, { attempt }: Exchange): number {
  return now + retryDelay(attempt, chance.jitter);
}

function wake(client: Client, at: Moment): Stepped {
  const { state } = client;
  switch (state.name) {
    case 'INIT':
      return select(client, begin(at), at);
    case 'SELECTING':
      return select(client, { ...state, attempt: state.attempt + 1 }, at);
    case 'REQUESTING':
      if (state.attempt + 1 >= MOST_REQUESTS) return select(client, begin(at), at);
      return request(client, { ...state, attempt: state.attempt + 1 }, at);
    case 'REBOOTING':
      return rebootAgain(client, state, at);
    case 'BOUND':
    case 'RENEWING':
    case 'REBINDING':
      return extend(client, state, at);
    case 'RELEASED':
      return idle({ ...client, wakeAt: NEVER });
  }
}

function select(client: Client, { xid, since, attempt }: Exchange, at: Moment): Stepped {
  const state: State = { name: 'SELECTING', xid, since, attempt };
  const next = { ...client, state, wakeAt: retryAt(at, state) };
  return send(next, discover(client.identity, onTheWire(state, at.now), client.terms.wanted));
}

function request(client: Client, state: State & { readonly name: 'REQUESTING' }, at: Moment): Stepped {
  const next = { ...client, state, wakeAt: retryAt(at, state) };
  return send(next, requestOffer(client.identity, onTheWire(state, at.now), state.offer));
}

function reboot(client: Client, lease: DhcpLease, at: Moment): Stepped {
  const state = { name: 'REBOOTING' as const, lease, ...begin(at) };
  const next = { ...client, state, wakeAt: retryAt(at, state) };
  return send(next, requestAgain(client.identity, onTheWire(state, at.now), lease.ip));
}

function rebootAgain(client: Client, was: State & { readonly name: 'REBOOTING' }, at: Moment): Stepped {
  const { lease } = was;
  const { now } = at;
  if (was.attempt + 1 < MOST_REQUESTS) {
    const state = { ...was, attempt: was.attempt + 1 };
    const next = { ...client, state, wakeAt: retryAt(at, state) };
    return send(next, requestAgain(client.identity, onTheWire(state, now), lease.ip));
  }
  if (now >= lease.expiresAt) return lose(client, lease, 'it has ended, and no DHCP server answers', now);
  return idle({ ...client, state: { name: 'BOUND', lease }, wakeAt: Math.max(now, lease.renewAt) });
}

/** A lease past its first time: ask its server, after the second any server, after the third it is over. */
function extend(
  client: Client,
  was: Extract<State, { readonly name: 'BOUND' | 'RENEWING' | 'REBINDING' }>,
  at: Moment,
): Stepped {
  const { lease } = was;
  const { now } = at;
  if (now >= lease.expiresAt) return lose(client, lease, 'it has ended, and no DHCP server answers', now);
  const name = now >= lease.rebindAt ? 'REBINDING' : 'RENEWING';
  const exchange = was.name === 'BOUND' ? begin(at) : { ...was, attempt: was.attempt + 1 };
  const state = { ...exchange, name, lease } as const;
  const until = name === 'RENEWING' ? lease.rebindAt : lease.expiresAt;
  const next = { ...client, state, wakeAt: renewalRetry(now, until) };
  const make = name === 'RENEWING' ? renew : rebind;
  return send(next, make(client.identity, onTheWire(state, now), lease));
}

function lose(client: Client, lease: DhcpLease, reason: string, now: number): Stepped {
  const terms = { ...client.terms, wanted: lease.ip };
  const next: Client = { ...client, terms, state: { name: 'INIT' }, wakeAt: now + AFTER_NAK_MS, lost: lease };
  return { client: next, actions: [{ kind: 'lost', lease, reason }] };
}

function answered(client: Client, message: DhcpMessage, from: Mac, at: Moment): Stepped {
  const { state, identity } = client;
  if (!('xid' in state) || message.op !== 'reply' || message.xid !== state.xid) return idle(client);
  if (message.chaddr !== identity.mac) return idle(client);
  const { type } = message.options;
  if (state.name === 'SELECTING')
    return type === 'offer' ? offered(client, state, message, from, at) : idle(client);
  if (type === 'ack') return acknowledged(client, state, message, from, at);
  return type === 'nak' && mayRefuse(state, message) ? refused(client, state, message, at) : idle(client);
}

function offered(
  client: Client,
  { xid, since }: State & { readonly name: 'SELECTING' },
  message: DhcpMessage,
  serverMac: Mac,
  at: Moment,
): Stepped {
  const { now, chance } = at;
  const read = readLease(message, client.terms, { askedAt: now, serverMac, jitter: chance.jitter });
  if ('refusal' in read) return idle({ ...client, refusal: read.refusal });
  return request(client, { name: 'REQUESTING', xid, since, attempt: 0, offer: read.lease, askedAt: now }, at);
}

type Asked = State & { readonly name: 'REQUESTING' | 'RENEWING' | 'REBINDING' | 'REBOOTING' };

/** The address a state has asked for. */
function askedFor(state: Asked): DhcpLease {
  return state.name === 'REQUESTING' ? state.offer : state.lease;
}

function acknowledged(
  client: Client,
  state: Asked,
  message: DhcpMessage,
  serverMac: Mac,
  { now, chance }: Moment,
): Stepped {
  const { ip, server } = askedFor(state);
  if (state.name === 'REQUESTING' && message.options.server !== server) return idle(client);
  const askedAt = state.name === 'REQUESTING' ? state.askedAt : state.since;
  const terms = { ...client.terms, wanted: ip };
  const read = readLease(message, terms, { askedAt, serverMac, jitter: chance.jitter });
  if ('refusal' in read) return idle({ ...client, refusal: read.refusal });
  const { lease } = read;
  if (now >= lease.expiresAt) {
    return idle({
      ...client,
      refusal: `the answer of DHCP server ${lease.server} came after the lease's end`,
    });
  }
  const { lost: _, refusal: __, ...rest } = client;
  // An answer may come so late that the lease is to be renewed at once.
  const bound: Client = { ...rest, state: { name: 'BOUND', lease }, wakeAt: Math.max(now, lease.renewAt) };
  const fresh = state.name === 'REQUESTING' ? 'new' : 'renewed';
  const how = client.lost === undefined ? fresh : 'regained';
  return { client: bound, actions: [{ kind: 'bound', lease, how }] };
}

/** Whose refusal counts: of an offer and of a renewal only the server's that was asked. */
function mayRefuse(state: Asked, { options }: DhcpMessage): boolean {
  const askedOne = state.name === 'REQUESTING' || state.name === 'RENEWING';
  return !askedOne || options.server === askedFor(state).server;
}

function refused(client: Client, state: Asked, { options }: DhcpMessage, { now }: Moment): Stepped {
  const { ip } = askedFor(state);
  const said = options.text === undefined || options.text === '' ? '' : `: ${options.text}`;
  const refusal = `DHCP server ${options.server ?? 'unknown'} refuses ${ip}${said}`;
  if (state.name !== 'REQUESTING') return lose({ ...client, refusal }, state.lease, refusal, now);
  return idle({ ...client, refusal, state: { name: 'INIT' }, wakeAt: now + AFTER_NAK_MS });
}

function conflict(client: Client, { now, chance }: Moment): Stepped {
  const { state, conflicts } = client;
  if (state.name !== 'BOUND') return idle(client);
  const wait = conflicts < FIRST_DECLINES ? AFTER_FIRST_DECLINES_MS : AFTER_DECLINE_MS;
  const next: Client = { ...client, state: { name: 'INIT' }, wakeAt: now + wait, conflicts: conflicts + 1 };
  return send(next, decline(client.identity, chance.xid, state.lease));
}

/** An offer that was asked for may have been granted already, so that it is given back too. */
function released(client: Client, { chance }: Moment): Stepped {
  const { state } = client;
  const next: Client = { ...client, state: { name: 'RELEASED' }, wakeAt: NEVER };
  const lease = state.name === 'REQUESTING' ? state.offer : leaseOf(client);
  return lease === undefined ? idle(next) : send(next, release(client.identity, chance.xid, lease));
}
