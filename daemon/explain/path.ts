import { cidrContains, type Family, familyOf } from '../../core/address.ts';
import type { ExplainStep } from '../../core/control.ts';
import { isLanLink, nftFamily } from '../../core/kernel-objects.ts';
import { enteringSteps, isolatedPortsStep, leavingSteps } from './between-networks.ts';
import {
  type AddressEnd,
  addressesOf,
  addressText,
  type HostFacts,
  type LocalEnd,
  type NetworkSide,
  type PathFacts,
  type RemoteEnd,
} from './facts.ts';
import { fails, holds, kernelStep, notes } from './steps.ts';
import type { AskedPort } from './target.ts';
import { routeTo, tunnelSteps } from './tunnel.ts';

/**
 * Every step of a packet's way in the order it meets them, each with what is stored, what the kernel has, and what to
 * do where they differ. Pure.
 */
export function pathSteps(facts: PathFacts): readonly ExplainStep[] {
  const { to, port } = facts;
  if (to.kind === 'address') return [...startSteps(facts), ...addressSteps(facts, to)];
  return [...startSteps(facts), ...endpointSteps(facts, to), ...portStep(to, port)];
}

/** From the sender's name to its bridge. */
function startSteps({ from, host }: PathFacts): readonly ExplainStep[] {
  return [
    holds('from', `${from.label} is an endpoint of this host`, { found: endText(from) }),
    ...networkSteps(from.side, host),
    ...attachedSteps('from', from, host),
  ];
}

function endpointSteps(facts: PathFacts, to: LocalEnd | RemoteEnd): readonly ExplainStep[] {
  const { from, asked, host } = facts;
  const families = sharedFamilies(facts, to);
  const place = to.kind === 'local' ? 'this host' : `node ${to.node.name}`;
  const known = holds('to', `${to.label} is an endpoint of ${place}`, { found: endText(to) });
  if (families.length === 0) {
    return [
      known,
      fails('family', `${from.label} and ${to.label} have addresses of one family`, {
        found: `${addressText(addressesOf(from))}; ${asked ?? addressText(addressesOf(to))}`,
        remedy: 'make the network with subnets of both families (docker network create --ipv6)',
      }),
    ];
  }
  const { side } = to;
  if (side === undefined) {
    return [
      known,
      fails('same-network', `${from.label} has a way to network ${(to as RemoteEnd).remote.network}`, {
        found: 'this host has no such network',
        remedy: 'weft status and weft doctor say why it was not made here; then docker network connect it',
      }),
    ];
  }
  if (side.network.request.id === from.side.network.request.id) {
    const same = holds('same-network', `both are on network ${side.label}`);
    const way = to.kind === 'local' ? isolatedPortsStep(from, to) : tunnelSteps(to, side, families, host);
    const end = to.kind === 'local' ? attachedSteps('to', to, host) : [];
    return [known, same, ...end, ...way];
  }
  return [known, ...otherNetworkSteps(facts, to, side, families)];
}

/** To an endpoint of another network: over this host, or over a LAN. */
function otherNetworkSteps(
  { from, port, host }: PathFacts,
  to: LocalEnd | RemoteEnd,
  side: NetworkSide,
  families: readonly Family[],
): readonly ExplainStep[] {
  const onLan = [from.side, side].filter(isOnLan);
  if (onLan.length > 0) {
    return [...onLan.map(overLan), ...(to.kind === 'local' ? attachedSteps('to', to, host) : [])];
  }
  return [
    notes('same-network', `${from.label} is on network ${from.side.label}, ${to.label} on ${side.label}`, {
      found: 'the way leads over this host',
    }),
    ...leavingSteps(from, families, host),
    ...enteringSteps(from, to, side, { families, port, host }),
    ...networkSteps(side, host),
    ...(to.kind === 'local' ? attachedSteps('to', to, host) : tunnelSteps(to, side, families, host)),
  ];
}

function endText(end: LocalEnd | RemoteEnd): string {
  const id = end.kind === 'local' ? end.endpoint.request.id : end.remote.id;
  const network = end.kind === 'local' ? end.side.label : end.remote.network;
  return `${id.slice(0, 12)} on network ${network}, ${addressText(addressesOf(end))}`;
}

/** Families that both have, or the one that was asked for. */
function sharedFamilies({ from, asked }: PathFacts, to: LocalEnd | RemoteEnd): readonly Family[] {
  const mine = addressesOf(from);
  const other = addressesOf(to);
  const both = ([4, 6] as const).filter((family) =>
    family === 4
      ? mine.ipv4 !== undefined && other.ipv4 !== undefined
      : mine.ipv6 !== undefined && other.ipv6 !== undefined,
  );
  return asked === undefined ? both : both.filter((family) => family === familyOf(asked));
}

function networkSteps(side: NetworkSide, host: HostFacts): readonly ExplainStep[] {
  const bridge = side.plan.filter((each) => each.kind === 'link' && each.type === 'bridge');
  const parent = side.plan.filter(
    (each) => each.kind === 'link' && (each.type === 'vlan' || each.type === 'dummy'),
  );
  return [
    ...clusterSteps(side, host),
    ...kernelStep('bridge', `the bridge of network ${side.label} is there`, bridge, host.kernel),
    ...kernelStep('parent', `the parent of network ${side.label} is there`, parent, host.kernel),
  ];
}

