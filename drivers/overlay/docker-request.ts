import type { ClusterSubnet } from '../../core/cluster.ts';
import type { DriverName } from '../../core/model.ts';
import type { NetworkDefinition } from './definition.ts';

/** The body of `POST /networks/create` (Docker Engine API, NetworkCreate). */
export interface DockerNetworkBody {
  readonly Name: string;
  readonly Driver: DriverName;
  /** Engines before API 1.44 take a second network of one name without it; later ones ignore it. */
  readonly CheckDuplicate: true;
  readonly IPAM: {
    readonly Driver: string;
    readonly Config: readonly DockerSubnet[];
    readonly Options?: Readonly<Record<string, string>>;
  };
  readonly Internal: boolean;
  /** Absent when IPv4 is on: engines before API 1.48 do not know it. */
  readonly EnableIPv4?: false;
  readonly EnableIPv6: boolean;
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

interface DockerSubnet {
  readonly Subnet: string;
  readonly Gateway?: string;
  readonly IPRange?: string;
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
}

/**
 * The create call that makes a network of the cluster on another host's dockerd. It names the network in
 * `weft.network`, so that the driver there knows which one it is although Docker does not tell it the name.
 * @param ipamOptions as `--ipam-opt`.
 */
export function dockerCreateRequest(
  definition: NetworkDefinition,
  ipamOptions: Readonly<Record<string, string>> = {},
): DockerNetworkBody {
  return {
    Name: definition.name,
    Driver: 'weft-overlay',
    CheckDuplicate: true,
    IPAM: {
      Driver: 'weft',
      Config: definition.subnets.map(dockerSubnet),
      ...(Object.keys(ipamOptions).length === 0 ? {} : { Options: ipamOptions }),
    },
    Internal: definition.internal,
    ...(definition.enableIpv4 ? {} : { EnableIPv4: false as const }),
    EnableIPv6: definition.enableIpv6,
    Options: { ...definition.options, 'weft.network': definition.name },
    Labels: {},
  };
}

function dockerSubnet({ pool, gateway, ipRange, aux }: ClusterSubnet): DockerSubnet {
  return {
    Subnet: pool,
    ...(gateway === undefined ? {} : { Gateway: gateway }),
    ...(ipRange === undefined ? {} : { IPRange: ipRange }),
    ...(Object.keys(aux).length === 0 ? {} : { AuxiliaryAddresses: aux }),
  };
}
