import { type Cidr, type Family, familyOf, type IfAddress, ipFromBigint } from '../../core/address.ts';
import type { IfName } from '../../core/ids.ts';
import {
  type FdbObject,
  isLanLink,
  type KernelObject,
  keyOf,
  type LanLink,
  type LinkObject,
  type NeighbourObject,
  type RouteObject,
} from '../../core/kernel-objects.ts';
import { inSlices } from '../../core/slices.ts';
import {
  AF,
  addressFamily,
  decodeAddress,
  decodeNeighbour,
  decodeRoute,
  encodeAddress,
  encodeNeighbour,
  encodeRoute,
  type LinkMessage,
  type NetlinkReply,
  type NetlinkTransport,
  RT_SCOPE,
  RT_TABLE,
  RTM,
  RTN,
  RTPROT,
} from '../netlink/index.ts';
import { type DumpRequest, dumpEach, dumpUnless } from './dumps.ts';
import { entryOf } from './entry.ts';
import { isOwned, linkObject } from './link-object.ts';
import { allLinks, type LinkTable } from './link-table.ts';
import { addressesOf, nearest } from './route-source.ts';
import { linksInSandboxes } from './sandbox-links.ts';

/** What a snapshot collects: objects by key, and which of them somebody asked for. */
class Collection {
  readonly objects = new Map<string, KernelObject>();
  readonly wanted = new Map<string, KernelObject>();
  /** Names of links that are weft's. */
  readonly owned = new Set<string>();
  readonly #links: LinkTable;

  constructor(links: LinkTable) {
    this.#links = links;
  }

  nameOf(index: number): IfName | undefined {
    return this.#links.nameOf(index) as IfName | undefined;
  }

  /** Takes an object that is wanted, or that stands on a link of ours and could be nobody else's. */
  add(object: KernelObject, isOurs: boolean): void {
    const key = keyOf(object);
    if (isOurs || this.wanted.has(key)) this.objects.set(key, object);
  }
}

/**
 * Links, and what stands on them, that are weft's or wanted.
 * @param only names of the links to look at; absent: all.
 */
export async function takeSnapshot(
  transport: NetlinkTransport,
  links: LinkTable,
  wanted: readonly KernelObject[],
  only: ReadonlySet<string> | undefined,
): Promise<KernelObject[]> {
  const collection = new Collection(links);
  const isOnForeignLink = ({ dev }: NeighbourObject | FdbObject): boolean =>
    !collection.owned.has(dev) && links.get(dev) !== undefined;
  const want = (object: KernelObject) => collection.wanted.set(keyOf(object), object);
  for (const object of wanted) if (object.kind === 'link') want(object);
  const found = only === undefined ? await allLinks(transport, links) : await links.read([...only]);
  if (only !== undefined) await links.find(masters(wanted));
  await inSlices(found, (link) => addLink(collection, link));
  for (const link of await linksInSandboxes(awayFrom(collection, wanted, only), links))
    collection.add(link, false);
  // Of entries there are many. Those on links of weft's all count, wanted or not, and others are on no link.
  await inSlices(wanted, (object) => {
    if (isEntry(object) ? isOnForeignLink(object) : 'dev' in object) want(object);
  });
  const scope = only === undefined ? undefined : found.map(({ header }) => header.index);
  const wantedRoutes = wanted.filter((object) => object.kind === 'route');
  const [addresses, neighbours, fdb, routes, sources] = await Promise.all([
    dumpEach(transport, scope, (index) => [
      { type: RTM.RTM_GETADDR, flags: 0, payload: encodeAddress({ index: index ?? 0 }, {}) },
    ]),
    dumpEach(transport, scope, (index) => [
      {
        type: RTM.RTM_GETNEIGH,
        flags: 0,
        payload: encodeNeighbour({}, index === undefined ? {} : { oif: index }),
      },
    ]),
    dumpEach(transport, scope, (index) => [
      {
        type: RTM.RTM_GETNEIGH,
        flags: 0,
        payload: encodeNeighbour({ family: AF.AF_BRIDGE, index: index ?? 0 }, {}),
      },
    ]),
    routesOf(transport, links, wantedRoutes),
    sourcesOf(transport, links, wantedRoutes),
  ]);
  await inSlices(addresses, (reply) => addAddress(collection, reply));
  await inSlices(neighbours, (reply) => addEntry(collection, reply));
  await inSlices(fdb, (reply) => addEntry(collection, reply));
  await inSlices(routes, (reply) => addRoute(collection, sources, reply));
  const objects = [...collection.objects.values()];
  return only === undefined ? objects : objects.filter((object) => only.has(deviceOf(object)));
}

function isEntry(object: KernelObject): object is NeighbourObject | FdbObject {
  return object.kind === 'neighbour' || object.kind === 'fdb';
}

function masters(wanted: readonly KernelObject[]): string[] {
  return wanted
    .filter((object) => object.kind === 'link')
    .flatMap((link) => ('master' in link ? [link.master] : 'parent' in link ? [link.parent] : []));
}

