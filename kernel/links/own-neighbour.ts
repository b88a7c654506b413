import { familyOf, type Ip } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { Mac } from '../../core/ids.ts';
import { addressFamily, encodeNeighbour, type NetlinkTransport, NLM_F, NUD, RTM } from '../netlink/index.ts';

/**
 * Does to the host's own neighbour table what an announcement does to others' (RFC 5227 section 2.3, RFC 4861 section
 * 7.2.5): an entry that exists gets the new MAC, none is made. The host never receives what it announces itself, and
 * a stale entry of a bridge lives as long as the host keeps sending.
 * @param index ifindex of the link the address is on.
 * @throws {KernelError}
 */
export async function correctNeighbour(
  transport: NetlinkTransport,
  index: number,
  ip: Ip,
  mac: Mac,
): Promise<void> {
  const header = { family: addressFamily(familyOf(ip)), index, state: NUD.NUD_STALE };
  try {
    await transport.request(
      {
        type: RTM.RTM_NEWNEIGH,
        // Without NLM_F_CREATE, so that the kernel answers ENOENT where there is no entry (net/core/neighbour.c).
        flags: NLM_F.NLM_F_REPLACE,
        payload: encodeNeighbour(header, { destination: ip, address: mac }),
      },
      `correct neighbour ${ip}`,
    );
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== 'ENOENT') throw error;
  }
}
