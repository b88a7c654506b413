import {
  BITS,
  type Cidr,
  cidrRange,
  cidrsOverlap,
  type Family,
  familyOf,
  parseCidr,
  UNUSABLE_RANGES,
} from '../core/address.ts';
import { Conflict, Exhausted, InvalidArgument } from '../core/errors.ts';
import { type PoolId, poolIdOf } from '../core/ids.ts';
import type { HostRoute } from '../core/ports.ts';
import type { ClusterPool } from './cluster/cluster-addresses.ts';
import { choosePool, IPV6_PREFIX, occupyingRoutes, type PoolSource } from './pools.ts';

/** The address spaces weft offers; what swarm managers ask for is in the global one. */
export const ADDRESS_SPACES = { local: 'WeftLocal', global: 'WeftGlobal' } as const;

/** `--ipam-opt` that says on which device's LAN the network shall be: its routes are then no conflict. */
export const PARENT_OPTION = 'weft.parent';
/** `--ipam-opt` that names the cluster network whose subnet is meant when none is given. */
export const NETWORK_OPTION = 'weft.network';

/** RequestPool as on the wire; empty texts mean: not given. */
export interface PoolRequest {
  readonly space: string;
  readonly pool: string;
  readonly subPool: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly v6: boolean;
}

/** What there is already. */
export interface PoolSituation {
  readonly held: readonly { readonly id: PoolId; readonly space: string; readonly pool: Cidr }[];
  readonly routes: readonly HostRoute[];
  readonly sources: readonly PoolSource[];
  /** The /48 from which automatic IPv6 pools come. */
  readonly ula: Cidr;
  /** True for links that are weft's own: their routes stand for pools. */
  readonly ownDevice: (dev: string) => boolean;
  /** Name of the network that has a pool, when known. */
  readonly nameOfPool: (id: PoolId) => string | undefined;
  /** Subnets of all cluster networks. */
  readonly cluster: readonly ClusterPool[];
}

export interface PoolDecision {
  readonly id: PoolId;
  readonly pool: Cidr;
  readonly subPool?: Cidr;
  /** The pool is held already and this request is a legitimate repeat. */
  readonly repeated: boolean;
  /** Nobody named the subnet: it is any free one. */
  readonly chosen: boolean;
}

/**
 * Answers RequestPool. Automatic pools avoid held pools of every space and all routes of the host; explicit ones
 * must not overlap pools of their own space or routes of links that are not weft's. A held subnet may be asked for
 * again only with `options` null, by which swarm's repeats are known (libnetwork remote IPAM, protocol section 3.6).
 * @throws {InvalidArgument} naming the field; {Conflict} naming what overlaps; {Exhausted} saying what is in the way.
 */
export function decidePool(given: PoolRequest, situation: PoolSituation): PoolDecision {
  const request = joining(given, situation) ?? given;
  const { space } = request;
  if (space !== ADDRESS_SPACES.local && space !== ADDRESS_SPACES.global) {
    throw new InvalidArgument(`address space "${space}" is not known: expected WeftLocal or WeftGlobal`);
  }
  const family: Family = request.v6 ? 6 : 4;
  const asked = request.pool === '' ? undefined : parseSubnet(request.pool, 'subnet', family);
  const pool = asked === undefined || isSizeOnly(asked) ? automatic(asked, family, situation) : asked;
  const id = poolIdOf(space, pool);
  const subPool = request.subPool === '' ? undefined : parseSubPool(request, pool, asked, family);
  const repeated = pool === asked && isRepeat(id, request, situation);
  if (pool === asked && !repeated) assertFree(pool, request, situation);
  return { id, pool, repeated, chosen: pool !== asked, ...(subPool === undefined ? {} : { subPool }) };
}

/** A request that gives no subnet but names a cluster network asks for the subnet of that network. */
function joining(request: PoolRequest, { cluster, held }: PoolSituation): PoolRequest | undefined {
  const name = request.options?.[NETWORK_OPTION];
  if (request.pool !== '' || name === undefined) return undefined;
  const family: Family = request.v6 ? 6 : 4;
  const subnets = cluster.filter((subnet) => subnet.name === name);
  if (subnets.length === 0) return undefined;
  const fitting = subnets.filter(({ cidr }) => familyOf(cidr) === family);
  const isHeld = (cidr: Cidr) => held.some(({ space, pool }) => space === request.space && pool === cidr);
  const subnet = fitting.find(({ cidr }) => !isHeld(cidr)) ?? fitting[0];
  if (subnet === undefined) {
    throw new InvalidArgument(`cluster network ${name} has no IPv${family} subnet`, {
      field: NETWORK_OPTION,
    });
  }
  const subPool = request.subPool === '' ? (subnet.ipRange ?? '') : request.subPool;
  return { ...request, pool: subnet.cidr, subPool };
}

