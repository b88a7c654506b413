import { existsSync } from 'node:fs';
import type { Ip } from '../../core/address.ts';
import { NotFound, Unsupported } from '../../core/errors.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { KernelObject, LanLink } from '../../core/kernel-objects.ts';
import type { HostLink, HostRoute, KernelHint, SandboxPlumbing, Step } from '../../core/ports.ts';
import { inSlices } from '../../core/slices.ts';
import {
  AF,
  decodeNextHops,
  decodeRoute,
  type Events,
  encodeRoute,
  type LinkFields,
  NETLINK_PROTOCOL,
  type NetlinkReply,
  type NetlinkTransport,
  openEvents,
  openTransport,
  RT_TABLE,
  RTM,
  RTN,
} from '../netlink/index.ts';
import { type EthernetLink, ethernetLink, linkWithAddress } from './address-place.ts';
import { type Applier, applySteps, undoSteps } from './apply.ts';
import { DiscardQueue, type LinkLog } from './discard.ts';
import { HINT_GROUPS, hintOf, LINK_GROUPS } from './hints.ts';
import { allLinks, LinkTable } from './link-table.ts';
import { correctNeighbour } from './own-neighbour.ts';
import { pathMtus } from './path-mtu.ts';
import { plumbSandbox } from './sandbox.ts';
import { SandboxDiscards } from './sandbox-discards.ts';
import { destinationOf, deviceOf, takeSnapshot } from './snapshot.ts';

/** The links of one namespace and what stands on them: addresses, routes, neighbours, forwarding entries. */
export class LinkLayer implements AsyncDisposable {
  readonly #transport: NetlinkTransport;
  /** Deletions have a socket of their own: one that waits for RCU must not keep requests from being sent. */
  readonly #deleting: NetlinkTransport;
  readonly #links: LinkTable;
  readonly #discards: DiscardQueue;
  readonly #sandboxDiscards: SandboxDiscards;
  readonly #watchers = new Set<(hint: KernelHint) => void>();
  readonly #events: Events;
  #hinting = false;
  readonly #hasIpv6 = existsSync('/proc/sys/net/ipv6');
  readonly #log: LinkLog;

