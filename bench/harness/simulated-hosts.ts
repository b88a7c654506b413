import { createHash } from 'node:crypto';
import type { Ip } from '../../core/address.ts';
import {
  type AliveRecord,
  CLUSTER_KEYS,
  type JoinedRecord,
  type MemberRecord,
  type RemoteEndpoint,
} from '../../core/cluster.ts';
import type { EndpointId, Mac } from '../../core/ids.ts';

/** The subnets of the network that the simulated hosts have their endpoints in. */
export const SIMULATED_SUBNETS = { ipv4: '10.220.0.0/16', ipv6: 'fd00:220::/64' } as const;

/** How many hosts can be simulated. */
export const MOST_HOSTS = 199;

const VXLAN_PORT = 4789;

/** One record of the shared store; keys are relative to weft's prefix. */
export interface SimulatedRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

/** An endpoint of a simulated host. Hosts and endpoints are numbered from 1, to 199 and 250. */
export function simulatedEndpoint(network: string, host: number, number: number): RemoteEndpoint {
  const bytes = [0x02, 0x42, 0, host, 0, number].map((byte) => byte.toString(16).padStart(2, '0'));
  return {
    id: createHash('sha256').update(`${host} ${number}`).digest('hex') as EndpointId,
    network,
    node: nodeName(host),
    mac: bytes.join(':') as Mac,
    ipv4: `10.220.${host}.${number}` as Ip,
    ipv6: `fd00:220::${host.toString(16)}:0:${number.toString(16)}` as Ip,
  };
}

/** An endpoint as its host publishes it. */
export function endpointRecord(endpoint: RemoteEndpoint): SimulatedRecord {
  const { network, node, id } = endpoint;
  return record(`${CLUSTER_KEYS.endpoint}${network}/${node}/${id}`, endpoint);
}

/** The address blocks of a host, which no real one may have taken before. */
export function blockRecords(network: string, host: number): readonly SimulatedRecord[] {
  const block = { owner: nodeName(host), grants: {}, requests: {} };
  return [
    record(`${CLUSTER_KEYS.block}${network}/10.220.${host}.0/24`, block),
    record(`${CLUSTER_KEYS.block}${network}/fd00:220::${host.toString(16)}:0:0/96`, block),
  ];
}

/**
 * What a host has in the shared store besides endpoints and blocks: that it is a member and lives, and that it has
 * joined the network.
 * @param networkId ClusterNetwork.id
 */
export function hostRecords(network: string, networkId: string, host: number): readonly SimulatedRecord[] {
  const name = nodeName(host);
  const address = `198.19.0.${host}` as Ip;
  const member: MemberRecord = { id: `id-${name}`, name, address, vxlanPort: VXLAN_PORT, joinedAt: 0 };
  const alive: AliveRecord = { id: member.id, version: '0', instance: member.id, since: 0 };
  const joined: JoinedRecord = { network: networkId };
  return [
    record(`${CLUSTER_KEYS.member}${name}`, member),
    { key: `${CLUSTER_KEYS.address}${address}`, value: Buffer.from(name) },
    record(`${CLUSTER_KEYS.alive}${name}`, alive),
    record(`${CLUSTER_KEYS.joined}${network}/${name}`, joined),
  ];
}

function nodeName(host: number): string {
  return `s${host}`;
}

function record(key: string, value: object): SimulatedRecord {
  return { key, value: Buffer.from(JSON.stringify(value)) };
}
