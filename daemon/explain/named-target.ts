import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingView, ServiceRecord } from '../../core/naming.ts';

/** What a name or a virtual IP stands for on one network. */
export type NamedThing =
  | { readonly kind: 'service'; readonly network: string; readonly service: ServiceRecord }
  /** `tasks` of a service, or all who have a name; ready ones first, each in the order of their ids. */
  | { readonly kind: 'endpoints'; readonly network: string; readonly holders: readonly NameRecord[] };

const TASKS = 'tasks.';

/**
 * What a text stands for on one network, as the resolver answers: a service before containers of that name, and the
 * name of the network may follow; or the service with a virtual IP.
 */
export function thingNamed(
  naming: NamingView,
  network: string,
  asked: { readonly name: string } | { readonly ip: Ip },
): NamedThing | undefined {
  if ('ip' in asked) {
    const { ip } = asked;
    const service = [...naming.services(network)].find(({ vip4, vip6 }) => ip === vip4 || ip === vip6);
    return service && { kind: 'service', network, service };
  }
  const name = asked.name.toLowerCase().replace(/\.$/, '');
  for (const own of [name, ...withoutNetwork(naming, network, name)]) {
    const thing = plainlyNamed(naming, network, own);
    if (thing !== undefined) return thing;
  }
  return undefined;
}

function plainlyNamed(naming: NamingView, network: string, name: string): NamedThing | undefined {
  const service = naming.service(network, name);
  if (service !== undefined) return { kind: 'service', network, service };
  const holders = [...naming.names(network)].filter(({ names }) => names.includes(name));
  if (holders.length > 0) return { kind: 'endpoints', network, holders: readyFirst(holders) };
  if (!name.startsWith(TASKS)) return undefined;
  const of = naming.service(network, name.slice(TASKS.length));
  if (of === undefined) return plainlyNamed(naming, network, name.slice(TASKS.length));
  const ids = new Set<EndpointId>(naming.backends(of).map(({ endpoint }) => endpoint));
  const backends = [...naming.names(network)].filter(({ endpoint }) => ids.has(endpoint));
  return { kind: 'endpoints', network, holders: readyFirst(backends) };
}

/** Those that Docker calls the network, on any host. */
function withoutNetwork(naming: NamingView, network: string, name: string): readonly string[] {
  const suffixes = new Set([network, ...[...naming.names(network)].map(({ networkName }) => networkName)]);
  return [...suffixes].flatMap((each) => {
    const suffix = `.${each.toLowerCase()}`;
    return name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : [];
  });
}

function readyFirst(records: readonly NameRecord[]): readonly NameRecord[] {
  const rank = ({ state }: NameRecord): number => (state === 'ready' ? 0 : 1);
  return records.toSorted((a, b) => rank(a) - rank(b) || (a.endpoint < b.endpoint ? -1 : 1));
}