function parseSubnet(text: string, field: string, family: Family): Cidr {
  const cidr = parseCidr(text, field);
  if (familyOf(cidr) !== family) {
    throw new InvalidArgument(`${field} ${cidr} is not IPv${family}, which the request is for`, { field });
  }
  const unusable = isSizeOnly(cidr) ? undefined : UNUSABLE_RANGES.find((range) => cidrsOverlap(range, cidr));
  if (unusable !== undefined) {
    throw new InvalidArgument(`${field} ${cidr} overlaps ${unusable}, which containers cannot use`, {
      field,
    });
  }
  return cidr;
}

/** `0.0.0.0/26` and `::/80` ask for any pool of that size; /0 leaves the size open too. */
function isSizeOnly(cidr: Cidr): boolean {
  return cidr.startsWith('0.0.0.0/') || cidr.startsWith('::/');
}

function parseSubPool(request: PoolRequest, pool: Cidr, asked: Cidr | undefined, family: Family): Cidr {
  const subPool = parseSubnet(request.subPool, 'ip-range', family);
  if (pool !== asked) throw new InvalidArgument(`ip-range ${subPool} needs a subnet that contains it`);
  const outer = cidrRange(pool);
  const inner = cidrRange(subPool);
  if (inner.first < outer.first || inner.last > outer.last) {
    throw new InvalidArgument(`ip-range ${subPool} is not within subnet ${pool}`);
  }
  return subPool;
}

function automatic(asked: Cidr | undefined, family: Family, situation: PoolSituation): Cidr {
  const prefix = asked === undefined ? 0 : cidrRange(asked).prefix;
  const sources = family === 4 ? situation.sources : [{ base: situation.ula, prefix: IPV6_PREFIX }];
  const routes = occupyingRoutes(situation.routes);
  const avoid = [
    ...situation.held.map(({ pool }) => pool),
    ...situation.cluster.map(({ cidr }) => cidr),
    ...routes.map(({ destination }) => destination),
  ];
  const chosen = choosePool(sources, prefix === 0 ? undefined : prefix, avoid);
  if (chosen !== undefined) return chosen;
  const bases = sources.map(({ base }) => base);
  const within = (cidr: Cidr) => bases.some((base) => cidrsOverlap(base, cidr));
  const held = situation.held.filter(({ pool }) => within(pool)).length;
  const inTheWay = routes
    .filter(({ destination }) => within(destination))
    .slice(0, 3)
    .map(formatRoute);
  const size = prefix === 0 ? (sources[0]?.prefix ?? BITS[family]) : prefix;
  throw new Exhausted(
    `no free /${size} in ${bases.join(', ')}: ${held} pools held${inTheWay.length > 0 ? `, and the host has ${inTheWay.join(', ')}` : ''}; give a subnet`,
    { held },
  );
}

function isRepeat(id: PoolId, request: PoolRequest, situation: PoolSituation): boolean {
  return request.options === null && situation.held.some((other) => other.id === id);
}

function assertFree(pool: Cidr, request: PoolRequest, situation: PoolSituation): void {
  const other = situation.held.find((held) => held.space === request.space && cidrsOverlap(held.pool, pool));
  if (other !== undefined) {
    const name = situation.nameOfPool(other.id);
    const owner = name === undefined ? `pool ${other.pool}` : `${other.pool} of network ${name}`;
    throw new Conflict(`subnet ${pool} overlaps ${owner}`, { pool, other: other.pool });
  }
  assertNoClusterOverlap(pool, request, situation);
  const parent = request.options?.[PARENT_OPTION];
  const route = occupyingRoutes(situation.routes).find(
    ({ destination, dev }) =>
      cidrsOverlap(destination, pool) && (dev === undefined || (dev !== parent && !situation.ownDevice(dev))),
  );
  if (route === undefined) return;
  const advice =
    route.dev === undefined ? '' : `; for a network on that LAN add --ipam-opt ${PARENT_OPTION}=${route.dev}`;
  throw new Conflict(`subnet ${pool} overlaps this host's ${formatRoute(route)}${advice}`, { pool });
}

/** A host joins a cluster network with exactly one of its subnets. */
function assertNoClusterOverlap(pool: Cidr, request: PoolRequest, { cluster }: PoolSituation): void {
  const joined = request.options?.[NETWORK_OPTION];
  const other = cluster.find(
    ({ cidr, name }) => cidrsOverlap(cidr, pool) && (cidr !== pool || name !== (joined ?? name)),
  );
  if (other === undefined) return;
  throw new Conflict(`subnet ${pool} overlaps ${other.cidr} of cluster network ${other.name}`, {
    pool,
    other: other.cidr,
  });
}

function formatRoute({ destination, dev }: HostRoute): string {
  return dev === undefined ? `route ${destination}` : `route ${destination} dev ${dev}`;
}
