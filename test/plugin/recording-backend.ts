import {
  type Cidr,
  cidrRange,
  type IfAddress,
  ipFromBigint,
  parseCidr,
  parseIfAddress,
  subnetOf,
} from '../../core/address.ts';
import { type IfName, poolIdOf } from '../../core/ids.ts';
import type { DriverName, Endpoint, EndpointRequest, JoinInfo, NetworkRequest } from '../../core/model.ts';
import { derivedMac } from '../../core/names.ts';
import type { AddressRequest, IpamBackend, NetworkBackend, PoolRequest } from '../../daemon/plugin/index.ts';

/** One call as a backend got it. */
export interface Recorded {
  readonly method: keyof NetworkBackend | keyof IpamBackend;
  readonly driver?: DriverName;
  readonly argument: unknown;
}

type Interception = (call: Recorded) => void | Promise<void>;

/** What both backends write to; `before` runs in front of every call and may wait or throw. */
export class Recorder {
  readonly calls: Recorded[] = [];
  before: Interception = () => undefined;

  async take(call: Recorded): Promise<void> {
    this.calls.push(call);
    await this.before(call);
  }

  last(): Recorded | undefined {
    return this.calls.at(-1);
  }

  /** Arguments of every call of one method, in order. */
  of(method: Recorded['method']): readonly unknown[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.argument);
  }
}

/** Networks and endpoints in memory: enough to answer as a driver does, nothing in the kernel. */
export function recordingNetwork(recorder: Recorder): NetworkBackend {
  const networks = new Map<string, NetworkRequest>();
  const endpoints = new Map<string, Pick<Endpoint, 'request'>>();
  return {
    capabilities: (driver) => ({
      scope: 'local',
      connectivity: driver === 'weft-overlay' ? 'global' : 'local',
    }),
    gwAllocCheck: (driver, argument) => {
      recorder.calls.push({ method: 'gwAllocCheck', driver, argument });
      const skip = driver === 'weft-none' || argument.options['skip'] === 'yes';
      return { ipv4: skip, ipv6: skip && driver === 'weft-none' };
    },
    createNetwork: async (driver, argument) => {
      await recorder.take({ method: 'createNetwork', driver, argument });
      networks.set(argument.id, argument);
    },
    deleteNetwork: async (driver, argument) => {
      await recorder.take({ method: 'deleteNetwork', driver, argument });
      networks.delete(argument);
    },
    createEndpoint: async (driver, argument) => {
      await recorder.take({ method: 'createEndpoint', driver, argument });
      endpoints.set(argument.id, { request: argument });
      return { mac: derivedMac(argument.id) };
    },
    deleteEndpoint: async (driver, networkId, endpointId) => {
      await recorder.take({ method: 'deleteEndpoint', driver, argument: { networkId, endpointId } });
      endpoints.delete(endpointId);
    },
    join: async (driver, argument) => {
      await recorder.take({ method: 'join', driver, argument });
      return joinInfo(networks.get(argument.networkId), endpoints.get(argument.endpointId)?.request);
    },
    leave: (driver, networkId, endpointId) =>
      recorder.take({ method: 'leave', driver, argument: { networkId, endpointId } }),
    programExternal: (driver, networkId, endpointId, ports) =>
      recorder.take({ method: 'programExternal', driver, argument: { networkId, endpointId, ...ports } }),
    revokeExternal: (driver, networkId, endpointId) =>
      recorder.take({ method: 'revokeExternal', driver, argument: { networkId, endpointId } }),
    operInfo: async (driver, networkId, endpointId) => {
      await recorder.take({ method: 'operInfo', driver, argument: { networkId, endpointId } });
      return {};
    },
    discover: (kind, data) => {
      recorder.calls.push({ method: 'discover', argument: { kind, data } });
    },
    allocateNetwork: async (driver, argument) => {
      await recorder.take({ method: 'allocateNetwork', driver, argument });
      return argument.options;
    },
    freeNetwork: (driver, argument) => recorder.take({ method: 'freeNetwork', driver, argument }),
  };
}

function joinInfo(network: NetworkRequest | undefined, endpoint: EndpointRequest | undefined): JoinInfo {
  const gateway = network?.internal === true ? undefined : network?.ipv4[0]?.gateway?.ip;
  const gatewayIpv6 = network?.internal === true ? undefined : network?.ipv6[0]?.gateway?.ip;
  return {
    ...(endpoint === undefined
      ? {}
      : { link: { sourceName: `wc-${endpoint.id.slice(0, 10)}` as IfName, destinationPrefix: 'eth' } }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(gatewayIpv6 === undefined ? {} : { gatewayIpv6 }),
    routes: [],
    disableGatewayService: true,
  };
}

/** Pools in memory: addresses are counted up, nothing is given back. */
export function recordingIpam(recorder: Recorder): IpamBackend {
  const pools = new Map<string, Cidr>();
  let next = 0;
  return {
    capabilities: () => ({ requiresMacAddress: false, requiresRequestReplay: false }),
    addressSpaces: () => ({ local: 'weft-local', global: 'weft-global' }),
    requestPool: async (argument) => {
      await recorder.take({ method: 'requestPool', argument });
      const pool = argument.pool ?? automaticPool(argument, next++);
      const poolId = poolIdOf(argument.space, pool);
      pools.set(poolId, pool);
      return { poolId, pool };
    },
    releasePool: async (poolId) => {
      await recorder.take({ method: 'releasePool', argument: poolId });
      pools.delete(poolId);
    },
    requestAddress: async (argument) => {
      await recorder.take({ method: 'requestAddress', argument });
      return addressIn(pools.get(argument.poolId), argument, ++next);
    },
    releaseAddress: (argument) => recorder.take({ method: 'releaseAddress', argument }),
  };
}

function automaticPool(request: PoolRequest, n: number): Cidr {
  return parseCidr(request.v6 ? `fd00:${n.toString(16)}::/64` : `198.18.${n % 256}.0/24`, 'pool');
}

function addressIn(pool: Cidr | undefined, request: AddressRequest, n: number): IfAddress {
  const { first, family, prefix } = cidrRange(pool ?? subnetOf(parseIfAddress('198.19.0.0/16', 'pool')));
  return { ip: request.address ?? ipFromBigint(first + BigInt(n), family), prefix };
}
