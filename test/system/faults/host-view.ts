import { runCommand } from '../../lab/command.ts';
import type { FaultHost } from './fault-host.ts';

type Json = Readonly<Record<string, unknown>>;

/** Everything weft may leave in a namespace and in its store, one text a thing, sorted, without what time changes. */
export async function hostView(host: FaultHost): Promise<readonly string[]> {
  const [kernel, networks, endpoints, pools, ports] = await Promise.all([
    kernelView(host.enter),
    host.control<readonly Json[]>('/v1/networks'),
    host.control<readonly Json[]>('/v1/endpoints'),
    host.control<readonly { readonly id: string }[]>('/v1/ipam'),
    host.control<readonly Json[]>('/v1/ports'),
  ]);
  const leases = await Promise.all(
    pools.map(({ id }) => host.control<Json>(`/v1/ipam/${encodeURIComponent(id)}`)),
  );
  const stored = (kind: string, things: readonly Json[]) => things.map((each) => `${kind} ${plain(each)}`);
  return [
    ...kernel,
    ...stored('network', networks),
    ...stored('endpoint', endpoints),
    ...stored('pool', leases),
    ...stored('port', ports),
  ].sort();
}

const SEPARATOR = '-- weft --';

/** Links with addresses and settings, permanent neighbours, routes, permanent forwarding entries, nft. */
export async function kernelView(enter: readonly string[]): Promise<readonly string[]> {
  const commands = [
    'ip -j -d addr',
    'ip -j neigh show nud permanent',
    'ip -j route show table all',
    'ip -j -6 route show table all',
    'bridge -j fdb',
    'nft -j list ruleset',
    'cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding',
  ];
  const script = commands.join(`; echo '${SEPARATOR}'; `);
  const stdout = await runCommand([...enter, 'sh', '-ec', script]);
  const [links, neighbours, routes4, routes6, fdb, nft, sysctls] = stdout
    .split(SEPARATOR)
    .map((text) => text.trim());
  const list = (text: string | undefined) => JSON.parse(text || '[]') as readonly Json[];
  return [
    ...list(links).flatMap(linkView),
    ...list(neighbours).map((each) => `neighbour ${plain(each)}`),
    ...[...list(routes4), ...list(routes6)]
      .filter((each) => !isGenerated(String(each['dst'])) && each['type'] !== 'multicast')
      .map((each) => `route ${plain(each)}`),
    ...list(fdb)
      .filter((each) => each['state'] === 'permanent' && !String(each['ifname']).startsWith('wv-'))
      .filter((each) => !isHeardFor(each))
      .map((each) => `fdb ${plain(each)}`),
    ...nftView(nft ?? ''),
    `sysctls ${sysctls}`,
  ].sort();
}

/** The MAC address of a host end is the kernel's choice. */
function linkView({ addr_info: addresses, address, ...link }: Json): readonly string[] {
  const name = String(link['ifname']);
  const own = (addresses as readonly Json[]).filter(({ local }) => !isGenerated(String(local)));
  return [
    `link ${plain(name.startsWith('wv-') ? link : { ...link, address })}`,
    ...own.map((each) => `address ${name} ${plain(each)}`),
  ];
}

/** The kernel's own link-local address, which comes when duplicate detection is done, and its routes. */
function isGenerated(address: string): boolean {
  return /^fe80::.*ff:fe/.test(address) || ['fe80::', 'fe80::/64', 'ff00::/8'].includes(address);
}

/** A group of IPv6 on a device that is not weft's: a probe of an address hears it for a moment. */
function isHeardFor({ mac, ifname }: Json): boolean {
  return String(mac).startsWith('33:33:') && !String(ifname).startsWith('w');
}

function nftView(text: string): readonly string[] {
  const { nftables } = JSON.parse(text) as { readonly nftables: readonly Record<string, Json>[] };
  return nftables.flatMap((entry) => {
    const [kind, thing] = Object.entries(entry)[0] ?? ['', {}];
    if (kind === 'metainfo') return [];
    if (kind !== 'set' && kind !== 'map') return [`${kind} ${plain(thing)}`];
    const { elem = [], ...definition } = thing;
    const elements = elem as readonly unknown[];
    const name = `${thing['family']} ${thing['name']}`;
    return [`${kind} ${plain(definition)}`, ...elements.map((each) => `element ${name} ${plain(each)}`)];
  });
}

/** Numbers that the kernel gives anew, counters, times. */
const PASSING = new Set([
  ...['ifindex', 'link_index', 'link_netnsid', 'handle', 'packets', 'bytes', 'expires', 'since', 'createdAt'],
  ...['restingUntil', 'valid_life_time', 'preferred_life_time', 'flags', 'operstate', 'id', 'no', 'port_no'],
  ...['designated_port', 'port_id', 'timer', 'gc_timer', 'hello_timer', 'tcn_timer', 'topology_change_timer'],
  ...['topology_change', 'topology_change_detected', 'bridge_id', 'root_id', 'state_str', 'stats64'],
  ...['linkmode', 'min_mtu', 'max_mtu', 'num_tx_queues', 'num_rx_queues', 'tso_max_size', 'tso_max_segs'],
]);

/** JSON without what passes. An id of ours is kept: only Docker-like numbers are left out. */
function plain(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) =>
    PASSING.has(key) && !(key === 'id' && typeof inner === 'string' && inner.length > 8) ? undefined : inner,
  );
}
