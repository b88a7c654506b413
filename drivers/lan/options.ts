import type { HostFacts } from '../../core/driver.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import type { NetworkRequest } from '../../core/model.ts';
import { linkName, OWN_NAME, OWN_NAMES } from '../../core/names.ts';
import { type OptionReader, optional } from '../options/index.ts';
import {
  type AnnouncementOptions,
  readAnnouncements,
  readDnsTtl,
  readIfacePrefix,
  readMtu,
} from '../segment/index.ts';

/** Options of every network on a LAN. */
export interface LanOptions extends AnnouncementOptions {
  /** The device that containers' links stand on. */
  readonly parent: IfName;
  /** The network has no device of the host's: weft makes one that leads nowhere. */
  readonly ownParent: boolean;
  /** The parent is a sub-interface that weft makes: this VLAN of this device. */
  readonly vlan?: { readonly device: IfName; readonly id: number };
  /** Bytes; absent: the parent's. */
  readonly mtu?: number;
  readonly ifacePrefix: string;
  /** Docker is told of no way out. */
  readonly internal: boolean;
  /** The host has a link of its own beside the containers' ones, and a route to each of them. */
  readonly hostAccess: boolean;
  /** How long clients may keep names of the network, in seconds; absent: the resolver's own choice. */
  readonly dnsTtl?: number;
}

const PARENT = 'parent';
const MTU = 'com.docker.network.driver.mtu';

/** What IEEE 802.1Q leaves for VLANs: 0 is no VLAN, 4095 is reserved. */
const VLAN_IDS = { min: 1, max: 4094 } as const;

/**
 * @throws {InvalidArgument} naming the option, the value and what is accepted; also for a parent that this host does not
 * have, or that no link can stand on.
 */
export function readLanOptions(reader: OptionReader, request: NetworkRequest, host: HostFacts): LanOptions {
  // The subnets that Docker hands over decide about families.
  reader.accept('com.docker.network.enable_ipv4', 'com.docker.network.enable_ipv6');
  const place = readParent(reader, request, host);
  const mtu = readMtu(reader, request);
  const most = host.foreignLinks.get(place.vlan?.device ?? place.parent)?.mtu;
  if (mtu !== undefined && most !== undefined && mtu > most) {
    throw new InvalidArgument(`option ${MTU} is "${mtu}": its parent ${place.parent} carries ${most} bytes`, {
      field: MTU,
    });
  }
  return {
    ...place,
    ...optional('mtu', mtu),
    ...readAnnouncements(reader),
    ifacePrefix: readIfacePrefix(reader),
    internal: reader.boolean('com.docker.network.internal', false) || request.internal || place.ownParent,
    hostAccess: reader.boolean('weft.host_access', false),
    ...optional('dnsTtl', readDnsTtl(reader)),
  };
}

type Place = Pick<LanOptions, 'parent' | 'ownParent' | 'vlan'>;

function readParent(reader: OptionReader, request: NetworkRequest, host: HostFacts): Place {
  const parent = reader.ifName(PARENT);
  if (parent === undefined) return { parent: linkName('wp', request.id), ownParent: true };
  if (OWN_NAME.test(parent)) throw refused(parent, `${OWN_NAMES} are weft's own`);
  if (host.foreignLinks.has(parent)) {
    checkDevice(parent, parent, host);
    return { parent, ownParent: false };
  }
  const [, device, id] = /^(.+)\.(\d+)$/.exec(parent) ?? [];
  if (device === undefined || id === undefined) {
    throw refused(parent, 'this host has no such device; DEVICE.ID would be a VLAN of a device that it has');
  }
  checkVlan(parent, Number(id));
  checkDevice(parent, device, host);
  return { parent, ownParent: false, vlan: { device: device as IfName, id: Number(id) } };
}

function checkVlan(parent: string, id: number): void {
  if (id >= VLAN_IDS.min && id <= VLAN_IDS.max) return;
  throw refused(parent, `VLAN ids are ${VLAN_IDS.min} to ${VLAN_IDS.max}`);
}

/** Kinds of masters that take all frames of their ports (netdev_rx_handler_register() refuses a second taker). */
const TAKES_ALL: ReadonlySet<string> = new Set(['bridge', 'bond', 'team', 'openvswitch']);

/** @param device the parent, or what the parent is a VLAN of. */
function checkDevice(parent: string, device: string, { foreignLinks }: HostFacts): void {
  if (device === 'lo') throw refused(parent, 'nothing can stand on the loopback device');
  const link = foreignLinks.get(device);
  if (link === undefined) throw refused(parent, `this host has no device ${device}`);
  const master = link.master === undefined ? undefined : foreignLinks.get(link.master);
  if (device !== parent || master === undefined || !TAKES_ALL.has(master.type)) return;
  throw refused(parent, `it is a port of the ${master.type} ${link.master}, which takes all of its frames`);
}

function refused(parent: string, why: string): InvalidArgument {
  return new InvalidArgument(`option ${PARENT} is "${parent}": ${why}`, { field: PARENT });
}
