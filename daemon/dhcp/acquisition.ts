import type { Ip } from '../../core/address.ts';
import { Conflict, errorMessage, Unavailable, type WeftError } from '../../core/errors.ts';
import type { IfName, Mac, PoolId } from '../../core/ids.ts';
import type { DhcpLease } from '../../ipam/dhcp/index.ts';
import type { ClusterClock } from '../../ipam/index.ts';
import type { DhcpLog } from './channel.ts';
import type { RunningClient } from './running-client.ts';

/** How long an address is waited for: less than the 14 s after which Docker is answered in any case. */
const ACQUIRE_MS = 10_000;

/** Who has an address that a server gave: a machine of the LAN, or a service of this host as its virtual IP. */
export type AddressUser = { readonly mac: Mac } | { readonly service: string };

/** Asks who has an address of a pool, on the LAN of a device or here; undefined: nobody. */
export type ProbeAddress = (device: IfName, ip: Ip, poolId: PoolId) => Promise<AddressUser | undefined>;

/**
 * Lets a new client run until it has an address that nobody else uses.
 * @throws {Conflict} when the only answers cannot be used, saying why, or when somebody has the address that is wanted.
 * @throws {Unavailable} when no DHCP server answers within 10 s, or the device is not there or down.
 */
export async function waitForLease(
  running: RunningClient,
  parts: {
    readonly clock: ClusterClock;
    readonly log: DhcpLog;
    readonly probe: ((ip: Ip) => Promise<AddressUser | undefined>) | undefined;
    /** @param user as a message names him. */
    readonly declined: (lease: DhcpLease, user: string) => void;
  },
): Promise<DhcpLease> {
  const { promise, resolve, reject } = Promise.withResolvers<DhcpLease>();
  const { device } = running;
  let inUse: WeftError | undefined;
  using _deadline = parts.clock.after(ACQUIRE_MS, () => reject(inUse ?? failure(running)));
  running.onNews = (news) => {
    if (news.kind !== 'bound') return;
    void userOf(news.lease).then((user) => {
      if (user === undefined) resolve(news.lease);
      else conflict(news.lease, user);
    });
  };
  running.onStep = () => {
    if (running.sendError !== undefined) reject(failure(running));
    // A server has answered, and in a second no other one with something better.
    const { state, refusal } = running.client;
    if (refusal !== undefined && state.name === 'SELECTING' && state.attempt > 0) reject(failure(running));
  };
  try {
    return await promise;
  } finally {
    running.onNews = () => undefined;
    running.onStep = () => undefined;
  }

  async function userOf({ ip }: DhcpLease): Promise<AddressUser | undefined> {
    try {
      return await parts.probe?.(ip);
    } catch (error) {
      parts.log.warn({ device, ip, err: errorMessage(error) }, 'could not ask the LAN who has an address');
      return undefined;
    }
  }

  function conflict(lease: DhcpLease, user: AddressUser): void {
    const text = 'mac' in user ? user.mac : `service ${user.service}, as its virtual IP,`;
    parts.declined(lease, text);
    running.do({ kind: 'conflict' });
    inUse = new Conflict(`address ${lease.ip} is used by ${text} on the LAN of ${device}`, {
      device,
      ...user,
    });
    if (running.client.terms.wanted !== undefined) reject(inUse);
  }
}

function failure({ device, client, sendError }: RunningClient): WeftError {
  const { refusal } = client;
  if (sendError !== undefined)
    return new Unavailable(`no address by DHCP on ${device}: ${sendError}`, { device });
  if (refusal !== undefined) return new Conflict(`no address by DHCP on ${device}: ${refusal}`, { device });
  return new Unavailable(`no DHCP server answers on ${device} within ${ACQUIRE_MS / 1000} s`, { device });
}
