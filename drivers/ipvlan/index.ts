/** `weft-ipvlan`: containers on the LAN with the MAC of their parent, told apart by address. Pure. Layer: drivers. */
import type { Cidr } from '../../core/address.ts';
import type { NetworkDriver } from '../../core/driver.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import type { IpvlanLink, KernelObject } from '../../core/kernel-objects.ts';
import type { Endpoint, JoinInfo, Network } from '../../core/model.ts';
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
import { checkSubnets, parseSegmentEndpoint } from '../segment/index.ts';
import { type IpvlanOptions, parseIpvlanOptions } from './options.ts';

export type { IpvlanOptions } from './options.ts';

export const ipvlanDriver: NetworkDriver<IpvlanOptions> = {
  ...LAN_DRIVER,
  name: 'weft-ipvlan',
  parseNetwork: (request, host, others) => {
    const options = parseIpvlanOptions(request, host);
    checkParent('weft-ipvlan', options, others, host, (other) => sharing(options, other));
    checkSubnets(request, others);
    return options;
  },
  parseEndpoint: (network, request) => {
    parseSegmentEndpoint(network, request);
    if (request.mac === undefined) return;
    throw new InvalidArgument(
      `Interface.MacAddress is "${request.mac}": all links of an ipvlan network have the MAC of their parent`,
      { field: 'Interface.MacAddress' },
    );
  },
  planNetwork: (network) => [
    ...planParent(network),
    ...planHostAccess(network, (name) => ipvlanLink(network, name)),
  ],
  planEndpoint: planIpvlanEndpoint,
  chosenMac: () => undefined,
  // In the other modes links speak no ARP, and neighbours are routed to.
  announcements: ({ options }) => ({
    count: options.mode === 'l2' ? options.announcements : 0,
    intervalMs: options.announceMs,
  }),
  ignoredOptions: ({ options }) => options.ignored,
  joinInfo: ipvlanJoinInfo,
  lanLink: ({ options }) => (options.ownParent || options.mode !== 'l2' ? undefined : options.parent),
};

/** Mode and flag are the parent's, and the last link that is made would set them for all (ipvlan_link_new()). */
function sharing({ mode, flag }: IpvlanOptions, other: IpvlanOptions): string | undefined {
  if (mode === other.mode && flag === other.flag) return undefined;
  return `a parent has one mode and one flag, there ipvlan_mode=${other.mode} and ipvlan_flag=${other.flag}`;
}

function ipvlanLink(
  network: Network<IpvlanOptions>,
  name: IfName,
  container?: Parameters<typeof lanLinkParts>[2],
): IpvlanLink {
  const { mode, flag } = network.options;
  return { ...lanLinkParts(network, name, container), type: 'ipvlan', mode, flag };
}

function planIpvlanEndpoint(network: Network<IpvlanOptions>, endpoint: Endpoint): readonly KernelObject[] {
  const { attachment, request } = endpoint;
  if (attachment === undefined) return [];
  const container = { id: request.id, sandbox: attachment.sandboxKey };
  return [ipvlanLink(network, containerLinkName(request), container), ...planHostRoutes(network, endpoint)];
}

/** On layer 3 everything leaves by the link itself: there is nobody to ask for a gateway's MAC. */
function ipvlanJoinInfo(network: Network<IpvlanOptions>, endpoint: Endpoint): JoinInfo {
  const info = lanJoinInfo(network, endpoint);
  if (network.options.mode === 'l2') return info;
  const { gateway: _none, gatewayIpv6: _neither, ...rest } = info;
  if (network.options.internal) return rest;
  const { ipv4, ipv6 } = endpoint.request;
  const families = [...(ipv4 === undefined ? [] : ['0.0.0.0/0']), ...(ipv6 === undefined ? [] : ['::/0'])];
  return { ...rest, routes: families.map((destination) => ({ destination: destination as Cidr })) };
}
