import { familyOf, type Ip } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { PortMapping, PortRequest } from '../../core/model.ts';

const ANY_IPV4 = '0.0.0.0' as Ip;
const ANY_IPV6 = '::' as Ip;

/** The addresses of an endpoint that a translated port may lead to; absent where its network does no translation. */
export interface PortTargets {
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
  /** The network's default host address. `0.0.0.0` stands for every address of both families, as Docker has it. */
  readonly defaultBinding?: Ip;
  /** Containers of the network itself need the relay: ICC is off. */
  readonly relayed: boolean;
}

/**
 * Makes mappings concrete: which host addresses to bind and where each leads. An IPv6 host address leads to the
 * endpoint's IPv6 address, or, for TCP, through a relay to its IPv4 address when it has no other.
 * @throws {InvalidArgument} when a host address was asked for that cannot lead anywhere.
 */
export function bindMappings(mappings: readonly PortMapping[], targets: PortTargets): readonly PortRequest[] {
  return mappings.map((mapping) => ({
    protocol: mapping.protocol,
    containerPort: mapping.containerPort,
    hostPort: mapping.hostPort,
    hostPortEnd: mapping.hostPortEnd,
    bindings: bindings(mapping, targets),
    relayed: targets.relayed && mapping.protocol === 'tcp',
  }));
}

function bindings(mapping: PortMapping, targets: PortTargets): PortRequest['bindings'] {
  const asked = mapping.hostIp;
  if (asked !== undefined) {
    const containerIp = target(asked, mapping, targets);
    if (containerIp === undefined) throw unreachable(asked, mapping);
    return [{ hostIp: asked, containerIp }];
  }
  return defaultHosts(targets.defaultBinding).flatMap((hostIp) => {
    const containerIp = target(hostIp, mapping, targets);
    return containerIp === undefined ? [] : [{ hostIp, containerIp }];
  });
}

function defaultHosts(binding: Ip | undefined): readonly Ip[] {
  return binding === undefined || binding === ANY_IPV4 ? [ANY_IPV4, ANY_IPV6] : [binding];
}

function target(hostIp: Ip, { protocol }: PortMapping, { ipv4, ipv6 }: PortTargets): Ip | undefined {
  if (familyOf(hostIp) === 4) return ipv4;
  return ipv6 ?? (protocol === 'tcp' ? ipv4 : undefined);
}

function unreachable(hostIp: Ip, { protocol, containerPort }: PortMapping): InvalidArgument {
  return new InvalidArgument(
    `port ${containerPort}/${protocol} cannot be published on ${hostIp}: the container has no IPv${familyOf(hostIp)} address` +
      ' that this network translates to',
    { field: 'HostIP' },
  );
}
