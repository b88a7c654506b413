import type { HostView } from './host-view.ts';
import { type Addresses, type Model, networksOn, onNetwork } from './model.ts';
import { giverOf, isIn, type StoreView } from './store-view.ts';

/** All of the cluster, looked at once. */
export interface ClusterView {
  readonly hosts: readonly HostView[];
  readonly store: StoreView;
}

/** What is not as it must be once nothing is broken and all has settled: one line each, none when all holds. */
export function violations(model: Model, view: ClusterView): readonly string[] {
  return [
    ...addressesGivenTwice(model, view),
    ...storeViolations(model, view.store),
    ...view.hosts.flatMap((host) => {
      const say = (text: string) => `${host.name}: ${text}`;
      return [
        ...networkViolations(model, host),
        ...containerViolations(model, host),
        ...entryViolations(model, view, host),
        ...linkViolations(model, host),
        ...addressViolations(model, host),
      ].map(say);
    }),
  ];
}

/** By what Docker says on each host, whatever the model thinks. */
function addressesGivenTwice({ networks }: Model, { hosts }: ClusterView): readonly string[] {
  const holders = new Map<string, string>();
  const found: string[] = [];
  for (const host of hosts) {
    for (const container of host.containers.filter(({ running }) => running)) {
      for (const [network, { ip, ip6, mac }] of Object.entries(container.networks)) {
        if (networks[network] === undefined) continue;
        for (const address of [ip, ip6, mac].filter((each) => each !== '')) {
          const key = `${network} ${address}`;
          const me = `${container.name} on ${host.name}`;
          const other = holders.get(key);
          if (other !== undefined) found.push(`${address} of ${network} is ${other}’s and ${me}’s`);
          holders.set(key, me);
        }
      }
    }
  }
  return found;
}

function storeViolations(model: Model, store: StoreView): readonly string[] {
  const wanted = Object.keys(model.networks).flatMap((network) =>
    onNetwork(model, network).map(({ host }) => `${network}/${host}`),
  );
  const stored = store.endpoints.map(({ network, node }) => `${network}/${node}`);
  const uncovered = Object.keys(model.networks).flatMap((network) =>
    onNetwork(model, network).flatMap(({ host, name, addresses: { ip, ip6 } }) =>
      [ip, ip6]
        .filter((each) => each !== '' && giverOf(store, network, each) !== host)
        .map(
          (each) => `${each} of ${name} on ${host} is ${giverOf(store, network, each) ?? 'nobody'}’s to give`,
        ),
    ),
  );
  return [
    ...difference('network in etcd', Object.keys(model.networks), store.networks),
    ...difference('endpoint in etcd', wanted, stored),
    ...difference(
      'host that has left in etcd',
      Object.values(model.networks).flatMap(({ name, left }) => left.map((host) => `${name}/${host}`)),
      store.left,
    ),
    ...uncovered,
  ];
}

function networkViolations(model: Model, host: HostView): readonly string[] {
  const names = networksOn(model, host.name).map(({ name }) => name);
  const views = host.weft.networks.filter(({ driver }) => driver === 'weft-overlay');
  const bad = views.flatMap(({ name, state, cluster }) => {
    const joined = (cluster?.members ?? []).filter((member) => member.state === 'joined');
    const left = model.networks[name ?? '']?.left ?? [];
    const missing = Object.keys(model.hosts).filter(
      (each) => !left.includes(each) && !joined.some(({ node }) => node === each),
    );
    const told = joined.flatMap(({ node, endpoints }) => {
      const running = onNetwork(model, cluster?.name ?? '').filter((each) => each.host === node).length;
      return endpoints === running
        ? []
        : [`network ${name}: ${endpoints} endpoints of ${node} are known, ${running} run`];
    });
    return [
      ...(state === 'ready' ? [] : [`network ${name} is ${state}`]),
      ...(cluster?.state === 'bound' ? [] : [`network ${name} is ${cluster?.state}: ${cluster?.reason}`]),
      ...(cluster?.name === name ? [] : [`network ${name} is ${cluster?.name} in the cluster`]),
      ...(missing.length === 0 ? [] : [`network ${name}: ${missing.join(', ')} not joined`]),
      ...told,
    ];
  });
  const { cluster, store } = host.weft.status;
  return [
    ...difference('network in dockerd', names, host.networks),
    ...difference(
      'network in weft',
      names,
      views.map(({ name }) => name ?? '(no name)'),
    ),
    ...bad,
    ...(cluster.state === 'ready' ? [] : [`this host is ${cluster.state} in the cluster: ${cluster.reason}`]),
    ...(store.connected ? [] : [`the store is not connected: ${store.lastError}`]),
  ];
}

function containerViolations(model: Model, host: HostView): readonly string[] {
  const wanted = Object.values(model.containers)
    .filter((each) => each.host === host.name)
    .map(({ name, running, networks }) =>
      containerText(
        name,
        running,
        Object.entries(networks).map(([network, { addresses }]) => [network, addresses]),
      ),
    );
  const found = host.containers.map(({ name, running, networks }) =>
    containerText(
      name,
      running,
      Object.entries(networks).map(([network, addresses]) => [network, running ? addresses : undefined]),
    ),
  );
  return difference('container', wanted, found);
}

