import { cidrContains, cidrRange, type Family, familyOf, type Ip } from '../../core/address.ts';
import type { ExplainStep } from '../../core/control.ts';
import type { KernelObject } from '../../core/kernel-objects.ts';
import type { HostRoute } from '../../core/ports.ts';
import { VXLAN_OVERHEAD } from '../../drivers/overlay/index.ts';
import type { HostFacts, NetworkSide, RemoteEnd } from './facts.ts';
import { fails, holds, kernelStep, notes } from './steps.ts';

/** From this host's bridge to an endpoint of another host. */
export function tunnelSteps(
  to: RemoteEnd,
  side: NetworkSide,
  families: readonly Family[],
  host: HostFacts,
): readonly ExplainStep[] {
  const { kernel } = host;
  const { remote, node, plan, senders } = to;
  const vxlan = side.plan.filter((each) => each.kind === 'link' && each.type === 'vxlan');
  return [
    nodeStep(to),
    joinedStep(to, side, host),
    ...kernelStep(
      'neighbour',
      `the bridge answers for ${to.label} (ARP, ND)`,
      plan.filter((each) => each.kind === 'neighbour' && families.includes(familyOf(each.ip))),
      kernel,
    ),
    ...kernelStep('vxlan', 'the VXLAN device is there', vxlan, kernel),
    ...kernelStep(
      'bridge-fdb',
      `the bridge sends ${remote.mac} to its VXLAN device`,
      plan.filter((each) => each.kind === 'fdb' && each.destination === undefined),
      kernel,
    ),
    ...kernelStep(
      'vxlan-fdb',
      `the VXLAN device sends ${remote.mac} to node ${node.name}`,
      plan.filter((each) => each.kind === 'fdb' && each.destination !== undefined),
      kernel,
    ),
    ...(node.address === undefined ? [] : underlaySteps(node.address, vxlan, host)),
    ...kernelStep('senders', `answers of node ${node.name} are let in`, senders, kernel),
    notes('remote-host', `the kernel of node ${node.name} is not seen from here`, {
      remedy: `on ${node.name}, the other way round: weft explain ${remote.id.slice(0, 12)} ADDRESS`,
    }),
  ];
}

function nodeStep({ node }: RemoteEnd): ExplainStep {
  const { name, address, hasLease, isDead, answers } = node;
  const title = `node ${name} is a member of the cluster, and lives`;
  if (address === undefined) {
    return fails('node', title, {
      found: 'no member of that name: it was removed',
      remedy: `weft node ls; weftd on ${name} says in its log why it takes no part`,
    });
  }
  const lease = hasLease ? 'its weftd holds its lease' : 'its weftd holds no lease';
  if (isDead) {
    return fails('node', title, {
      found: `${lease}, and ${address} does not answer: its endpoints are withdrawn here`,
      remedy: `bring the host or its way here back; weft node rm ${name} if it is gone for good`,
    });
  }
  const found = `${lease}; ${address} ${answers ? 'answers' : 'does not answer a TCP connection'}`;
  if (hasLease && answers) return holds('node', title, { found });
  return notes('node', title, {
    found,
    remedy: hasLease
      ? `ping ${address}; a firewall there may drop silently, which need not concern the tunnels`
      : `containers there go on meanwhile; on ${name}: weft status`,
  });
}

/** What node and store say of the network there. */
function joinedStep(
  { remote, node, label, revision }: RemoteEnd,
  side: NetworkSide,
  host: HostFacts,
): ExplainStep {
  const title = `node ${node.name} has network ${remote.network} with ${label} on it`;
  const { joined } = node;
  const age = host.store.connected
    ? ''
    : `, as of ${Math.round(host.store.ageMs / 1000)} s ago: the store does not answer`;
  const found = `told at revision ${revision}${age}`;
  if (joined?.refused !== undefined) {
    return fails('remote-network', title, {
      found: `it could not make the network: ${joined.refused}`,
      remedy: `remove what is in the way on ${node.name}; it tries again by itself`,
    });
  }
  if (joined !== undefined && joined.network !== side.network.tunnel?.id) {
    return fails('remote-network', title, {
      intent: `network ${side.network.tunnel?.id}`,
      found: `network ${joined.network}, an earlier or later one of that name`,
      remedy: 'docker network rm it where it is out of date',
    });
  }
  return joined === undefined
    ? notes('remote-network', title, { found: `${found}; the node has not said that it has the network` })
    : holds('remote-network', title, { found });
}

function underlaySteps(vtep: Ip, vxlan: readonly KernelObject[], host: HostFacts): readonly ExplainStep[] {
  const title = `the underlay leads to ${vtep}`;
  const route = routeTo(vtep, host.routes);
  const dev = route?.dev;
  if (route === undefined) {
    return [
      fails('underlay', title, {
        found: 'no route',
        remedy: `ip route get ${vtep}: this host needs a route`,
      }),
    ];
  }
  const found = `${route.destination}${dev === undefined ? '' : ` by ${dev}`}`;
  if (vxlan.some((each) => each.kind === 'link' && each.type === 'vxlan' && each.master === dev)) {
    return [
      fails('underlay', title, {
        found: `${found}, which is the network itself`,
        remedy: 'the subnet of the network must not contain underlay addresses: use another --subnet',
      }),
    ];
  }
  return [holds('underlay', title, { found }), ...mtuStep(vtep, vxlan, host.pathMtu)];
}

function mtuStep(vtep: Ip, vxlan: readonly KernelObject[], mtu: number | undefined): readonly ExplainStep[] {
  const [device] = vxlan;
  if (mtu === undefined || device?.kind !== 'link' || device.type !== 'vxlan' || device.mtu === undefined)
    return [];
  const overhead = VXLAN_OVERHEAD[familyOf(vtep)];
  const need = device.mtu + overhead;
  const title = `the way there carries packets of ${device.mtu} bytes with the ${overhead} of VXLAN`;
  const more = { intent: `MTU ${need} or more`, found: `MTU ${mtu}` };
  if (need <= mtu) return [holds('mtu', title, more)];
  return [
    notes('mtu', title, {
      ...more,
      remedy: `large packets are fragmented, and lost where fragments are: a larger MTU on the way, or make the network with com.docker.network.driver.mtu=${mtu - overhead}`,
    }),
  ];
}

/** The longest match of all tables: rules that choose between tables are not looked at. */
export function routeTo(ip: Ip, routes: readonly HostRoute[]): HostRoute | undefined {
  return routes
    .filter(({ destination }) => cidrContains(destination, ip))
    .sort((a, b) => cidrRange(b.destination).prefix - cidrRange(a.destination).prefix)[0];
}
