import { closeSync, openSync } from 'node:fs';
import { BITS, type Family, familyOf, type IfAddress, type Ip, ipToBigint } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { Mac } from '../../core/ids.ts';
import type { SandboxPlumbing } from '../../core/ports.ts';
import {
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
import { createVeth, type NamedRequest } from './link-messages.ts';
import { LinkTable } from './link-table.ts';
import { addressFamily } from './object-messages.ts';
import { allLinks } from './snapshot.ts';

/**
 * Makes a veth pair whose far end lies in a sandbox, named `prefix` and the lowest free number there, with MAC,
 * addresses and default routes, as Docker would have left it.
 * @returns false when the sandbox is gone.
 * @throws {KernelError} after deleting the pair again.
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
    const [created, ...settings] = await createPair(host, links, hasIpv6, plumbing, descriptor);
    if (created?.status === 'rejected') throw created.reason;
    try {
      throwFirst(settings);
      await configure(inside, plumbing);
    } catch (error) {
      const payload = encodeLink({}, { name: plumbing.veth.name });
      await host.request({ type: RTM.RTM_DELLINK, flags: 0, payload }, `delete veth ${plumbing.veth.name}`);
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

async function createPair(
  host: NetlinkTransport,
  links: LinkTable,
  hasIpv6: boolean,
  { veth }: SandboxPlumbing,
  namespace: number,
): Promise<readonly Outcome[]> {
  await links.find([veth.master]);
  const master = links.get(veth.master);
  const step = `create veth ${veth.name} into the sandbox`;
  if (master === undefined) {
    throw new KernelError(`${step}: there is no link ${veth.master} (ENODEV)`, { errno: 'ENODEV', step });
  }
  return host.requestAll(createVeth(veth, master, hasIpv6, namespace));
}

function throwFirst(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

async function configure(inside: NetlinkTransport, plumbing: SandboxPlumbing): Promise<void> {
  const links = new LinkTable(inside);
  const present = await allLinks(inside, links);
  const index = links.get(plumbing.veth.peerName);
  const step = `find ${plumbing.veth.peerName} in the sandbox`;
  if (index === undefined)
    throw new KernelError(`${step}: it is not there (ENODEV)`, { errno: 'ENODEV', step });
  const taken = new Set(present.map(({ fields }) => fields.name));
  let number = 0;
  while (taken.has(`${plumbing.prefix}${number}`)) number++;
  const name = `${plumbing.prefix}${number}`;
  const outcomes = await inside.requestAll([
    rename(index, name, plumbing.mac),
    ...plumbing.addresses.map((address) => addAddress(index, name, address)),
    bringUp(index, name),
    ...[plumbing.gateway, plumbing.gatewayIpv6].flatMap((via) =>
      via === undefined ? [] : defaultRoute(index, name, via, plumbing.addresses),
    ),
  ]);
  throwFirst(outcomes);
}

function rename(index: number, name: string, address: Mac): NamedRequest {
  const payload = encodeLink({ index }, { name, address });
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