function containerText(
  name: string,
  running: boolean,
  networks: readonly (readonly [string, Addresses | undefined])[],
): string {
  const parts = networks.map(
    ([network, addresses]) =>
      `${network} ${addresses?.ip ?? ''} ${addresses?.ip6 ?? ''} ${addresses?.mac ?? ''}`,
  );
  return `${name} ${running ? 'runs' : 'does not run'}: ${parts.toSorted().join(', ')}`;
}

/** The kernel has what leads to the containers of other hosts, and nothing else does. */
function entryViolations(model: Model, view: ClusterView, host: HostView): readonly string[] {
  const wanted: string[] = [];
  const bridges = new Map<string, string>();
  const tunnels = new Map<string, string>();
  for (const { name = '', bridge = '' } of host.weft.networks) {
    bridges.set(bridge, name);
    const tunnel = host.links.find(({ ifname, master }) => ifname.startsWith('wx-') && master === bridge);
    if (tunnel !== undefined) tunnels.set(tunnel.ifname, name);
  }
  const vtep = (name: string) => view.hosts.find((each) => each.name === name)?.address ?? '?';
  for (const network of networksOn(model, host.name)) {
    if (network.multicast)
      for (const { name, address } of view.hosts)
        if (name !== host.name && !network.left.includes(name))
          wanted.push(`${network.name}: everybody at ${address}`);
    for (const { host: on, addresses } of onNetwork(model, network.name)) {
      if (on === host.name) continue;
      const { ip, ip6, mac } = addresses;
      wanted.push(`${network.name}: ${mac} at ${vtep(on)}`, `${network.name}: ${mac} in the tunnel`);
      for (const each of [ip, ip6].filter((each) => each !== ''))
        wanted.push(`${network.name}: ${each} is ${mac}`);
    }
  }
  const found = host.fdb.flatMap(({ mac, ifname, dst, master }) => {
    if (!ifname.startsWith('wx-')) return [];
    const network = tunnels.get(ifname) ?? `stray ${ifname}`;
    if (dst !== undefined)
      return [`${network}: ${mac === '00:00:00:00:00:00' ? 'everybody' : mac} at ${dst}`];
    const own = host.links.find((link) => link.ifname === ifname)?.address === mac;
    return master === undefined || own ? [] : [`${network}: ${mac} in the tunnel`];
  });
  const neighbours = host.neighbours.flatMap(({ dst, dev, lladdr }) =>
    dev.startsWith('wb-') && lladdr !== undefined
      ? [`${bridges.get(dev) ?? `stray ${dev}`}: ${dst} is ${lladdr}`]
      : [],
  );
  return difference('kernel entry', wanted, [...found, ...neighbours]);
}

/** One bridge and one tunnel a network, one veth an endpoint. */
function linkViolations(model: Model, host: HostView): readonly string[] {
  const count = (prefix: string) => host.links.filter(({ ifname }) => ifname.startsWith(prefix)).length;
  const networks = networksOn(model, host.name).length;
  const endpoints = Object.keys(model.networks).flatMap((name) =>
    onNetwork(model, name).filter((each) => each.host === host.name),
  ).length;
  return [
    ['bridge', count('wb-'), networks],
    ['tunnel', count('wx-'), networks],
    ['veth', count('wv-'), endpoints],
    ['end of a veth in no sandbox', count('wc-'), 0],
  ].flatMap(([what, found, wanted]) => (found === wanted ? [] : [`${found} of ${what}, not ${wanted}`]));
}

/** weft's own books of addresses and endpoints. */
function addressViolations(model: Model, host: HostView): readonly string[] {
  const here = networksOn(model, host.name).flatMap(({ name, base4, prefix4, base6 }) => {
    const endpoints = onNetwork(model, name).filter((each) => each.host === host.name).length;
    return [`${base4}.0/${prefix4}`, ...(base6 === undefined ? [] : [`${base6}/64`])].map(
      (subnet) => `${subnet}: ${endpoints + 1} in use`,
    );
  });
  const pools = host.weft.pools.map(({ subnet, used }) => `${subnet}: ${used} in use`);
  const wanted = Object.keys(model.networks).flatMap((network) =>
    onNetwork(model, network).map(
      ({ host: on, addresses }) => `${network} ${on} ${addresses.ip} ${addresses.mac}`,
    ),
  );
  const known = host.weft.endpoints.map(
    ({ networkName, node, ipv4, mac }) => `${networkName} ${node ?? host.name} ${ipv4?.split('/')[0]} ${mac}`,
  );
  const outside = Object.values(model.networks).flatMap(({ name, base4, prefix4, base6 }) =>
    onNetwork(model, name).flatMap(({ addresses: { ip, ip6 } }) => [
      ...(isIn(`${base4}.0/${prefix4}`, ip) && ip !== `${base4}.1` ? [] : [`${ip} is no address of ${name}`]),
      ...(base6 === undefined || isIn(`${base6}/64`, ip6) ? [] : [`${ip6} is no address of ${name}`]),
    ]),
  );
  return [...difference('pool', here, pools), ...difference('endpoint in weft', wanted, known), ...outside];
}

/** What is missing and what is too much, each as a line. Equal things count. */
export function difference(
  what: string,
  wanted: readonly string[],
  found: readonly string[],
): readonly string[] {
  const left = new Map<string, number>();
  for (const text of wanted) left.set(text, (left.get(text) ?? 0) + 1);
  for (const text of found) left.set(text, (left.get(text) ?? 0) - 1);
  return [...left].flatMap(([text, count]) =>
    count === 0 ? [] : [`${what} ${count > 0 ? 'missing' : 'too much'}: ${text}`],
  );
}