  private constructor(options: { readonly namespace?: string; readonly log: LinkLog }) {
    const where = options.namespace === undefined ? {} : { namespace: options.namespace };
    const protocol = NETLINK_PROTOCOL.NETLINK_ROUTE;
    this.#transport = openTransport({ protocol, ...where });
    this.#deleting = openTransport({ protocol, ...where });
    this.#links = new LinkTable(this.#transport);
    this.#discards = new DiscardQueue(this.#deleting, options.log);
    this.#sandboxDiscards = new SandboxDiscards(options.log);
    this.#log = options.log;
    this.#events = openEvents({
      protocol,
      ...where,
      groups: LINK_GROUPS,
      onMessage: (message) => this.#tell(hintOf(message, this.#links)),
      onOverrun: () => this.#tell({ source: 'overrun' }),
    });
  }

  /**
   * Opens the sockets and learns the links that exist.
   * @param options.namespace a namespace file; absent: the namespace of the process.
   * @param options.log hears of failures nobody waits for.
   * @throws {KernelError} without CAP_NET_ADMIN, or when the namespace cannot be entered.
   */
  static async open(options: { readonly namespace?: string; readonly log: LinkLog }): Promise<LinkLayer> {
    const layer = new LinkLayer(options);
    await allLinks(layer.#transport, layer.#links);
    return layer;
  }

  /**
   * Objects on links that are weft's (by alias or derived name) and those whose key is in `wanted`; of links only
   * those in `only`, if given. A link that was discarded is not there, although the kernel may still show it.
   * @throws {KernelError}
   */
  async snapshot(wanted: Iterable<KernelObject>, only?: ReadonlySet<string>): Promise<KernelObject[]> {
    using discarded = this.#discards.follow();
    const objects = await takeSnapshot(this.#transport, this.#links, [...wanted], only);
    const { names } = discarded;
    return names.size === 0 ? objects : objects.filter((object) => !names.has(deviceOf(object)));
  }

  /**
   * Does steps of links and what stands on them; others are ignored. Creating what is there with equal fields and
   * deleting what is gone succeed.
   * @returns the steps that changed something, for `undo`.
   * @throws {KernelError} after undoing the steps of this call that had taken effect.
   */
  async apply(steps: readonly Step[]): Promise<readonly Step[]> {
    await this.#sandboxDiscards.settled(steps.flatMap(({ op, object }) => (op === 'create' ? [object] : [])));
    return applySteps(this.#applier(), steps);
  }

  /** Undoes what `apply` said it had changed. Never rejects: what cannot be undone is logged. */
  undo(changed: readonly Step[]): Promise<void> {
    return undoSteps(this.#applier(), changed);
  }

  /** Deletes links soon and many at a time. What cannot be deleted is logged. */
  discardLinks(names: readonly IfName[]): void {
    this.#discards.add(names);
  }

  /** Resolves when none of `names` (absent: no link) waits to be deleted. Never rejects. */
  discarded(names?: readonly IfName[]): Promise<void> {
    return this.#discards.settled(names);
  }

  /** @see SandboxDiscards.add */
  discardInside(link: LanLink): Promise<boolean> {
    return this.#sandboxDiscards.add(link);
  }

  /** Calls `push` for each hint until disposed. `push` must not throw. */
  watch(push: (hint: KernelHint) => void): Disposable {
    // Before, nobody hears of the many thousand entries that a start may make.
    if (!this.#hinting) this.#events.join(HINT_GROUPS);
    this.#hinting = true;
    this.#watchers.add(push);
    return { [Symbol.dispose]: () => void this.#watchers.delete(push) };
  }

  /** The ifindex of a link; undefined when there is none of this name. */
  async indexOf(name: string): Promise<number | undefined> {
    await this.#links.find([name]);
    return this.#links.get(name);
  }

  /**
   * Gives the host's own entry for a neighbour its new MAC; one that does not exist is not made.
   * @throws {KernelError}
   */
  correctNeighbour(index: number, ip: Ip, mac: Mac): Promise<void> {
    return correctNeighbour(this.#transport, index, ip, mac);
  }

  /**
   * A link as it is now, if it is one by which ARP can be spoken.
   * @throws {NotFound} without such a link. {Unsupported} when it is not Ethernet. {KernelError}
   */
  async ethernet(name: string): Promise<EthernetLink> {
    const [link] = await this.#links.read([name]);
    if (link === undefined) throw new NotFound(`there is no link ${name}`, { dev: name });
    const found = ethernetLink(link);
    if (found === undefined) throw new Unsupported(`link ${name} is not Ethernet`, { dev: name });
    return found;
  }

  /** The link that has an address. @throws {KernelError} */
  withAddress(ip: Ip): Promise<EthernetLink | undefined> {
    return linkWithAddress(this.#transport, ip);
  }

  /** The indexes that links have now; what is no link is not in the result. @throws {KernelError} */
  async indexesOf(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const links = await this.#links.read(names);
    return new Map(links.map(({ header, fields }) => [fields.name ?? '', header.index]));
  }

  /** The names of all links by their indexes. @throws {KernelError} */
  async namesByIndex(): Promise<ReadonlyMap<number, string>> {
    const links = await allLinks(this.#transport, this.#links);
    return new Map(links.map(({ header, fields }) => [header.index, fields.name ?? '']));
  }

  /** Every link of the namespace. */
  async links(): Promise<readonly HostLink[]> {
    const links = await allLinks(this.#transport, this.#links);
    return links.map(({ fields }) => ({
      name: fields.name ?? '',
      type: fields.info?.kind ?? '',
      mtu: fields.mtu ?? 0,
      ...(fields.alias === undefined ? {} : { alias: fields.alias }),
      ...this.#relatives(fields),
    }));
  }

  /** All unicast routes of all tables but `local`; one for each device of a multipath route. */
  async routes(): Promise<readonly HostRoute[]> {
    const dumps = [AF.AF_INET, AF.AF_INET6].map((family) =>
      this.#transport.dump({ type: RTM.RTM_GETROUTE, flags: 0, payload: encodeRoute({ family }, {}) }),
    );
    const routes: HostRoute[] = [];
    await inSlices((await Promise.all(dumps)).flat(), (reply) => routes.push(...this.#routesOf(reply)));
    return routes;
  }

  /** @see pathMtus */
  pathMtus(to: readonly Ip[]): Promise<readonly (number | undefined)[]> {
    return pathMtus(this.#transport, this.#links, to);
  }

  /**
   * @see plumbSandbox
   */
  async replumb(plumbing: SandboxPlumbing): Promise<boolean> {
    await this.#discards.settled([plumbing.link.name]);
    await this.#sandboxDiscards.settled([plumbing.link]);
    return plumbSandbox(this.#transport, this.#links, this.#hasIpv6, plumbing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandboxDiscards[Symbol.asyncDispose]();
    await this.#discards.settled();
    await Promise.all(
      [this.#events, this.#transport, this.#deleting].map((part) => part[Symbol.asyncDispose]()),
    );
  }

  #applier(): Applier {
    return {
      transport: this.#transport,
      links: this.#links,
      discards: this.#discards,
      hasIpv6: this.#hasIpv6,
      log: this.#log,
      events: this.#events,
    };
  }

  #tell(hint: KernelHint | undefined): void {
    if (hint === undefined) return;
    for (const push of this.#watchers) push(hint);
  }

  /** A veth's other end is no device that it stands on. */
  #relatives(fields: LinkFields): Pick<HostLink, 'parent' | 'master'> {
    const isHere = fields.linkNetnsId === undefined && fields.info?.kind !== 'veth';
    const parent = isHere && fields.link !== undefined ? this.#links.nameOf(fields.link) : undefined;
    const master = fields.master === undefined ? undefined : this.#links.nameOf(fields.master);
    return { ...(parent === undefined ? {} : { parent }), ...(master === undefined ? {} : { master }) };
  }

  #routesOf({ payload }: NetlinkReply): HostRoute[] {
    const { header, fields } = decodeRoute(payload);
    const isLocal = (fields.table ?? header.table) === RT_TABLE.RT_TABLE_LOCAL;
    if (header.type !== RTN.RTN_UNICAST || isLocal) return [];
    const destination = destinationOf(payload);
    const hops = fields.multipath === undefined ? [fields.oif ?? 0] : decodeNextHops(fields.multipath);
    return hops.map((index) => {
      const dev = this.#links.nameOf(index);
      return dev === undefined ? { destination } : { destination, dev };
    });
  }
}
