import { familyOf } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { VxlanLink } from '../../core/kernel-objects.ts';
import { decodeLink, encodeLink, type NetlinkTransport, RTEXT_FILTER, RTM } from '../netlink/index.ts';
import type { LinkTable } from './link-table.ts';

/**
 * The error for a VNI that another device has, with that device's name if it lies in this namespace: Docker moves its
 * own into others, where they keep the VNI all the same (drivers/net/vxlan/vxlan_core.c: vxlan_vni_in_use()).
 * @param failure why the creation failed; a refusal for another reason gives nothing.
 */
export async function vniTaken(
  transport: NetlinkTransport,
  links: LinkTable,
  wanted: VxlanLink,
  failure: Error | undefined,
): Promise<{ readonly failure?: KernelError }> {
  if (!(failure instanceof KernelError) || failure.errno !== 'EEXIST') return {};
  if ((await links.read([wanted.name])).length > 0) return {};
  const step = `create vxlan ${wanted.name}`;
  const payload = encodeLink({}, { extMask: RTEXT_FILTER.RTEXT_FILTER_SKIP_STATS, info: { kind: 'vxlan' } });
  const replies = await transport.dump({ type: RTM.RTM_GETLINK, flags: 0, payload });
  const devices = replies.map((reply) => decodeLink(reply.payload).fields);
  const holder = devices.find(({ info }) => {
    const isSix = info?.vxlan?.local6 !== undefined || info?.vxlan?.group6 !== undefined;
    return (
      info?.vxlan?.id === wanted.vni &&
      info.vxlan.port === wanted.port &&
      isSix === (familyOf(wanted.local) === 6)
    );
  });
  const by =
    holder?.name === undefined ? 'a device in another network namespace' : `the device ${holder.name}`;
  const text = `${step}: VNI ${wanted.vni} on UDP port ${wanted.port} is taken by ${by} (EEXIST)`;
  return { failure: new KernelError(text, { errno: 'EEXIST', step }, { cause: failure }) };
}
