import type { IfName, Mac } from '../../core/ids.ts';
import type { FdbObject, NeighbourObject } from '../../core/kernel-objects.ts';
import { AF, type NeighbourMessage, NTF, NUD } from '../netlink/index.ts';
import { ZERO_MAC } from './object-messages.ts';

/** A neighbour or forwarding entry of the kernel, and whether it is one as weft makes them. */
export interface SeenEntry {
  readonly entry: NeighbourObject | FdbObject;
  /**
   * A permanent neighbour, a static entry of a port, or a VXLAN device's own with the device's VNI and port. Others
   * come and go by themselves, or are the kernel's, such as a port's own MAC.
   */
  readonly fixed: boolean;
}

/**
 * What a message about a neighbour or forwarding entry is about; undefined when it is no entry such as weft makes.
 * @param nameOf names of links by ifindex.
 */
export function entryOf(
  message: NeighbourMessage,
  nameOf: (index: number) => IfName | undefined,
): SeenEntry | undefined {
  const dev = nameOf(message.header.index);
  if (dev === undefined) return undefined;
  return message.header.family === AF.AF_BRIDGE ? forwarding(message, dev) : neighbour(message, dev);
}

/** A neighbour that goes may be told of without its MAC. */
function neighbour({ header, fields }: NeighbourMessage, dev: IfName): SeenEntry | undefined {
  const ip = fields.destination;
  if (ip === undefined) return undefined;
  const mac = fields.address === undefined ? undefined : macOf(fields.address);
  const fixed = mac !== undefined && (header.state & NUD.NUD_PERMANENT) !== 0;
  return { entry: { kind: 'neighbour', dev, ip, mac: mac ?? ZERO_MAC }, fixed };
}

function forwarding({ header, fields }: NeighbourMessage, dev: IfName): SeenEntry | undefined {
  const mac = fields.address === undefined ? undefined : macOf(fields.address);
  // With a VLAN it is another entry of the same MAC.
  if (mac === undefined || (fields.vlan ?? 0) !== 0) return undefined;
  const { destination } = fields;
  if (destination === undefined && fields.master === undefined) return undefined;
  const own = (header.flags & NTF.NTF_EXT_LEARNED) === 0;
  if (destination === undefined) {
    return { entry: { kind: 'fdb', dev, mac }, fixed: own && header.state === NUD.NUD_NOARP };
  }
  const isStatic = (header.state & (NUD.NUD_PERMANENT | NUD.NUD_NOARP)) !== 0;
  const elsewhere = fields.port !== undefined || fields.vni !== undefined || fields.oif !== undefined;
  return { entry: { kind: 'fdb', dev, mac, destination }, fixed: own && isStatic && !elsewhere };
}

/** Multicast MACs belong to the kernel; other lengths to tunnels that are no Ethernet. */
function macOf(text: string): Mac | undefined {
  const isUnicast = text.length === 17 && (Number.parseInt(text.charAt(1), 16) & 1) === 0;
  return isUnicast ? (text as Mac) : undefined;
}
