import {
  type Cidr,
  type IfAddress,
  type Ip,
  parseCidr,
  parseIfAddress,
  parseIp,
} from '../../core/address.ts';
import {
  type EndpointId,
  parseEndpointId,
  parseMac,
  parseNetworkId,
  parseSandboxKey,
} from '../../core/ids.ts';
import type { Attachment, EndpointRequest, NetworkRequest, PortMapping, Subnet } from '../../core/model.ts';
import type { Protocol } from '../../core/ports.ts';
import type { EngineContainer, EngineNetwork } from '../docker/index.ts';

/**
 * What CreateNetwork must have said, from what the engine shows of a network.
 * @throws {InvalidArgument} when the engine shows something no plugin call could have carried.
 */
export function networkRequestOf(network: EngineNetwork): NetworkRequest {
  const subnets = network.subnets.map(subnetOf);
  return {
    id: parseNetworkId(network.id),
    internal: network.internal,
    enableIpv4: network.enableIpv4,
    enableIpv6: network.enableIpv6,
    options: network.options,
    ipv4: subnets.filter(({ pool }) => !pool.includes(':')),
    ipv6: subnets.filter(({ pool }) => pool.includes(':')),
  };
}

function subnetOf({ subnet, gateway, aux }: EngineNetwork['subnets'][number]): Subnet {
  const pool: Cidr = parseCidr(subnet, 'Subnet');
  const prefix = Number(pool.split('/')[1]);
  return {
    pool,
    ...(gateway === undefined ? {} : { gateway: { ip: parseIp(gateway, 'Gateway'), prefix } }),
    aux: Object.fromEntries(Object.entries(aux).map(([name, ip]) => [name, parseIp(ip, name)])),
  };
}

/** What CreateEndpoint must have said. @throws {InvalidArgument} */
export function endpointRequestOf(
  network: EngineNetwork,
  endpoint: EngineNetwork['endpoints'][number],
): EndpointRequest {
  const address = (text: string): IfAddress | undefined =>
    text === '' ? undefined : parseIfAddress(text, 'address');
  const ipv4 = address(endpoint.ipv4);
  const ipv6 = address(endpoint.ipv6);
  const id: EndpointId = parseEndpointId(endpoint.id);
  return {
    id,
    networkId: parseNetworkId(network.id),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(endpoint.mac === '' ? {} : { mac: parseMac(endpoint.mac, 'MacAddress') }),
    options: {},
  };
}

/** What Join must have said; undefined while the container has no sandbox. @throws {InvalidArgument} */
export function attachmentOf(container: EngineContainer): Attachment | undefined {
  if (container.sandboxKey === '') return undefined;
  const mappings = Object.entries(container.bindings).flatMap(([port, hosts]) => {
    const exposed = portOf(port);
    return exposed === undefined ? [] : hosts.map((host) => mappingOf(exposed, host));
  });
  return {
    sandboxKey: parseSandboxKey(container.sandboxKey),
    mappings,
    exposed: container.exposed.flatMap((port) => portOf(port) ?? []),
  };
}

function portOf(text: string): { readonly protocol: Protocol; readonly port: number } | undefined {
  const match = /^(\d{1,5})\/(tcp|udp|sctp)$/.exec(text);
  return match === null ? undefined : { protocol: match[2] as Protocol, port: Number(match[1]) };
}

function mappingOf(
  { protocol, port }: { readonly protocol: Protocol; readonly port: number },
  { hostIp, hostPort }: { readonly hostIp: string; readonly hostPort: string },
): PortMapping {
  const [first = '', last = first] = hostPort.split('-');
  const ip: Ip | undefined = hostIp === '' ? undefined : parseIp(hostIp, 'HostIp');
  return {
    protocol,
    containerPort: port,
    ...(ip === undefined ? {} : { hostIp: ip }),
    hostPort: Number(first),
    hostPortEnd: Number(last),
  };
}
