import type { ClusterNode } from '../../lab/index.ts';

/** An entry of a host's kernel that leads to a container of another host. */
export interface KernelEntry {
  /**
   * `tunnel`: FDB of a VXLAN device, MAC to host. `bridge`: FDB of the bridge, MAC to the VXLAN port.
   * `neighbour`: of the bridge, address to MAC.
   */
  readonly kind: 'tunnel' | 'bridge' | 'neighbour';
  readonly dev: string;
  readonly mac: string;
  /** The other host's underlay address of a `tunnel` entry, the container's address of a `neighbour`. */
  readonly to?: string;
}

interface FdbEntry {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly master?: string;
  readonly state?: string;
}

interface NeighbourEntry {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
}

/** All such entries of a host, as `bridge` and `ip` show them. */
export async function kernelEntries({ host }: ClusterNode): Promise<readonly KernelEntry[]> {
  const [fdb, four, six] = await Promise.all([
    host.exec(['bridge', '-j', 'fdb', 'show']),
    host.exec(['ip', '-j', '-4', 'neigh', 'show', 'nud', 'permanent']),
    host.exec(['ip', '-j', '-6', 'neigh', 'show', 'nud', 'permanent']),
  ]);
  const entries = JSON.parse(fdb) as readonly FdbEntry[];
  const neighbours = [four, six].flatMap((text) => JSON.parse(text || '[]') as readonly NeighbourEntry[]);
  return [
    ...entries.flatMap(({ mac, ifname, dst, master, state }): readonly KernelEntry[] => {
      if (!ifname.startsWith('wx-')) return [];
      if (dst !== undefined) return [{ kind: 'tunnel', dev: ifname, mac, to: dst }];
      // The device's own address is `permanent`.
      return master === undefined || state === 'permanent' ? [] : [{ kind: 'bridge', dev: ifname, mac }];
    }),
    ...neighbours.flatMap(({ dst, dev, lladdr }): readonly KernelEntry[] =>
      dev.startsWith('wb-') && lladdr !== undefined ? [{ kind: 'neighbour', dev, mac: lladdr, to: dst }] : [],
    ),
  ];
}

/** The entries for one container, by its MAC or one of its addresses. */
export async function entriesFor(
  node: ClusterNode,
  { mac, ip, ip6 }: { readonly mac: string; readonly ip: string; readonly ip6: string },
): Promise<readonly KernelEntry[]> {
  const entries = await kernelEntries(node);
  return entries.filter(
    (entry) => entry.mac === mac || (entry.kind === 'neighbour' && [ip, ip6].includes(entry.to ?? '')),
  );
}

/** Deletes every such entry of a host by hand, in one run of each tool. */
export async function deleteEntries(node: ClusterNode): Promise<number> {
  const entries = await kernelEntries(node);
  const fdb = entries.flatMap(({ kind, mac, dev, to }) =>
    kind === 'tunnel'
      ? [`fdb del ${mac} dev ${dev} dst ${to} self`]
      : kind === 'bridge'
        ? [`fdb del ${mac} dev ${dev} master`]
        : [],
  );
  const neighbours = entries.flatMap(({ kind, dev, to }) =>
    kind === 'neighbour' ? [`neigh del ${to} dev ${dev}`] : [],
  );
  await node.host.exec(['bridge', '-batch', '-'], { input: `${fdb.join('\n')}\n` });
  await node.host.exec(['ip', '-batch', '-'], { input: `${neighbours.join('\n')}\n` });
  return entries.length;
}

/** VNI and MTU of a host's VXLAN devices, by device name. */
export async function tunnels({
  host,
}: ClusterNode): Promise<ReadonlyMap<string, { vni: number; mtu: number }>> {
  const links = JSON.parse(await host.exec(['ip', '-j', '-d', 'link', 'show', 'type', 'vxlan'])) as readonly {
    readonly ifname?: string;
    readonly mtu?: number;
    readonly linkinfo?: { readonly info_data?: { readonly id?: number } };
  }[];
  return new Map(
    links.flatMap(({ ifname, mtu, linkinfo }) => {
      const vni = linkinfo?.info_data?.id;
      return ifname === undefined || vni === undefined ? [] : [[ifname, { vni, mtu: mtu ?? 0 }]];
    }),
  );
}
