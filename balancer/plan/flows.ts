import { type Family, familyOf, type Ip } from '../../core/address.ts';
import type { FlowFilter } from '../../core/ports.ts';
import type { Backend, Service } from '../../core/service.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp', 'icmp'] as const satisfies readonly FlowFilter['protocol'][];

/**
 * The conntrack entries that must go when backends go: a client that goes on sending would be translated to where
 * nobody is for as long as it sends. Once the entry is forgotten its next packet goes elsewhere, which answers a UDP
 * client or an echo, and resets any other. Connections to a backend that only fails stay, as it may come back, except
 * those of UDP, echoes, and those that it has not answered: their next try goes elsewhere. One that drains keeps what
 * it has.
 * @param after the backends there are now.
 * @param which `datagrams`: nobody is known to have ended, and connections that are left alone go on.
 */
export function flowsToForget(
  service: Service,
  before: readonly Backend[],
  after: readonly Backend[],
  which: 'all' | 'datagrams' = 'all',
): readonly FlowFilter[] {
  const there = new Set(after.flatMap(addresses));
  const answering = new Set(after.filter(({ state }) => state !== 'failing').flatMap(addresses));
  const failed = new Set(before.filter(({ state }) => state === 'failing').flatMap(addresses));
  // Of one that goes on failing all that is to go has gone.
  const lost = [...new Set(before.flatMap(addresses))].filter(
    (ip) => !answering.has(ip) && !(there.has(ip) && failed.has(ip)),
  );
  return lost.flatMap((ip) => {
    const vip = vipOf(service, familyOf(ip));
    const flows = vip === undefined ? [] : flowsTo(service, vip, ip);
    return flows.flatMap((flow): readonly FlowFilter[] => {
      if (flow.protocol === 'udp' || flow.protocol === 'icmp') return [flow];
      if (which === 'datagrams') return [];
      return [there.has(ip) ? { ...flow, unanswered: true } : flow];
    });
  });
}

function flowsTo({ ports }: Service, vip: Ip, ip: Ip): readonly FlowFilter[] {
  const flow = { family: familyOf(vip), originalDestination: vip, replySource: ip } as const;
  if (ports.length === 0) return PROTOCOLS.map((protocol) => ({ ...flow, protocol }));
  const ofPorts = ports.map(({ protocol, port, target }) => ({
    ...flow,
    protocol,
    originalPort: port,
    replyPort: target,
  }));
  return [...ofPorts, { ...flow, protocol: 'icmp' }];
}

function addresses({ ipv4, ipv6 }: Backend): readonly Ip[] {
  return [ipv4, ipv6].filter((ip) => ip !== undefined);
}

function vipOf({ vip4, vip6 }: Service, family: Family): Ip | undefined {
  return family === 4 ? vip4 : vip6;
}
