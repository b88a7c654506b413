import type { Cidr, Family, IfAddress, Ip } from './address.ts';
import { formatIfAddress } from './address.ts';
import type { IfName, Mac, SandboxKey } from './ids.ts';
import type { NftFamily, NftTable } from './nft.ts';

/**
 * A Linux bridge. `alias` marks the owner (`weft:…`). An `adopted` bridge existed before the network did:
 * it is used, brought up, and never deleted.
 */
export interface BridgeLink {
  readonly kind: 'link';
  readonly type: 'bridge';
  readonly name: IfName;
  /** Bytes. Absent: left as the kernel makes it (1500) or as found. */
  readonly mtu?: number;
  readonly mac?: Mac;
  readonly alias: string;
  readonly adopted?: true;
  /** IPv4 packets from 127.0.0.0/8 may leave through this link (IPV4_DEVCONF_ROUTE_LOCALNET). */
  readonly routeLocalnet?: true;
  /** The bridge will hold IPv6 addresses. Absent: no link-local address is generated either. */
  readonly ipv6?: true;
  /** Snapshots only: administratively down. */
  readonly down?: true;
}

/**
 * A veth pair: `name` stays on the host as a bridge port, `peerName` is handed over to Docker, which renames it and
 * moves it into the sandbox. Only the host end is compared; the pair lives and dies together.
 */
export interface VethLink {
  readonly kind: 'link';
  readonly type: 'veth';
  readonly name: IfName;
  readonly peerName: IfName;
  readonly peerMac?: Mac;
  readonly mtu?: number;
  readonly alias: string;
  readonly master: IfName;
  /** Bridge port isolation: no frames to other isolated ports (IFLA_BRPORT_ISOLATED). */
  readonly isolated: boolean;
  /** Device group (IFLA_GROUP): tells rules which network frames belong to. Absent: 0. */
  readonly group?: number;
  /** Frames may leave by the port they came in (IFLA_BRPORT_MODE): how a container reaches its own published port. */
  readonly hairpin: boolean;
  /** Snapshots only: administratively down. */
  readonly down?: true;
}

/**
 * A VXLAN device (RFC 7348) as a bridge port that learns nothing: where a MAC lives is told by FDB entries alone. The
 * bridge answers ARP and ND for known neighbours in its place (IFLA_BRPORT_NEIGH_SUPPRESS).
 */
export interface VxlanLink {
  readonly kind: 'link';
  readonly type: 'vxlan';
  readonly name: IfName;
  readonly vni: number;
  /** The underlay address that tunnel packets come from. */
  readonly local: Ip;
  /** UDP port of all VTEPs. */
  readonly port: number;
  readonly mtu?: number;
  readonly alias: string;
  readonly master: IfName;
  /** Device group, as of a veth pair. */
  readonly group?: number;
  /** Broadcast and multicast frames go to the VTEPs of the all-zero MAC; otherwise nothing is flooded. */
  readonly flood: boolean;
  /** Snapshots only: administratively down. */
  readonly down?: true;
  /** Snapshots only: a setting that all of weft's VXLAN devices share, such as a port flag, is another one. */
  readonly altered?: true;
}

/** What every link on a parent device has. It goes with its parent, in whatever namespace it is. */
interface ChildLink {
  readonly kind: 'link';
  readonly name: IfName;
  /** Name of the device of the host that it stands on. */
  readonly parent: IfName;
  readonly alias: string;
  /** Snapshots only: administratively down. */
  readonly down?: true;
}

/** What links have that share a LAN with others through their parent. */
interface LanChildLink extends ChildLink {
  /** Bytes, as the link is made with; absent: the parent's. The kernel changes it with the parent's, so it is not compared. */
  readonly mtu?: number;
  /**
   * The sandbox that Docker moves the link to, or has moved it to; in there it is known by its alias, and has the name
   * and the settings that Docker gave it. Absent: the host's own, which is brought up and looks for ARP requests that it
   * would answer by itself only (IPV4_DEVCONF_ARPFILTER).
   */
  readonly sandbox?: SandboxKey;
}

/** How macvlan links of one parent reach each other (include/uapi/linux/if_link.h: enum macvlan_mode). */
export type MacvlanMode = 'bridge' | 'private' | 'vepa' | 'passthru';

/** A link with a MAC of its own on a parent device. */
export interface MacvlanLink extends LanChildLink {
  readonly type: 'macvlan';
  readonly mode: MacvlanMode;
  /** As the link is made with; absent: the kernel's choice, in mode `passthru` the parent's. */
  readonly mac?: Mac;
}

/** On which layer ipvlan links are told apart. One parent has one mode and one flag (drivers/net/ipvlan). */
export type IpvlanMode = 'l2' | 'l3' | 'l3s';

/** How ipvlan links of one parent reach each other. */
export type IpvlanFlag = 'bridge' | 'private' | 'vepa';

/** A link with the MAC of its parent device, told apart by its addresses. */
export interface IpvlanLink extends LanChildLink {
  readonly type: 'ipvlan';
  readonly mode: IpvlanMode;
  readonly flag: IpvlanFlag;
}

/** An 802.1Q sub-interface: the frames of the parent that carry this tag. */
export interface VlanLink extends ChildLink {
  readonly type: 'vlan';
  /** VLAN id, 1–4094. */
  readonly vlan: number;
}