/** Links that Docker may have moved into a sandbox: wanted, and not on the host. */
function awayFrom(
  { objects }: Collection,
  wanted: readonly KernelObject[],
  only: ReadonlySet<string> | undefined,
): LanLink[] {
  return wanted
    .filter(isLanLink)
    .filter((link) => link.sandbox !== undefined && !objects.has(keyOf(link)))
    .filter(({ name }) => only === undefined || only.has(name));
}

export function deviceOf(object: KernelObject): string {
  if (object.kind === 'link') return object.name;
  return 'dev' in object ? object.dev : '';
}

function addLink(collection: Collection, link: LinkMessage): void {
  const name = link.fields.name ?? '';
  const owned = isOwned(link);
  const wanted = collection.wanted.get(`link ${name}`) as LinkObject | undefined;
  if (!owned && wanted === undefined) return;
  const object = linkObject(link, wanted, (index) => collection.nameOf(index));
  const adopted = wanted?.type === 'bridge' && wanted.adopted === true;
  if (owned && !adopted) collection.owned.add(name);
  collection.add(object, owned && object.type !== 'foreign');
}

function addAddress(collection: Collection, { payload }: NetlinkReply): void {
  const { header, fields } = decodeAddress(payload);
  const dev = collection.nameOf(header.index);
  const ip = fields.local ?? fields.address;
  if (dev === undefined || ip === undefined) return;
  // The kernel makes link-local addresses of its own accord.
  const generated = header.family === AF.AF_INET6 && header.scope === RT_SCOPE.RT_SCOPE_LINK;
  const address = { ip, prefix: header.prefix };
  collection.add({ kind: 'address', dev, address }, collection.owned.has(dev) && !generated);
}

/** Permanent neighbours, and static forwarding entries that name a port or a VTEP. */
function addEntry(collection: Collection, { payload }: NetlinkReply): void {
  const seen = entryOf(decodeNeighbour(payload), (index) => collection.nameOf(index));
  if (seen?.fixed === true) collection.add(seen.entry, collection.owned.has(seen.entry.dev));
}

/** Routes of weft's own protocol, and those on devices for which a route is wanted. The kernel filters. */
async function routesOf(
  transport: NetlinkTransport,
  links: LinkTable,
  wanted: readonly RouteObject[],
): Promise<readonly NetlinkReply[]> {
  const devices = new Map<string, Family>();
  for (const { dev, destination } of wanted)
    devices.set(`${dev} ${familyOf(destination)}`, familyOf(destination));
  const requests = [4, 6].map((family) =>
    routeDump(family as Family, { protocol: RTPROT.RTPROT_WEFT, table: RT_TABLE.RT_TABLE_MAIN }),
  );
  for (const [key, family] of devices) {
    const oif = links.get(key.split(' ')[0] ?? '');
    if (oif !== undefined) requests.push(routeDump(family, { table: RT_TABLE.RT_TABLE_MAIN }, oif));
  }
  return (await Promise.all(requests.map((request) => dumpTable(transport, request)))).flat();
}

/**
 * A dump by table is refused while the namespace has had no route of the family in it, one by link when that has gone.
 */
function dumpTable(transport: NetlinkTransport, request: DumpRequest): Promise<readonly NetlinkReply[]> {
  return dumpUnless(['ENOENT', 'ENODEV'], transport, request);
}

function routeDump(family: Family, header: { protocol?: number; table?: number }, oif?: number): DumpRequest {
  const payload = encodeRoute({ family: addressFamily(family), ...header }, oif === undefined ? {} : { oif });
  return { type: RTM.RTM_GETROUTE, flags: 0, payload };
}

type Sources = ReadonlyMap<IfName, readonly IfAddress[]>;

/** Addresses of the devices that routes have theirs from. */
async function sourcesOf(
  transport: NetlinkTransport,
  links: LinkTable,
  wanted: readonly RouteObject[],
): Promise<Sources> {
  const devices = new Set(wanted.flatMap(({ sourceOf }) => (sourceOf === undefined ? [] : [sourceOf])));
  const found = [...devices].map(
    async (device) => [device, await addressesOf({ transport, links }, device)] as const,
  );
  return new Map(await Promise.all(found));
}

function addRoute(collection: Collection, sources: Sources, { payload }: NetlinkReply): void {
  const { header, fields } = decodeRoute(payload);
  const dev = fields.oif === undefined ? undefined : collection.nameOf(fields.oif);
  if (dev === undefined || header.type !== RTN.RTN_UNICAST) return;
  const destination = destinationOf(payload);
  const via = fields.gateway;
  const route: RouteObject = { kind: 'route', destination, dev, ...(via === undefined ? {} : { via }) };
  const sourceOf = (collection.wanted.get(keyOf(route)) as RouteObject | undefined)?.sourceOf;
  const isAsChosen =
    sourceOf !== undefined && fields.preferredSource === nearest(sources.get(sourceOf) ?? [], destination);
  collection.add(isAsChosen ? { ...route, sourceOf } : route, header.protocol === RTPROT.RTPROT_WEFT);
}

/** A route's destination as CIDR; the default route's is the whole family. */
export function destinationOf(payload: Uint8Array): Cidr {
  const { header, fields } = decodeRoute(payload);
  const any = ipFromBigint(0n, header.family === AF.AF_INET ? 4 : 6);
  return `${fields.destination ?? any}/${header.destinationPrefix}` as Cidr;
}
