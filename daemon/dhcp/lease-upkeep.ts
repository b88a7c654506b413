import { cidrContains, type Ip } from '../../core/address.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { errorMessage } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { DriverName, Endpoint } from '../../core/model.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { Repository } from '../state/index.ts';
import type { DhcpLog } from './channel.ts';
import { clientNames, hostnameOf } from './client-names.ts';
import type { DhcpLeases } from './dhcp-leases.ts';
import { type DhcpNetwork, dhcpNetworks } from './dhcp-networks.ts';

/** How often leases are compared with what containers have. */
const TICK_MS = 10_000;
/** How long a lease, or an address, may be without the other: a call may be between the two. */
const GRACE_MS = 60_000;

export interface UpkeepParts {
  readonly leases: DhcpLeases;
  readonly ipam: Pick<IpamService, 'addressSpaces' | 'list'>;
  readonly repository: Pick<Repository, 'networks' | 'endpointsOf'>;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  /** The name of an endpoint's container, once Docker has told it. */
  readonly nameOf: (id: EndpointId) => string | undefined;
  readonly hostId: string;
  readonly log: DhcpLog;
}

/** Looks after the leases now and then until disposed of. */
export function keepLeases(parts: UpkeepParts): Disposable {
  const tick = () =>
    tendLeases(parts, GRACE_MS).catch((error: unknown) =>
      parts.log.warn({ err: errorMessage(error) }, 'could not look after the DHCP leases'),
    );
  const timer = setInterval(() => void tick(), TICK_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/**
 * Makes leases agree with what there is: those of addresses that the IPAM no longer holds are given back (a crash, or
 * the garbage collector); addresses of containers without a lease are asked for (the store was restored); and servers
 * hear the names of containers that were not known when the address was asked for (engines before 29).
 * @param graceMs younger leases are not given back, nor endpoints looked at.
 */
export async function tendLeases(parts: UpkeepParts, graceMs: number): Promise<void> {
  await prune(parts, graceMs);
  const before = Date.now() - graceMs;
  for (const network of dhcpNetworks(parts)) {
    for (const endpoint of parts.repository.endpointsOf(network.network.request.id)) {
      await tendEndpoint(parts, network, endpoint, before);
    }
  }
}

async function tendEndpoint(
  parts: UpkeepParts,
  network: DhcpNetwork,
  endpoint: Endpoint,
  before: number,
): Promise<void> {
  const ip = endpoint.request.ipv4?.ip;
  const { id, subnet } = network.pool;
  if (ip === undefined || !cidrContains(subnet, ip)) return;
  if (parts.leases.get(id, ip) !== undefined) await tellName(parts, network, endpoint, ip);
  else if (endpoint.createdAt <= before) await adopt(parts, network, endpoint, ip);
}

async function prune({ ipam, leases }: UpkeepParts, graceMs: number): Promise<void> {
  if (leases.list().length === 0) return;
  const held = new Map(ipam.list().map((view) => [view.poolId, new Set(view.leases.map(({ ip }) => ip))]));
  await leases.prune((poolId, ip) => held.get(poolId)?.has(ip) === true, graceMs);
}

async function tellName(
  { leases, nameOf }: UpkeepParts,
  { pool }: DhcpNetwork,
  { request }: Endpoint,
  ip: Ip,
): Promise<void> {
  if (leases.get(pool.id, ip)?.hostname !== undefined) return;
  const hostname = hostnameOf(nameOf(request.id));
  if (hostname !== undefined) await leases.identify(pool.id, ip, { hostname });
}

async function adopt(
  parts: UpkeepParts,
  { pool, device }: DhcpNetwork,
  { request, mac }: Endpoint,
  ip: Ip,
): Promise<void> {
  const name = parts.nameOf(request.id);
  const client = { ...clientNames(parts, { device, poolId: pool.id, name }), mac };
  if (!parts.leases.isTaken({ device, ...client }))
    await parts.leases.adopt({ pool, device, ...client, wanted: ip });
}
