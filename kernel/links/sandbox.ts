import { closeSync, openSync } from 'node:fs';
import { BITS, type Family, familyOf, type IfAddress, type Ip, ipToBigint } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { ContainerLink } from '../../core/kernel-objects.ts';
import type { SandboxPlumbing } from '../../core/ports.ts';
import {
  addressFamily,
  encodeAddress,
  encodeLink,
  encodeRoute,
  IFA_F,
  IFF,
  NETLINK_PROTOCOL,
  type NetlinkTransport,
  NLM_F,
  openTransport,
  RT_SCOPE,
  RT_TABLE,
  RTM,
  RTN,
  RTPROT,
} from '../netlink/index.ts';
import type { Outcome } from './action.ts';
import { createChild } from './child-messages.ts';
import { createVeth, type NamedRequest } from './link-messages.ts';
import { knownIndex, noLink } from './link-step.ts';
import { allLinks, LinkTable } from './link-table.ts';

/**
 * Makes a container's link: a veth pair whose far end lies in a sandbox, or a link on a LAN that lies there. It is named
 * `prefix` and the lowest free number there, with MAC, addresses and default routes, as Docker would have left it.
 * @returns false when the sandbox, or the device that the link would stand on, is gone.
 * @throws {KernelError} after deleting the link again.
 */
export async function plumbSandbox(
  host: NetlinkTransport,
  links: LinkTable,
  hasIpv6: boolean,
  plumbing: SandboxPlumbing,
): Promise<boolean> {
  const sandbox = openSandbox(plumbing.namespace);
  if (sandbox === undefined) return false;
  const { descriptor, inside } = sandbox;
  try {
    const { link } = plumbing;
    const on = await knownIndex(links, link.type === 'veth' ? link.master : link.parent);
    if (on === undefined && link.type !== 'veth') return false;
    if (link.type !== 'veth') await deleteUnfinished(inside, link.name);
    const [created, ...settings] = await createInto(host, on, hasIpv6, link, descriptor);
    if (created?.status === 'rejected') throw created.reason;
    const made = await findInside(inside, link);
    try {
      throwFirst(settings);
      await configure(inside, plumbing, made);
    } catch (error) {
      if (link.type === 'veth') await deleteLink(host, { name: link.name });
      else await deleteLink(inside, { index: made.index });
      throw error;
    }
    return true;
  } finally {
    closeSync(descriptor);
    await inside[Symbol.asyncDispose]();
  }
}

/** A sandbox's namespace; undefined when its file is gone, or nothing is mounted on it any more (EINVAL). */
export function openSandbox(path: string): { descriptor: number; inside: NetlinkTransport } | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    return {
      descriptor,
      inside: openTransport({ protocol: NETLINK_PROTOCOL.NETLINK_ROUTE, namespace: path }),
    };
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    const errno = error instanceof KernelError ? error.errno : (error as NodeJS.ErrnoException).code;
    if (errno === 'ENOENT' || errno === 'EINVAL') return undefined;
    throw error;
  }
}

/** What somebody who died on the way has left: a link that has its own name still. */
async function deleteUnfinished(inside: NetlinkTransport, name: string): Promise<void> {
  const index = await knownIndex(new LinkTable(inside), name);
  if (index !== undefined) await deleteLink(inside, { index });
}

async function createInto(
  host: NetlinkTransport,
  on: number | undefined,
  hasIpv6: boolean,
  link: ContainerLink,
  namespace: number,
): Promise<readonly Outcome[]> {
  if (link.type !== 'veth') return host.requestAll([createChild(link, on ?? 0, namespace)]);
  if (on === undefined) throw noLink(link.master, `create veth ${link.name} into the sandbox`);
  return host.requestAll(createVeth(link, on, hasIpv6, namespace));
}

async function deleteLink(
  transport: NetlinkTransport,
  { index, name }: { readonly index?: number; readonly name?: string },
): Promise<void> {
  const payload = encodeLink(index === undefined ? {} : { index }, name === undefined ? {} : { name });
  await transport.request({ type: RTM.RTM_DELLINK, flags: 0, payload }, 'delete the link again');
}

/** What the container's part of a new link is in its sandbox: its ifindex, and the names that others have. */
interface MadeInside {
  readonly index: number;
  readonly taken: ReadonlySet<string | undefined>;
}

