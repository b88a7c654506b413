import type { Ip } from '../../core/address.ts';
import { CLUSTER_KEYS, type RemoteEndpoint } from '../../core/cluster.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { errorMessage } from '../../core/errors.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { KernelObject } from '../../core/kernel-objects.ts';
import type { DriverName, Endpoint, Network } from '../../core/model.ts';
import type { Entry, Kernel, SharedView, Step, StoreEvent } from '../../core/ports.ts';
import type { DesiredState } from '../reconcile/index.ts';
import type { OwnerId, Repository } from '../state/index.ts';
import { ClaimTable } from './claim-table.ts';
import type { Liveness } from './liveness.ts';
import type { Log } from './log.ts';
import { MovedAddresses } from './moved-addresses.ts';
import { netSteps } from './net-steps.ts';
import { keys, readClusterRecord } from './records.ts';

export interface RemoteStateParts {
  readonly shared: SharedView;
  readonly repository: Repository;
  readonly drivers: ReadonlyMap<DriverName, NetworkDriver>;
  readonly desired: DesiredState;
  readonly kernel: Kernel;
  readonly liveness: Pick<Liveness, 'isDead'>;
  /** Name of this node. */
  readonly self: string;
  /** What must be let in from the other nodes: the tunnel port, and their addresses. */
  readonly planSenders: (addresses: readonly Ip[]) => readonly KernelObject[];
  /** Asks for a comparison with the kernel after a change that it refused. */
  readonly compare: () => void;
  readonly log: Log;
}

/**
 * What the endpoints of other hosts need in this host's kernel, kept up with the cluster change by change. Where two
 * endpoints claim one address, as after a container has moved, this host's own has it, else the one told last.
 */
export class RemoteState implements AsyncDisposable {
  readonly #parts: RemoteStateParts;
  readonly #claims = new ClaimTable();
  readonly #stack = new DisposableStack();
  /** Networks of this host by their name in the cluster. */
  readonly #networks = new Map<string, Network>();
  /** Endpoints of this host that are on such networks, for when they go. */
  readonly #locals = new Map<
    OwnerId,
    { readonly name: string; readonly ips: readonly Ip[]; readonly mac: Mac }
  >();
  readonly #moved: MovedAddresses;
  /** The record read last: endpoints of one node are planned one after the other. */
  #lastMember: { readonly entry?: Entry | undefined; readonly address?: Ip | undefined } = {};
  #steps: { readonly owner: OwnerId; readonly steps: readonly Step[] }[] = [];
  #applying: Promise<void> | undefined;
  #started = false;