/** Containers are machines of a LAN, and this host is not between them and others. */
function isOnLan({ network }: NetworkSide): boolean {
  return network.driver === 'weft-macvlan' || network.driver === 'weft-ipvlan';
}

function overLan({ label, network }: NetworkSide): ExplainStep {
  const { parent } = network.request.options;
  return notes('lan', `network ${label} is on a LAN, whose machines and routers are not seen from here`, {
    found: parent === undefined || parent === '' ? 'it has no parent, and leads nowhere' : `by ${parent}`,
  });
}

function clusterSteps({ label, network, refusal }: NetworkSide, host: HostFacts): readonly ExplainStep[] {
  if (network.driver !== 'weft-overlay') return [];
  const title = `network ${label} is one of the cluster`;
  const fenced =
    host.fence === undefined
      ? []
      : [
          fails('member', 'this host takes part in the cluster', {
            found: host.fence,
            remedy: 'weft status, and the log of weftd',
          }),
        ];
  if (network.tunnel !== undefined) {
    const { name, vni } = network.tunnel;
    return [...fenced, holds('cluster-network', title, { found: `${name}, VNI ${vni}` })];
  }
  return [
    ...fenced,
    fails('cluster-network', title, {
      found:
        refusal ?? 'not bound yet: neither Docker nor weft.network has told its name, or the store is away',
      remedy:
        refusal === undefined
          ? 'weft status says whether the store answers; with --docker none give -o weft.network=NAME'
          : 'docker network rm it and create it as the cluster has it, or under another name',
    }),
  ];
}

/** The sandbox of an endpoint of this host, and its link. */
function attachedSteps(which: 'from' | 'to', end: LocalEnd, host: HostFacts): readonly ExplainStep[] {
  const { endpoint, label, plan } = end;
  const title = `${label} is in a sandbox`;
  if (endpoint.attachment === undefined) {
    return [
      fails(`${which}-sandbox`, title, {
        found: 'Docker has made the endpoint, and not joined it',
        remedy: `docker start ${label}`,
      }),
    ];
  }
  const links = plan.filter((each) => each.kind === 'link' && (each.type === 'veth' || isLanLink(each)));
  const place = isOnLan(end.side) ? 'its parent' : 'the bridge';
  return [
    holds(`${which}-sandbox`, title, { found: endpoint.attachment.sandboxKey }),
    ...kernelStep(`${which}-link`, `the link of ${label} is on ${place}`, links, host.kernel),
  ];
}

/** To an address that no endpoint has: the network's own gateway, nobody, or somebody outside. */
function addressSteps({ from, port, host }: PathFacts, { ip }: AddressEnd): readonly ExplainStep[] {
  const { side } = from;
  const family = familyOf(ip);
  const gateway = side.plan.filter((each) => each.kind === 'address' && each.address.ip === ip);
  if (gateway.length > 0) {
    return kernelStep('to', `${ip} is the gateway of network ${side.label}`, gateway, host.kernel);
  }
  if (isOnLan(side)) return [notes('to', `${ip} is no address of weft’s`), overLan(side)];
  const { request } = side.network;
  if ([...request.ipv4, ...request.ipv6].some(({ pool }) => cidrContains(pool, ip))) {
    return [
      fails('to', `${ip} belongs to an endpoint of network ${side.label}`, {
        found: 'no endpoint has it, on any host',
        remedy: 'weft endpoint ls --all',
      }),
    ];
  }
  if (addressesOf(from)[family === 4 ? 'ipv4' : 'ipv6'] === undefined) {
    return [
      fails('family', `${from.label} has an address of the family of ${ip}`, {
        found: addressText(addressesOf(from)),
        remedy: 'make the network with a subnet of that family (docker network create --ipv6)',
      }),
    ];
  }
  const hides = side.plan.filter(
    (each) =>
      each.kind === 'element' &&
      (each.set === 'masqueraded' || each.set === 'source-address') &&
      each.family === nftFamily(family),
  );
  const route = routeTo(ip, host.routes);
  return [
    notes('to', `${ip} is no address of weft’s: the way leads out of this host`),
    ...leavingSteps(from, [family], host),
    ...kernelStep('masquerade', 'packets leave with an address of this host', hides, host.kernel),
    route === undefined
      ? fails('route', `this host has a route to ${ip}`, { found: 'none', remedy: `ip route get ${ip}` })
      : holds('route', `this host has a route to ${ip}`, {
          found: `${route.destination}${route.dev === undefined ? '' : ` by ${route.dev}`}`,
        }),
    notes(
      'outside',
      `what is beyond this host is not seen from here${port === undefined ? '' : `, nor who listens on ${port.port}/${port.protocol}`}`,
    ),
  ];
}

function portStep(to: LocalEnd | RemoteEnd, port: AskedPort | undefined): readonly ExplainStep[] {
  if (port === undefined) return [];
  const text = `${port.port}/${port.protocol}`;
  return [
    notes('port', `whether something listens on ${text} is known inside ${to.label} only`, {
      remedy: `nsenter into its sandbox, or docker exec: ss -ln${port.protocol.charAt(0)}`,
    }),
  ];
}
