/** `weft-macvlan`: containers as machines on the LAN, each with a MAC of its own. Pure. Layer: drivers. */
import type { NetworkDriver } from '../../core/driver.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { KernelObject, MacvlanLink } from '../../core/kernel-objects.ts';
import type { Endpoint, EndpointRequest, Network } from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';
import {
  checkParent,
  containerLinkName,
  LAN_DRIVER,
  lanJoinInfo,
  lanLinkParts,
  planHostAccess,
  planHostRoutes,
  planParent,
} from '../lan/index.ts';
import { optional } from '../options/index.ts';
import { checkSubnets, parseSegmentEndpoint } from '../segment/index.ts';
import { type MacvlanOptions, parseMacvlanOptions } from './options.ts';

export type { MacvlanOptions } from './options.ts';

export const macvlanDriver: NetworkDriver<MacvlanOptions> = {
  ...LAN_DRIVER,
  name: 'weft-macvlan',
  parseNetwork: (request, host, others) => {
    const options = parseMacvlanOptions(request, host);
    checkParent('weft-macvlan', options, others, host, (other) => sharing(options, other));
    checkSubnets(request, others);
    return options;
  },
  parseEndpoint: parseSegmentEndpoint,
  planNetwork: (network) => [
    ...planParent(network),
    ...planHostAccess(network, (name) => hostLink(network, name)),
  ],
  planEndpoint: planMacvlanEndpoint,
  chosenMac,
  admitsOne: ({ options }) => (options.mode === 'passthru' ? 'macvlan_mode=passthru' : undefined),
  announcements: ({ options }) => ({ count: options.announcements, intervalMs: options.announceMs }),
  ignoredOptions: ({ options }) => options.ignored,
  joinInfo: lanJoinInfo,
  dhcp: ({ options }) => (options.dhcp ? { device: options.parent } : undefined),
  lanLink: ({ options }) => (options.ownParent ? undefined : options.parent),
};

/** As Docker has it: any modes share a parent but `passthru`, which has it alone. */
function sharing({ mode }: MacvlanOptions, other: MacvlanOptions): string | undefined {
  if (mode !== 'passthru' && other.mode !== 'passthru') return undefined;
  return `mode "passthru" ${mode === 'passthru' ? 'would have' : 'has'} its parent alone`;
}

/**
 * By the address, so that a container that starts again is the same machine for its neighbours, switches and firewalls.
 * In mode `passthru` the link has the parent's MAC.
 */
function chosenMac(
  { options, request }: Network<MacvlanOptions>,
  endpoint: EndpointRequest,
): Mac | undefined {
  if (options.mode === 'passthru') return undefined;
  const { ipv4, ipv6, id } = endpoint;
  return derivedMac(`${request.id} ${(ipv4 ?? ipv6)?.ip ?? id}`);
}

function hostLink(network: Network<MacvlanOptions>, name: IfName): MacvlanLink {
  return {
    ...lanLinkParts(network, name),
    type: 'macvlan',
    mode: network.options.mode,
    mac: derivedMac(`${network.request.id} host`),
  };
}

/** In mode `passthru` the link has the parent's MAC, which one of its own would take from the parent. */
function planMacvlanEndpoint(network: Network<MacvlanOptions>, endpoint: Endpoint): readonly KernelObject[] {
  const { attachment, request } = endpoint;
  if (attachment === undefined) return [];
  const { mode } = network.options;
  const mac = mode === 'passthru' ? request.mac : endpoint.mac;
  const container = { id: request.id, sandbox: attachment.sandboxKey };
  return [
    {
      ...lanLinkParts(network, containerLinkName(request), container),
      type: 'macvlan',
      mode,
      ...optional('mac', mac),
    },
    ...planHostRoutes(network, endpoint),
  ];
}