  /** Puts what is known now into the desired state; the kernel follows from `start` on. */
  constructor(parts: RemoteStateParts) {
    this.#parts = parts;
    this.#moved = new MovedAddresses(parts.kernel);
    this.#stack.use(
      parts.repository.observe({
        put: (record) => ('driver' in record ? this.#network(record) : this.#local(record)),
        drop: (id) => this.#dropped(id),
      }),
    );
    this.#hear(
      [CLUSTER_KEYS.endpoint, CLUSTER_KEYS.member].flatMap((prefix) =>
        [...parts.shared.entries(prefix)].map((entry) => ({ type: 'put', entry }) as const),
      ),
    );
    this.#stack.use(parts.shared.subscribe((events) => this.#hear(events)));
  }

  /** From now on changes reach the kernel. What was known before has been applied by the first comparison. */
  start(): void {
    this.#steps = [];
    this.#started = true;
  }

  /** After a node has died or come back. */
  nodeChanged(node: string): void {
    const own = this.#claims.ofNode(node);
    this.#refresh(new Set([...own, ...own.flatMap((key) => this.#claims.rivals(key))]));
  }

  /** The endpoints of other hosts on a network, dead nodes' too. */
  endpoints(name: string): readonly RemoteEndpoint[] {
    return this.#claims.ofNetwork(name).flatMap((key) => this.#claims.get(key)?.remote ?? []);
  }

  /** Who else has an address of a network. */
  holder(name: string, ip: Ip): RemoteEndpoint | undefined {
    return this.#claims.winner(name, ip, (node) => !this.#parts.liveness.isDead(node));
  }

  /** Resolves when every change so far is in the kernel or was refused. */
  async settled(): Promise<void> {
    await this.#applying;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stack.dispose();
    await this.#applying;
  }

  /**
   * After a comparison has repaired something: entries may have changed while this weftd was not there.
   * @throws {KernelError} when an announcement cannot be sent.
   */
  repaired(steps: readonly Step[]): Promise<void> {
    return this.#moved.heedRepairs(steps);
  }

  #hear(events: readonly Pick<StoreEvent, 'type' | 'entry'>[]): void {
    const affected = new Set<string>();
    let senders = false;
    for (const { type, entry } of events) {
      const { key } = entry;
      if (key.startsWith(CLUSTER_KEYS.endpoint)) this.#endpoint(type, entry, affected);
      else if (key.startsWith(CLUSTER_KEYS.member)) {
        senders = true;
        for (const each of this.#claims.ofNode(key.slice(CLUSTER_KEYS.member.length))) affected.add(each);
      } else if (key.startsWith(CLUSTER_KEYS.joined)) this.#peers(key.split('/')[1] ?? '');
    }
    if (senders) this.#senders();
    this.#refresh(affected);
  }

  #endpoint(type: StoreEvent['type'], entry: StoreEvent['entry'], affected: Set<string>): void {
    const remote = type === 'put' ? readClusterRecord('endpoint', entry) : undefined;
    if (remote?.node === this.#parts.self) return;
    for (const each of this.#claims.rivals(entry.key)) affected.add(each);
    if (remote === undefined) this.#claims.delete(entry.key);
    else this.#claims.set(entry.key, { remote, revision: entry.revision });
    affected.add(entry.key);
    for (const each of this.#claims.rivals(entry.key)) affected.add(each);
  }

  /** A network of this host is there, perhaps bound or bound anew. */
  #network(network: Network): void {
    if (network.driver !== 'weft-overlay') return;
    for (const [name, known] of this.#networks) {
      if (known.request.id === network.request.id && network.tunnel?.name !== name) this.#forget(name);
    }
    if (network.tunnel === undefined) return;
    const { name } = network.tunnel;
    this.#networks.set(name, network);
    this.#senders();
    this.#peers(name);
    this.#refresh(this.#claims.ofNetwork(name));
  }

  #dropped(id: OwnerId): void {
    for (const [name, network] of this.#networks) if (network.request.id === id) this.#forget(name);
    const local = this.#locals.get(id);
    if (local === undefined) return;
    this.#locals.delete(id);
    const bridge = this.#bridgeOf(local.name);
    if (bridge !== undefined) for (const ip of local.ips) this.#moved.left(bridge, ip, local.mac);
    this.#refresh(local.ips.flatMap((ip) => this.#claims.claimants(local.name, ip)));
  }

  #bridgeOf(name: string): IfName | undefined {
    const network = this.#networks.get(name);
    return network && this.#parts.drivers.get(network.driver)?.bridgeOf(network);
  }

  #forget(name: string): void {
    this.#networks.delete(name);
    this.#peers(name);
    this.#refresh(this.#claims.ofNetwork(name));
    this.#senders();
  }

  /** A local endpoint has come or changed: what others claim of its addresses is judged again. */
  #local({ request, mac }: Endpoint): void {
    const name = this.#parts.repository.network(request.networkId)?.tunnel?.name;
    if (name === undefined) return;
    const ips = [request.ipv4, request.ipv6].flatMap((each) => (each === undefined ? [] : [each.ip]));
    this.#locals.set(request.id, { name, ips, mac });
    this.#refresh(ips.flatMap((ip) => this.#claims.claimants(name, ip)));
  }

  #refresh(claims: Iterable<string>): void {
    const { desired } = this.#parts;
    for (const key of claims) {
      const remote = this.#claims.get(key)?.remote;
      const name = remote?.network ?? key.split('/')[1] ?? '';
      const owner = ownerOf(name);
      this.#do(owner, desired.setForeign(key, owner, remote === undefined ? [] : this.#plan(key, remote)));
    }
  }

  #plan(key: string, remote: RemoteEndpoint): readonly KernelObject[] {
    const { drivers, liveness, repository } = this.#parts;
    const network = this.#networks.get(remote.network);
    const vtep = this.#addressOf(remote.node);
    if (network === undefined || vtep === undefined || liveness.isDead(remote.node)) return [];
    const isAlive = (node: string): boolean => !liveness.isDead(node);
    const local = [remote.ipv4, remote.ipv6].some(
      (ip) => ip !== undefined && repository.addressOwner(network.request.id, ip) !== undefined,
    );
    if (local || !this.#claims.wins(key, isAlive)) return [];
    return drivers.get(network.driver)?.planRemote?.(network, remote, vtep) ?? [];
  }

  /** Other hosts that have joined a network, for what is sent to everybody. */
  #peers(name: string): void {
    const { shared, drivers, desired, self } = this.#parts;
    const network = this.#networks.get(name);
    const plan = network && drivers.get(network.driver)?.planPeer;
    const prefix = `${CLUSTER_KEYS.joined}${name}/`;
    const objects =
      network === undefined || plan === undefined
        ? []
        : [...shared.entries(prefix)].flatMap((entry) => {
            const node = entry.key.slice(prefix.length);
            const vtep = this.#addressOf(node);
            const joined = readClusterRecord('joined', entry);
            if (node === self || vtep === undefined || joined === undefined || joined.refused !== undefined)
              return [];
            return plan(network, vtep);
          });
    this.#do(ownerOf(name), desired.setForeign(`peers ${name}`, ownerOf(name), objects));
  }

  /** Frames are accepted from members only, and only while this host has an overlay network. */
  #senders(): void {
    const { shared, desired, planSenders, self } = this.#parts;
    const others = [...shared.entries(CLUSTER_KEYS.member)].flatMap((entry) => {
      const member = readClusterRecord('member', entry);
      return member === undefined || member.name === self ? [] : [member.address];
    });
    const objects = this.#networks.size === 0 ? [] : planSenders(others);
    this.#do(ownerOf(''), desired.setForeign('tunnel senders', ownerOf(''), objects));
  }

  #addressOf(node: string): Ip | undefined {
    const entry = this.#parts.shared.get(keys.member(node));
    if (entry !== undefined && this.#lastMember.entry === entry) return this.#lastMember.address;
    const address = readClusterRecord('member', entry)?.address;
    this.#lastMember = { entry, address };
    return address;
  }

  #do(owner: OwnerId, steps: readonly Step[]): void {
    if (steps.length === 0 || !this.#started) return;
    this.#steps.push({ owner, steps });
    this.#applying ??= Promise.resolve()
      .then(() => this.#apply())
      .finally(() => {
        this.#applying = undefined;
      });
  }

  async #apply(): Promise<void> {
    const { repository, kernel, compare, log } = this.#parts;
    while (this.#steps.length > 0) {
      const batch = this.#steps;
      this.#steps = [];
      const byOwner = Map.groupBy(batch, ({ owner }) => owner);
      for (const [owner, changes] of byOwner) {
        try {
          const steps = netSteps(changes.flatMap((change) => change.steps));
          await repository.during(owner, () => kernel.apply(steps));
          await this.#moved.heed(steps);
        } catch (error) {
          log.warn({ error: errorMessage(error) }, 'entries of other hosts were refused; comparing');
          compare();
        }
      }
    }
  }
}

/** All that other hosts need of one network is changed and compared as one. */
function ownerOf(name: string): OwnerId {
  return `remote ${name}` as OwnerId;
}
