import type { Cidr, Family, IfAddress, Ip } from './address.ts';
import type { IfName, Mac, SandboxKey } from './ids.ts';
import type {
  ContainerLink,
  FdbObject,
  HostState,
  KernelObject,
  LanLink,
  LinkObject,
  NeighbourObject,
} from './kernel-objects.ts';

/** One change of the kernel. `replace` carries what was there, so that every step can be undone. */
export type Step =
  | { readonly op: 'create' | 'delete'; readonly object: KernelObject }
  | { readonly op: 'replace'; readonly object: KernelObject; readonly was: KernelObject };

/** Something in the kernel may have changed; a hint to compare, never data. */
export interface KernelHint {
  readonly source: 'link' | 'address' | 'route' | 'neighbour' | 'netconf' | 'nft' | 'overrun';
  /** Link name, when the notification is about one. */
  readonly dev?: string;
  /** Ifindex of the link, where the notification is one of its own. */
  readonly index?: number;
  /** What the notification says the link is now, where it says it all; such a hint can be judged by itself. */
  readonly link?: LinkObject;
  /** What it says of the link as a bridge port. */
  readonly port?: {
    readonly isolated: boolean;
    readonly hairpin: boolean;
    /** Whether broadcasts and multicasts leave by it; absent unless its other settings are a VXLAN device's. */
    readonly flood?: boolean;
  };
  /** A neighbour or forwarding entry, where the notification is about one. */
  readonly entry?: NeighbourObject | FdbObject;
  /** The link, or the entry, is no more: for an entry also that it stays, but not as weft makes such entries. */
  readonly gone?: true;
}

export interface HostLink {
  readonly name: string;
  /** `IFLA_INFO_KIND`: `bridge`, `veth`, …; empty for a plain device. */
  readonly type: string;
  /** Bytes. */
  readonly mtu: number;
  readonly alias?: string;
  /** Name of the device that it stands on, where that is in the same namespace. */
  readonly parent?: string;
  /** Name of the link that it is a port of. */
  readonly master?: string;
}

export interface HostRoute {
  readonly destination: Cidr;
  readonly dev?: string;
}

/** How to give a sandbox its interface back, named and addressed: a link of which the container's part lies in there. */
export interface SandboxPlumbing {
  readonly namespace: SandboxKey;
  readonly link: ContainerLink;
  /** The interface takes the lowest free number after it. */
  readonly prefix: string;
  /** Absent: the link has the one it is made with. */
  readonly mac?: Mac;
  readonly addresses: readonly IfAddress[];
  readonly gateway?: Ip;
  readonly gatewayIpv6?: Ip;
  /** Families whose default route names the interface and no gateway. */
  readonly defaultByDevice: readonly Family[];
}

/** Who has an address on a LAN. */
export interface AddressHolder {
  readonly mac: Mac;
  /** The link of this host that has it; absent: another machine. */
  readonly dev?: string;
}

/** Selects conntrack entries by their original destination, their translated destination, or both. */
export interface FlowFilter {
  readonly family: Family;
  /** `icmp`: ICMP of its family, so ICMPv6 with IPv6; it has no ports. */
  readonly protocol: Protocol | 'icmp';
  readonly originalPort?: number;
  readonly originalDestination?: Ip;
  /** Source of the reply direction: the container's address after DNAT. */
  readonly replySource?: Ip;
  readonly replyPort?: number;
  /** Only those whose answers come from another port than this. */
  readonly replyPortNot?: number;
  /** Only those of which no answer has been seen yet. */
  readonly unanswered?: true;
}

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** The kernel as weft uses it. Everything is by netlink; no call forks. */
export interface Kernel extends AsyncDisposable {
  /**
   * The state of everything that is weft's (by alias, name or table) and of every object whose key is in `wanted`,
   * whoever made it. Keys absent from the result do not exist in the kernel.
   * @param only these links and what is on them, by name; the rest is neither read nor in the result.
   */
  snapshot(wanted: Iterable<KernelObject>, only?: ReadonlySet<string>): Promise<HostState>;
  /**
   * Makes the steps so, in rank order, pipelined; nft steps of one call are one transaction. Creating what is there
   * already with equal fields and deleting what is gone already succeed.
   * @throws {KernelError} after undoing the steps of this call that had taken effect.
   */
  apply(steps: readonly Step[]): Promise<void>;
  /**
   * Deletes links later, many at a time, because RTM_DELLINK waits for RCU (20–40 ms). Never rejects; what cannot
   * be deleted is logged and found again by the next sweep.
   */
  discardLinks(names: readonly IfName[]): void;
  /** Resolves when none of `names` (absent: no link at all) waits to be discarded. */
  discarded(names?: readonly IfName[]): Promise<void>;
  /**
   * Deletes a container's link on a LAN in its sandbox, later, when nobody lives there any more; Docker does not find it
   * from now on, and is spared moving it to the host.
   * @returns false when it is left to Docker.
   */
  discardInside(link: LanLink): Promise<boolean>;
  /** Hints from now until `signal` aborts. Own changes may be reported too. */
  watch(signal: AbortSignal): AsyncIterable<KernelHint>;
  /** Every link of the host's namespace. */
  links(): Promise<readonly HostLink[]>;
  /** All unicast routes of all tables. */
  routes(): Promise<readonly HostRoute[]>;
  /**
   * The largest IP packet, in bytes, that the way to each address takes whole; undefined where there is no way.
   * @throws {KernelError}
   */
  pathMtus(to: readonly Ip[]): Promise<readonly (number | undefined)[]>;
  /** Deletes matching conntrack entries and says how many went. */
  forgetFlows(filters: readonly FlowFilter[]): Promise<number>;
  /**
   * Makes a container's lost link again, into the sandbox.
   * @returns false when there is nothing to repair: the sandbox is gone too, or the device that a link on a LAN stands on.
   */
  replumb(plumbing: SandboxPlumbing): Promise<boolean>;
  /**
   * Sends one gratuitous ARP (RFC 5227 section 3) or unsolicited NA (RFC 4861 section 7.2.6) out of `dev`.
   * @param whose `remote`: an address of another host, for which this one has an entry of its own already.
   */
  announce(dev: IfName, ip: Ip, mac: Mac, whose?: 'remote'): Promise<void>;
  /**
   * As `announce`, by the link inside a sandbox that has the address, with that link's MAC.
   * @returns false when no link there has it (yet), or the sandbox is gone.
   */
  announceInside(sandbox: SandboxKey, ip: Ip): Promise<boolean>;
  /**
   * Asks on the LAN behind a link, for a fraction of a second, who has an address or is about to take it (RFC 5227
   * section 2.1.1, RFC 4862 section 5.4). Containers of this host behind the same link are not asked: a link's own
   * frames do not come to what stands on it.
   * @param how `briefly`: one question and a few milliseconds, for an address that was asked about before.
   * @returns the first to say so; undefined when nobody does.
   * @throws {NotFound} without such a link. {Unsupported} when it is not Ethernet. {KernelError} when it is down.
   */
  probe(dev: IfName, ip: Ip, how?: 'briefly'): Promise<AddressHolder | undefined>;
}