async function findInside(inside: NetlinkTransport, link: ContainerLink): Promise<MadeInside> {
  const links = new LinkTable(inside);
  const present = await allLinks(inside, links);
  const name = link.type === 'veth' ? link.peerName : link.name;
  const index = links.get(name);
  if (index === undefined) throw noLink(name, 'name the link in the sandbox');
  return { index, taken: new Set(present.map(({ fields }) => fields.name)) };
}

function throwFirst(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

async function configure(
  inside: NetlinkTransport,
  plumbing: SandboxPlumbing,
  { index, taken }: MadeInside,
): Promise<void> {
  let number = 0;
  while (taken.has(`${plumbing.prefix}${number}`)) number++;
  const name = `${plumbing.prefix}${number}`;
  const outcomes = await inside.requestAll([
    settle(index, name, plumbing),
    ...plumbing.addresses.map((address) => addAddress(index, name, address)),
    bringUp(index, name),
    ...[plumbing.gateway, plumbing.gatewayIpv6].flatMap((via) =>
      via === undefined ? [] : defaultRoute(index, name, via, plumbing.addresses),
    ),
    ...plumbing.defaultByDevice.map((family) =>
      route(index, family, {}, `default route by ${name} in the sandbox`),
    ),
  ]);
  throwFirst(outcomes);
}

/** Name and MAC; of a link on a LAN also the alias by which it is found again. */
function settle(index: number, name: string, { link, mac }: SandboxPlumbing): NamedRequest {
  const alias = link.type === 'veth' ? {} : { alias: link.alias };
  const payload = encodeLink({ index }, { name, ...(mac === undefined ? {} : { address: mac }), ...alias });
  return { type: RTM.RTM_SETLINK, flags: 0, payload, step: `name ${name} in the sandbox` };
}

function bringUp(index: number, name: string): NamedRequest {
  const payload = encodeLink({ index, flags: IFF.IFF_UP, change: IFF.IFF_UP }, {});
  return { type: RTM.RTM_SETLINK, flags: 0, payload, step: `bring up ${name} in the sandbox` };
}

function addAddress(index: number, name: string, { ip, prefix }: IfAddress): NamedRequest {
  const family = familyOf(ip);
  const header = {
    family: addressFamily(family),
    prefix,
    index,
    flags: family === 6 ? IFA_F.IFA_F_NODAD : 0,
  };
  return {
    type: RTM.RTM_NEWADDR,
    flags: NLM_F.NLM_F_CREATE | NLM_F.NLM_F_REPLACE,
    payload: encodeAddress(header, { local: ip, address: ip }),
    step: `give ${name} ${ip}/${prefix} in the sandbox`,
  };
}

/** The default route, after a route to the gateway itself where no subnet of the interface holds it. */
function defaultRoute(index: number, name: string, via: Ip, addresses: readonly IfAddress[]): NamedRequest[] {
  const family = familyOf(via);
  const reachable = addresses.some(
    ({ ip, prefix }) => familyOf(ip) === family && sameSubnet(ip, via, prefix, family),
  );
  const toGateway = route(index, family, { destination: via }, `route to ${via} by ${name} in the sandbox`);
  const toAll = route(index, family, { gateway: via }, `default route by ${via} in the sandbox`);
  return reachable ? [toAll] : [toGateway, toAll];
}

function sameSubnet(a: Ip, b: Ip, prefix: number, family: Family): boolean {
  const hostBits = BigInt(BITS[family] - prefix);
  return ipToBigint(a) >> hostBits === ipToBigint(b) >> hostBits;
}

function route(
  index: number,
  family: Family,
  fields: { readonly destination?: Ip; readonly gateway?: Ip },
  step: string,
): NamedRequest {
  const header = {
    family: addressFamily(family),
    destinationPrefix: fields.destination === undefined ? 0 : BITS[family],
    table: RT_TABLE.RT_TABLE_MAIN,
    protocol: RTPROT.RTPROT_BOOT,
    scope: fields.gateway === undefined && family === 4 ? RT_SCOPE.RT_SCOPE_LINK : RT_SCOPE.RT_SCOPE_UNIVERSE,
    type: RTN.RTN_UNICAST,
  };
  return {
    type: RTM.RTM_NEWROUTE,
    flags: NLM_F.NLM_F_CREATE | NLM_F.NLM_F_REPLACE,
    payload: encodeRoute(header, { ...fields, oif: index }),
    step,
  };
}
