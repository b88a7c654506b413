import type { Ip } from '../../core/address.ts';
import type { JoinedRecord, RemoteEndpoint } from '../../core/cluster.ts';
import type { HostState, KernelObject } from '../../core/kernel-objects.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import type { HostRoute, SharedStatus } from '../../core/ports.ts';
import type { AskedPort } from './target.ts';

/** A network of this host. */
export interface NetworkSide {
  readonly label: string;
  readonly network: Network;
  /** What it needs for itself in the kernel. */
  readonly plan: readonly KernelObject[];
  /** Why the cluster refuses it. */
  readonly refusal?: string;
}

/** An endpoint of this host. */
export interface LocalEnd {
  readonly kind: 'local';
  readonly label: string;
  readonly endpoint: Endpoint;
  readonly side: NetworkSide;
  /** What it needs in the kernel: nothing while it is in no sandbox. */
  readonly plan: readonly KernelObject[];
}

/** What the cluster says of another host. */
export interface RemoteNode {
  readonly name: string;
  /** Its VTEP; absent when it is no member. */
  readonly address?: Ip;
  /** UDP port of its tunnels. */
  readonly port?: number;
  readonly hasLease: boolean;
  /** Its endpoints were withdrawn from this host's kernel. */
  readonly isDead: boolean;
  /** Its address answered just now. */
  readonly answers: boolean;
  readonly joined?: JoinedRecord;
}

/** An endpoint of another host. */
export interface RemoteEnd {
  readonly kind: 'remote';
  readonly label: string;
  readonly remote: RemoteEndpoint;
  /** When it was told. */
  readonly revision: bigint;
  /** Its network on this host; absent when this host has none of that name. */
  readonly side?: NetworkSide;
  readonly node: RemoteNode;
  /** What it needs in this host's kernel. */
  readonly plan: readonly KernelObject[];
  /** What lets packets of its host in. */
  readonly senders: readonly KernelObject[];
}

/** An address that no endpoint has. */
export interface AddressEnd {
  readonly kind: 'address';
  readonly ip: Ip;
}

export type PathEnd = LocalEnd | RemoteEnd | AddressEnd;

/** The host that the way begins on. */
export interface HostFacts {
  readonly kernel: HostState;
  readonly routes: readonly HostRoute[];
  /** Bytes: the largest packet that the way to the other end's host takes whole, as far as this host knows. */
  readonly pathMtu?: number;
  readonly store: SharedStatus;
  /** Why this host takes no part in the cluster. */
  readonly fence?: string;
}

/** All that one explanation is made from. */
export interface PathFacts {
  readonly from: LocalEnd;
  readonly to: PathEnd;
  /** The address that was asked for, where one was. */
  readonly asked?: Ip;
  readonly port?: AskedPort;
  readonly host: HostFacts;
}

export interface EndAddresses {
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
}

/** Addresses of an endpoint, without prefix lengths. */
export function addressesOf(end: LocalEnd | RemoteEnd): EndAddresses {
  if (end.kind === 'remote') return end.remote;
  const { ipv4, ipv6 } = end.endpoint.request;
  return {
    ...(ipv4 === undefined ? {} : { ipv4: ipv4.ip }),
    ...(ipv6 === undefined ? {} : { ipv6: ipv6.ip }),
  };
}

/** `10.0.0.2 and fd00::2` */
export function addressText({ ipv4, ipv6 }: EndAddresses): string {
  return [ipv4, ipv6].filter((each) => each !== undefined).join(' and ') || 'no address';
}
