import { type Cidr, cidrContains, cidrRange, type Ip, reservedRole, subnetOf } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { type DhcpMessage, NO_IP } from './message.ts';
import { type LeaseTimes, leaseTimes } from './timing.ts';

/** An address that a DHCP server has given. */
export interface DhcpLease extends LeaseTimes {
  readonly ip: Ip;
  /** The subnet's prefix length. */
  readonly prefix: number;
  readonly router?: Ip;
  /** The server's identifier, where renewals go. */
  readonly server: Ip;
  /** From where its answer came: the server, or a relay on the way to it. */
  readonly serverMac: Mac;
}

/** What an address must be to be of use. */
export interface Terms {
  /** The network's subnet. */
  readonly subnet: Cidr;
  /** This address and no other. */
  readonly wanted?: Ip;
}

/** An offer or acknowledgement read: a lease, or a sentence why it is none. */
export type Reading = { readonly lease: DhcpLease } | { readonly refusal: string };

/**
 * Whether an offer or acknowledgement gives an address that the network can use.
 * @param askedAt milliseconds since the epoch. @param jitter from −1 up to 1.
 */
export function readLease(
  message: DhcpMessage,
  terms: Terms,
  {
    askedAt,
    serverMac,
    jitter,
  }: { readonly askedAt: number; readonly serverMac: Mac; readonly jitter: number },
): Reading {
  const { yiaddr: ip, options } = message;
  const { server, leaseTime, router, t1, t2 } = options;
  if (server === undefined || server === NO_IP)
    return { refusal: 'a DHCP server does not say who it is (option 54)' };
  const refusal =
    leaseTime === undefined || leaseTime === 0 ? 'for no time (option 51)' : misfit(message, terms);
  if (refusal !== undefined || leaseTime === undefined) {
    return { refusal: `DHCP server ${server} gives ${ip}${shownPrefix(options.prefix)} ${refusal}` };
  }
  const times = leaseTimes(
    askedAt,
    leaseTime,
    { ...(t1 === undefined ? {} : { t1 }), ...(t2 === undefined ? {} : { t2 }) },
    jitter,
  );
  return {
    lease: {
      ...times,
      ip,
      prefix: cidrRange(terms.subnet).prefix,
      ...(router === undefined || router === NO_IP ? {} : { router }),
      server,
      serverMac,
    },
  };
}

function misfit({ yiaddr: ip, options }: DhcpMessage, { subnet, wanted }: Terms): string | undefined {
  const { prefix } = options;
  const given = prefix === undefined ? undefined : subnetOf({ ip, prefix });
  if (!cidrContains(subnet, ip) || (given !== undefined && given !== subnet)) {
    return `${given === undefined ? '' : `of subnet ${given}, `}but the network has subnet ${subnet}`;
  }
  const role = reservedRole(subnet, ip);
  if (role !== undefined) return `which is the ${role} address of ${subnet}`;
  return wanted === undefined || wanted === ip ? undefined : `and not ${wanted}`;
}

function shownPrefix(prefix: number | undefined): string {
  return prefix === undefined ? '' : `/${prefix}`;
}
