import type { Family, Ip } from '../../core/address.ts';
import { familyOf } from '../../core/address.ts';
import type { Tunnel } from '../../core/cluster.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import { nftFamily } from '../../core/kernel-objects.ts';
import type { PublishedPort } from '../../core/model.ts';
import type { Protocol } from '../../core/ports.ts';
import { type IngressPolicy, TABLE } from './table.ts';

/** What the host's table must know of one network in one family. */
export interface SegmentPolicy {
  readonly bridge: IfName;
  /** `internal`: nothing enters or leaves. */
  readonly ingress: IngressPolicy | 'internal';
  readonly masquerade: boolean;
  /** Source address of leaving traffic, instead of the outgoing interface's. */
  readonly snat?: Ip;
  /** Host interfaces that may route to opened ports directly. */
  readonly trusted: readonly string[];
}

function element(
  family: Family,
  set: string,
  key: readonly string[],
  data?: readonly string[],
): ElementObject {
  return {
    kind: 'element',
    family: nftFamily(family),
    table: TABLE,
    set,
    key,
    ...(data === undefined ? {} : { data }),
  };
}

/** Elements of one network in one family. */
export function planPolicy(family: Family, policy: SegmentPolicy): readonly ElementObject[] {
  const { bridge } = policy;
  const elements = [element(family, 'bridges', [bridge]), element(family, 'within', [bridge, bridge])];
  if (policy.ingress === 'internal') {
    elements.push(
      element(family, 'leaving', [bridge], ['drop']),
      element(family, 'entering', [bridge], ['drop']),
    );
    return elements;
  }
  elements.push(element(family, 'entering', [bridge], [`jump ${policy.ingress}`]));
  if (policy.snat !== undefined) elements.push(element(family, 'source-address', [bridge], [policy.snat]));
  else if (policy.masquerade) elements.push(element(family, 'masqueraded', [bridge]));
  for (const dev of policy.trusted) elements.push(element(family, 'trusted', [dev, bridge]));
  return elements;
}

/** The element that publishes one host port; none where weftd relays between families instead. */
export function planPublished(port: PublishedPort): readonly ElementObject[] {
  const family = familyOf(port.hostIp);
  if (familyOf(port.containerIp) !== family) return [];
  const target = [port.containerIp, String(port.containerPort)];
  return isUnspecified(port.hostIp)
    ? [element(family, 'ports-any', [port.protocol, String(port.hostPort)], target)]
    : [element(family, 'ports', [port.protocol, port.hostIp, String(port.hostPort)], target)];
}

/**
 * The element that keeps a network's own containers from being translated to a port: its bridge ports are isolated
 * from each other, and br_netfilter would bridge the translated frame. They reach weftd's relay instead.
 */
export function planRelayed(bridge: IfName, port: PublishedPort): readonly ElementObject[] {
  const family = familyOf(port.hostIp);
  if (familyOf(port.containerIp) !== family) return [];
  return [element(family, 'relayed', [bridge, port.protocol, String(port.hostPort)])];
}

/** The element that opens a container's port to direct routing. */
export function planOpened(protocol: Protocol, ip: Ip, port: number): ElementObject {
  return element(familyOf(ip), 'opened', [protocol, ip, String(port)]);
}

/** True for `0.0.0.0` and `::`. */
export function isUnspecified(ip: Ip): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

/** The element that makes a UDP port of this host one that VXLAN is expected on, in packets of `family`. */
export function planTunnelPort(family: Family, port: number): ElementObject {
  return element(family, 'tunnel-ports', [String(port)]);
}

/** The element that makes TCP segments from and to a network fit what its links carry. */
export function planClamped(family: Family, bridge: IfName): ElementObject {
  return element(family, 'clamped', [bridge]);
}

/** The elements that keep what a network's containers send each other out of connection tracking. */
export function planSwitched(family: Family, bridge: IfName, mac: Mac): readonly ElementObject[] {
  return [element(family, 'switched', [bridge]), element(family, 'gateway-macs', [bridge, mac])];
}

/** The element that lets a host send to the tunnel ports. */
export function planTunnelEnd(ip: Ip): ElementObject {
  return element(familyOf(ip), 'tunnel-ends', [ip]);
}

/**
 * Who may send to this host's tunnels: the guarded port in the underlay's family, and the senders of that family, for a
 * VXLAN device has one. The port is guarded though there be no sender.
 * @param senders underlay addresses of the other members.
 */
export function planTunnelSenders(
  { local, port }: Pick<Tunnel, 'local' | 'port'>,
  senders: readonly Ip[],
): readonly ElementObject[] {
  const family = familyOf(local);
  const reachable = senders.filter((sender) => familyOf(sender) === family);
  return [planTunnelPort(family, port), ...reachable.map(planTunnelEnd)];
}
