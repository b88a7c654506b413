import type { Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import type { DhcpLease } from './lease.ts';
import { type DhcpMessage, NO_IP } from './message.ts';
import { type DhcpOptions, OPTION } from './options.ts';

/** Who asks. */
export interface Identity {
  readonly mac: Mac;
  /** Option 61, by which servers know a client before its MAC. */
  readonly clientId: Uint8Array;
  readonly hostname?: string;
}

/** A message and where it goes: to everybody, or to one server by way of a MAC. */
export interface Sending {
  readonly message: DhcpMessage;
  /** Source of the packet. */
  readonly from: Ip;
  readonly to: 'broadcast' | { readonly ip: Ip; readonly mac: Mac };
}

interface Exchange {
  readonly xid: number;
  readonly secs: number;
}

/** What weft wants to be told: mask, router, times. */
const PARAMETERS = [
  OPTION.subnetMask,
  OPTION.router,
  OPTION.leaseTime,
  OPTION.server,
  OPTION.t1,
  OPTION.t2,
] as const;
/** An Ethernet's (RFC 2132 section 9.10). */
const MAX_SIZE = 1500;

/** DHCPDISCOVER. @param hint the address that would be liked. */
export function discover(identity: Identity, exchange: Exchange, hint: Ip | undefined): Sending {
  return broadcast(
    message(
      identity,
      exchange,
      asking(identity, 'discover', hint === undefined ? {} : { requestedIp: hint }),
    ),
  );
}

/** DHCPREQUEST for an offer (SELECTING). */
export function requestOffer(identity: Identity, exchange: Exchange, offer: DhcpLease): Sending {
  const options = asking(identity, 'request', { requestedIp: offer.ip, server: offer.server });
  return broadcast(message(identity, exchange, options));
}

/** DHCPREQUEST for an address had before, of any server (INIT-REBOOT). */
export function requestAgain(identity: Identity, exchange: Exchange, ip: Ip): Sending {
  return broadcast(message(identity, exchange, asking(identity, 'request', { requestedIp: ip })));
}

/** DHCPREQUEST to the server that gave the lease (RENEWING). */
export function renew(identity: Identity, exchange: Exchange, lease: DhcpLease): Sending {
  return unicast(message(identity, exchange, asking(identity, 'request', {}), lease.ip), lease);
}

/** DHCPREQUEST to any server (REBINDING). */
export function rebind(identity: Identity, exchange: Exchange, lease: DhcpLease): Sending {
  const sent = message(identity, exchange, asking(identity, 'request', {}), lease.ip);
  return { message: sent, from: lease.ip, to: 'broadcast' };
}

/** DHCPDECLINE: somebody else uses the address. */
export function decline(identity: Identity, xid: number, lease: DhcpLease): Sending {
  const { clientId } = identity;
  const options = { requestedIp: lease.ip, server: lease.server, clientId, text: 'the address is in use' };
  return broadcast(message(identity, { xid, secs: 0 }, { type: 'decline', ...options }));
}

/** DHCPRELEASE */
export function release(identity: Identity, xid: number, lease: DhcpLease): Sending {
  const { clientId } = identity;
  const options: DhcpOptions = { type: 'release', server: lease.server, clientId };
  return unicast(message(identity, { xid, secs: 0 }, options, lease.ip), lease);
}

function asking(identity: Identity, type: 'discover' | 'request', more: Partial<DhcpOptions>): DhcpOptions {
  const { clientId, hostname } = identity;
  const named = hostname === undefined ? {} : { hostname };
  return { type, clientId, ...named, ...more, parameters: PARAMETERS, maxSize: MAX_SIZE };
}

/**
 * The broadcast flag is always set: a container has its address only after it was answered, and until its macvlan link
 * is there a card without promiscuity drops what is sent to its MAC.
 */
function message(
  { mac }: Identity,
  { xid, secs }: Exchange,
  options: DhcpOptions,
  ciaddr = NO_IP,
): DhcpMessage {
  const asks = options.type === 'discover' || options.type === 'request';
  return {
    op: 'request',
    xid,
    secs,
    broadcast: asks,
    ciaddr,
    yiaddr: NO_IP,
    giaddr: NO_IP,
    chaddr: mac,
    options,
  };
}

function broadcast(sent: DhcpMessage): Sending {
  return { message: sent, from: NO_IP, to: 'broadcast' };
}

function unicast(sent: DhcpMessage, { ip, server, serverMac }: DhcpLease): Sending {
  return { message: sent, from: ip, to: { ip: server, mac: serverMac } };
}