/** Holds host ports so that no other process can bind them. Reservations end with the process. */
export interface PortReserver {
  /**
   * @throws {Conflict} naming the process that holds the port (in a second, asynchronous step: see `holder`).
   */
  reserve(binding: PortBinding): PortReservation;
  /** Name and pid of the process that holds a port; undefined when none is found. Reads /proc. */
  holder(binding: PortBinding): Promise<string | undefined>;
}

export interface PortBinding {
  readonly protocol: Protocol;
  /** Unspecified (`0.0.0.0`, `::`) binds every address of its family only. */
  readonly ip: Ip;
  readonly port: number;
}

export interface PortReservation {
  readonly binding: PortBinding;
  release(): void;
}

/** Keeps weft's accept rules in Docker's DOCKER-USER chains, where those exist. */
export interface ForwardAccept extends AsyncDisposable {
  /**
   * Compares and repairs; says which chains needed it (`ip nft DOCKER-USER`, `ip legacy DOCKER-USER`, …).
   * @param bridges names of weft bridges that do not begin with `wb-`.
   */
  ensure(bridges: readonly IfName[]): Promise<readonly string[]>;
  /** Removes every rule of weft's. */
  remove(): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: bigint;
}

export interface Txn {
  /** Revision 0 means that the key must not exist. */
  readonly expect?: readonly { readonly key: string; readonly revision: bigint }[];
  readonly put?: readonly { readonly key: string; readonly value: Uint8Array; readonly lease?: bigint }[];
  readonly delete?: readonly string[];
  /**
   * What the change must outlive: `machine` (when absent) a loss of power, `process` the end of this process only.
   * The latter is for what a loss of power ends anyway, such as endpoints; it costs no wait for the disk, and never
   * overtakes an earlier change.
   */
  readonly durability?: 'machine' | 'process';
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly entry: Entry;
}

/** Durable, ordered key-value store with compare-and-swap and watch. Keys are text of 1–512 bytes. */
export interface Store extends AsyncDisposable {
  /** Entries whose key begins with `prefix`, in key order, and the store's revision. */
  list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: bigint }>;
  /**
   * All or nothing, durable when it resolves; the new revision.
   * @throws {Conflict} when an expectation fails, naming the key.
   */
  commit(txn: Txn): Promise<bigint>;
  /** Changes after revision `after`, in order, until `signal` aborts. */
  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<StoreEvent>;
}

/** A promise to the store that this process lives. What was put with its id goes when it ends. */
export interface Lease extends AsyncDisposable {
  readonly id: bigint;
  /** Aborts when the store has ended the lease although it was not disposed of. */
  readonly lost: AbortSignal;
}

/** A store that several hosts share. */
export interface SharedStore extends Store {
  /**
   * A lease that is kept alive until it is disposed of, which ends it and deletes what was put with it.
   * @param seconds how long it outlives this process, or the loss of the way to the store.
   * @throws {Unavailable} when the store cannot be reached.
   */
  lease(seconds: number): Promise<Lease>;
}

/** How a host stands with the shared store. */
export interface SharedStatus {
  readonly connected: boolean;
  /** Revision that the local copy shows. */
  readonly revision: bigint;
  /** A change that this host has made is not in the local copy yet: what that shows may be over. */
  readonly behind: boolean;
  /** Milliseconds since the store was last heard; 0 for a store in the same process. */
  readonly ageMs: number;
  readonly lastError?: string;
}

/** A shared store as one host sees it: a local copy to read, and the way to change it. */
export interface SharedView {
  readonly status: SharedStatus;
  /** The local copy, at once. */
  get(key: string): Entry | undefined;
  /** The local copy under a prefix, in key order, at once. */
  entries(prefix: string): Iterable<Entry>;
  /** Batches of real changes, in order, each after the local copy shows it. The listener must not throw. */
  subscribe(listener: (events: readonly StoreEvent[]) => void): Disposable;
  /**
   * As `Store.commit`; when it resolves, the local copy shows it.
   * @throws {Unavailable} while the store cannot be reached, or when it is not known whether it took place.
   */
  commit(txn: Txn): Promise<bigint>;
  /** @throws {Unavailable} */
  lease(seconds: number): Promise<Lease>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}