/** What stands under a wanted name without being what is wanted: another kind of link, or ours set down. Snapshots only. */
export interface ForeignLink {
  readonly kind: 'link';
  readonly type: 'foreign';
  readonly name: IfName;
  readonly found: string;
}

/**
 * A device that leads nowhere, for links that reach each other only: dummy, or ifb where the kernel has no dummy. A bridge
 * without ports is none: it has no carrier, nor have links on it.
 */
export interface DummyLink {
  readonly kind: 'link';
  readonly type: 'dummy';
  readonly name: IfName;
  /** Bytes. Absent: 1500. */
  readonly mtu?: number;
  readonly alias: string;
  /** Snapshots only: administratively down. */
  readonly down?: true;
}

/** A link on a LAN. */
export type LanLink = MacvlanLink | IpvlanLink;

/** What gives a container its interface. */
export type ContainerLink = VethLink | LanLink;

export type LinkObject = BridgeLink | VethLink | VxlanLink | LanLink | VlanLink | DummyLink | ForeignLink;

export interface AddressObject {
  readonly kind: 'address';
  readonly dev: IfName;
  readonly address: IfAddress;
}

export interface RouteObject {
  readonly kind: 'route';
  readonly destination: Cidr;
  readonly via?: Ip;
  readonly dev: IfName;
  /**
   * The host speaks there with the address that this device has, whichever that is; where it has none, or without this,
   * with what the kernel chooses.
   */
  readonly sourceOf?: IfName;
}

/** An ARP or ND entry (NUD_PERMANENT). */
export interface NeighbourObject {
  readonly kind: 'neighbour';
  readonly dev: IfName;
  readonly ip: Ip;
  readonly mac: Mac;
}

/**
 * A static forwarding entry. With `destination` it is the VXLAN device's own and names the remote VTEP (NTF_SELF); the
 * all-zero MAC there stands for frames to everybody and may have many destinations. Without, it is the bridge's and
 * names the port (NTF_MASTER).
 */
export interface FdbObject {
  readonly kind: 'fdb';
  readonly dev: IfName;
  readonly mac: Mac;
  readonly destination?: Ip;
}

/**
 * A way past the bridge: what comes in by `dev` for a MAC that the map `set` of the netdev table `table` knows in the
 * device's group goes out by the link named there at once; everything else goes on as usual.
 */
export interface ShortcutObject {
  readonly kind: 'shortcut';
  readonly dev: IfName;
  readonly table: string;
  readonly set: string;
  /** Snapshots only: not as weft makes it. */
  readonly altered?: true;
}

/** `path` below /proc/sys, with slashes: `net/ipv4/ip_forward`. */
export interface SysctlObject {
  readonly kind: 'sysctl';
  readonly path: string;
  readonly value: string;
}

/** A private nft table without its elements. */
export interface TableObject {
  readonly kind: 'table';
  readonly family: NftFamily;
  readonly name: string;
  /** Changes when any chain, rule or set definition does. Computed by `tableObject`. */
  readonly fingerprint: string;
  /** Absent in snapshots. */
  readonly table?: NftTable;
}

/**
 * One element of a set or map in a weft table. `key` and `data` hold one text per field of the concatenation:
 * addresses canonical, `inet_proto` as `tcp`, `udp`, `sctp`, `icmp`, `ipv6-icmp`; `inet_service` and `mark` decimal;
 * `devgroup` decimal, `iface_index` the link's name; an interval key as CIDR; a verdict as `accept`, `drop`, `return`,
 * `jump NAME` or `goto NAME`.
 */
export interface ElementObject {
  readonly kind: 'element';
  readonly family: NftFamily;
  readonly table: string;
  readonly set: string;
  readonly key: readonly string[];
  readonly data?: readonly string[];
}

export type KernelObject =
  | LinkObject
  | AddressObject
  | RouteObject
  | NeighbourObject
  | FdbObject
  | ShortcutObject
  | SysctlObject
  | TableObject
  | ElementObject;

/** What an object *is*; two objects with one key and different fields are the same thing in two states. */
export type ObjectKey = string & { readonly __objectKey?: never };

export function keyOf(object: KernelObject): ObjectKey {
  switch (object.kind) {
    case 'link':
      return `link ${object.name}`;
    case 'address':
      return `address ${object.dev} ${formatIfAddress(object.address)}`;
    case 'route':
      return `route ${object.dev} ${object.destination}`;
    case 'neighbour':
      return `neighbour ${object.dev} ${object.ip}`;
    case 'fdb':
      return `fdb ${object.dev} ${object.mac} ${object.destination ?? ''}`;
    case 'shortcut':
      return `shortcut ${object.dev}`;
    case 'sysctl':
      return `sysctl ${object.path}`;
    case 'table':
      return `table ${object.family} ${object.name}`;
    case 'element':
      return `element ${object.family} ${object.table} ${object.set} ${object.key.join(' . ')}`;
  }
}

export type HostState = ReadonlyMap<ObjectKey, KernelObject>;

export function hostState(objects: Iterable<KernelObject>): Map<ObjectKey, KernelObject> {
  const state = new Map<ObjectKey, KernelObject>();
  for (const object of objects) state.set(keyOf(object), object);
  return state;
}

/** Whether a link is made to be moved into a sandbox as it is. */
export function isLanLink(object: KernelObject): object is LanLink {
  return object.kind === 'link' && (object.type === 'macvlan' || object.type === 'ipvlan');
}

export function nftFamily(family: Family): NftFamily {
  return family === 4 ? 'ip' : 'ip6';
}
