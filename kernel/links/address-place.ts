import { familyOf, type Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import {
  addressFamily,
  decodeAddress,
  decodeLink,
  encodeAddress,
  encodeLink,
  type LinkMessage,
  type NetlinkTransport,
  RTM,
} from '../netlink/index.ts';

/** ARPHRD_ETHER (include/uapi/linux/if_arp.h) */
const ARPHRD_ETHER = 1;

/** A link by which ARP or neighbour discovery can be spoken. */
export interface EthernetLink {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: Mac;
}

/** Undefined for a link that has no Ethernet address, such as a tunnel. */
export function ethernetLink({ header, fields }: LinkMessage): EthernetLink | undefined {
  const { address, name = '' } = fields;
  if (header.type !== ARPHRD_ETHER || address === undefined) return undefined;
  return { name, ifindex: header.index, mac: address as Mac };
}

/**
 * The link of a namespace that has an address; undefined when none has, or one that is not Ethernet.
 * @throws {KernelError}
 */
export async function linkWithAddress(
  transport: NetlinkTransport,
  ip: Ip,
): Promise<EthernetLink | undefined> {
  const payload = encodeAddress({ family: addressFamily(familyOf(ip)) }, {});
  const addresses = await transport.dump({ type: RTM.RTM_GETADDR, flags: 0, payload });
  for (const { header, fields } of addresses.map((reply) => decodeAddress(reply.payload))) {
    if ((fields.local ?? fields.address) !== ip) continue;
    const { index } = header;
    const request = { type: RTM.RTM_GETLINK, flags: 0, payload: encodeLink({ index }, {}) };
    const [link] = await transport.request(request, `look up the link of ${ip}`);
    return link && ethernetLink(decodeLink(link.payload));
  }
  return undefined;
}
