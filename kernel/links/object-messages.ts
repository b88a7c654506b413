import { cidrRange, familyOf, type Ip, ipFromBigint } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import type { AddressObject, FdbObject, NeighbourObject, RouteObject } from '../../core/kernel-objects.ts';
import {
  AF,
  addressFamily,
  encodeAddress,
  encodeNeighbour,
  encodeRoute,
  IFA_F,
  type NetlinkRequest,
  NLM_F,
  NTF,
  NUD,
  RT_SCOPE,
  RT_TABLE,
  RTM,
  RTN,
  RTPROT,
} from '../netlink/index.ts';

/** A route as it is sent. */
export type SentRoute = RouteObject & {
  /** The address that the host speaks with there (RTA_PREFSRC). */
  readonly source?: Ip;
};

/** Objects that stand on a link and name it by ifindex in their messages. */
export type OnLink = AddressObject | SentRoute | NeighbourObject | FdbObject;

const NEW = NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL;
const SET = NLM_F.NLM_F_CREATE | NLM_F.NLM_F_REPLACE;
/** Stands for frames to everybody in the forwarding table of a VXLAN device. */
export const ZERO_MAC = '00:00:00:00:00:00' as Mac;

/**
 * The request that makes `object` on the link with this ifindex.
 * @param replaces whether a route may take the place of another one to its destination.
 */
export function addRequest(object: OnLink, index: number, replaces = false): NetlinkRequest {
  switch (object.kind) {
    case 'address':
      return { type: RTM.RTM_NEWADDR, flags: NEW, payload: addressPayload(object, index) };
    case 'route':
      return { type: RTM.RTM_NEWROUTE, flags: replaces ? SET : NEW, payload: routePayload(object, index) };
    case 'neighbour':
      return { type: RTM.RTM_NEWNEIGH, flags: SET, payload: neighbourPayload(object, index) };
    case 'fdb':
      return { type: RTM.RTM_NEWNEIGH, flags: fdbFlags(object), payload: fdbPayload(object, index) };
  }
}

/** The request that removes `object` from the link with this ifindex. */
export function removeRequest(object: OnLink, index: number): NetlinkRequest {
  switch (object.kind) {
    case 'address':
      return { type: RTM.RTM_DELADDR, flags: 0, payload: addressPayload(object, index) };
    case 'route':
      return { type: RTM.RTM_DELROUTE, flags: 0, payload: routePayload(object, index, true) };
    case 'neighbour':
      return { type: RTM.RTM_DELNEIGH, flags: 0, payload: neighbourPayload(object, index) };
    case 'fdb':
      return { type: RTM.RTM_DELNEIGH, flags: 0, payload: fdbPayload(object, index) };
  }
}

/** An IPv6 address skips duplicate detection: it is an anycast gateway or the only one of its kind, and needed now. */
function addressPayload({ address: { ip, prefix } }: AddressObject, index: number): Uint8Array {
  const family = familyOf(ip);
  const header = { family: addressFamily(family), prefix, index };
  return encodeAddress(
    { ...header, flags: family === 6 ? IFA_F.IFA_F_NODAD : 0 },
    { local: ip, address: ip },
  );
}

function routePayload(object: SentRoute, index: number, removing = false): Uint8Array {
  const { first, family, prefix } = cidrRange(object.destination);
  const scope =
    object.via === undefined && family === 4 ? RT_SCOPE.RT_SCOPE_LINK : RT_SCOPE.RT_SCOPE_UNIVERSE;
  const header = {
    family: addressFamily(family),
    destinationPrefix: prefix,
    table: RT_TABLE.RT_TABLE_MAIN,
    protocol: removing ? 0 : RTPROT.RTPROT_WEFT,
    scope: removing ? 255 : scope,
    type: RTN.RTN_UNICAST,
  };
  return encodeRoute(header, {
    ...(prefix === 0 ? {} : { destination: ipFromBigint(first, family) }),
    ...(object.via === undefined ? {} : { gateway: object.via }),
    ...(object.source === undefined ? {} : { preferredSource: object.source }),
    oif: index,
  });
}

function neighbourPayload({ ip, mac }: NeighbourObject, index: number): Uint8Array {
  const header = { family: addressFamily(familyOf(ip)), index, state: NUD.NUD_PERMANENT };
  return encodeNeighbour(header, { destination: ip, address: mac });
}

/** Several VTEPs may stand under the all-zero MAC (the flood list); under another MAC the last one counts. */
function fdbFlags({ mac, destination }: FdbObject): number {
  const several = destination !== undefined && mac === ZERO_MAC;
  return NLM_F.NLM_F_CREATE | (several ? NLM_F.NLM_F_APPEND : NLM_F.NLM_F_REPLACE);
}

function fdbPayload({ mac, destination }: FdbObject, index: number): Uint8Array {
  const vtep = destination !== undefined;
  const header = {
    family: AF.AF_BRIDGE,
    index,
    state: vtep ? NUD.NUD_NOARP | NUD.NUD_PERMANENT : NUD.NUD_NOARP,
    flags: vtep ? NTF.NTF_SELF : NTF.NTF_MASTER,
  };
  return encodeNeighbour(header, { address: mac, ...(vtep ? { destination } : {}) });
}

/** What is being done, in words, for errors. */
export function describe(verb: 'create' | 'delete', object: OnLink): string {
  switch (object.kind) {
    case 'address':
      return `${verb} address ${object.address.ip}/${object.address.prefix} on ${object.dev}`;
    case 'route':
      return `${verb} route ${object.destination}${word('via', object.via)} dev ${object.dev}${word('src', object.source)}`;
    case 'neighbour':
      return `${verb} neighbour ${object.ip} at ${object.mac} on ${object.dev}`;
    case 'fdb':
      return `${verb} forwarding entry ${object.mac}${object.destination === undefined ? '' : ` to ${object.destination}`} on ${object.dev}`;
  }
}

function word(name: string, value: string | undefined): string {
  return value === undefined ? '' : ` ${name} ${value}`;
}
