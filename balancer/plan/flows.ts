import { type Family, familyOf, type Ip } from '../../core/address.ts';
import type { FlowFilter } from '../../core/ports.ts';
import type { Backend, Service } from '../../core/service.ts';

/**
 * The conntrack entries that must go when backends go: UDP has no reset, so a client that goes on sending would be
 * translated to where nobody is for as long as it sends. TCP and SCTP notice by themselves; a backend that drains keeps
 * what it has.
 * @param after the backends there are now; one that is failing counts as gone.
 */
export function flowsToForget(
  service: Service,
  before: readonly Backend[],
  after: readonly Backend[],
): readonly FlowFilter[] {
  const answering = new Set(after.filter(({ state }) => state !== 'failing').flatMap(addresses));
  const gone = new Set(before.flatMap(addresses).filter((ip) => !answering.has(ip)));
  return [...gone].flatMap((ip) => {
    const vip = vipOf(service, familyOf(ip));
    return vip === undefined ? [] : flowsTo(service, vip, ip);
  });
}

function flowsTo({ ports }: Service, vip: Ip, ip: Ip): readonly FlowFilter[] {
  const flow = { family: familyOf(vip), protocol: 'udp', originalDestination: vip, replySource: ip } as const;
  if (ports.length === 0) return [flow];
  return ports
    .filter(({ protocol }) => protocol === 'udp')
    .map(({ port, target }) => ({ ...flow, originalPort: port, replyPort: target }));
}

function addresses({ ipv4, ipv6 }: Backend): readonly Ip[] {
  return [ipv4, ipv6].filter((ip) => ip !== undefined);
}

function vipOf({ vip4, vip6 }: Service, family: Family): Ip | undefined {
  return family === 4 ? vip4 : vip6;
}
