import { formatServicePorts, takesConnections } from '../../balancer/index.ts';
import type { ExplainStep } from '../../core/control.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Backend } from '../../core/service.ts';
import type { NamedThing } from './named-target.ts';
import { fails, holds, notes } from './steps.ts';
import type { AskedPort } from './target.ts';

/** Where a name leads, and by which steps; no end where one of them fails. */
export interface NamedWay {
  readonly steps: readonly ExplainStep[];
  readonly end?: { readonly endpoint: EndpointId; readonly port?: AskedPort };
}

/** Whether names are answered by weft in the sender's sandbox. */
export type ResolverFacts = 'off' | 'on' | 'gone';

/** What the steps of a name are made from. */
export interface NameFacts {
  readonly naming: NamingView;
  /** As it was asked for. */
  readonly ref: string;
  readonly thing: NamedThing;
  /** Name of the network. */
  readonly label: string;
  readonly port: AskedPort | undefined;
  readonly sender: EndpointId;
  /** Absent: an address was asked for, which needs no resolver. */
  readonly resolver?: ResolverFacts;
  /** This host's name in the cluster. */
  readonly node: string;
}

/** From a name to the endpoint that a connection would reach: resolver, name, port, backend. Pure. */
export function nameSteps(facts: NameFacts): NamedWay {
  const { thing, label, ref, sender } = facts;
  const resolver = resolverSteps(facts);
  if (thing.kind === 'service') return serviceWay(facts, thing.service, resolver);
  const [first] = thing.holders.filter(({ endpoint }) => endpoint !== sender);
  const holder = first ?? thing.holders[0];
  const title = `${ref} is a name on network ${label}`;
  if (holder === undefined) {
    const missing = fails('name', title, { found: 'its service has no backends', remedy: inspect(ref) });
    return { steps: [...resolver, missing] };
  }
  const others = thing.holders.length - 1;
  const also = others === 0 ? '' : `; of ${others + 1} that have it this way takes one`;
  const step = holds('name', title, { found: `${describe(holder)}${also}` });
  return ended([...resolver, step], holder.endpoint, facts.port);
}

/** The way ends at a step that fails, not at the endpoint. */
function ended(steps: readonly ExplainStep[], endpoint: EndpointId, port: AskedPort | undefined): NamedWay {
  if (steps.some(({ state }) => state === 'fail')) return { steps };
  return { steps, end: { endpoint, ...(port === undefined ? {} : { port }) } };
}

function describe({ names, endpoint, node }: NameRecord): string {
  return `container ${names[0] ?? endpoint.slice(0, 12)} on node ${node}`;
}

function inspect(name: string): string {
  return `weft service inspect ${name}`;
}

function resolverSteps({ resolver, thing, node }: NameFacts): readonly ExplainStep[] {
  if (resolver === undefined) return [];
  const title = 'weft answers DNS in the sandbox';
  if (resolver === 'on') return [holds('resolver', title)];
  const found =
    resolver === 'off'
      ? 'it is off (--resolver off): only Docker answers'
      : 'its process is not there now: only Docker answers';
  const remedy =
    resolver === 'off'
      ? 'start weftd with --resolver sandbox'
      : 'weftd starts it again within seconds. If it stays so: the log of weftd';
  const known = thing.kind === 'endpoints' && thing.holders.some((holder) => holder.node === node);
  // Docker knows the names of its own containers.
  return [known ? notes('resolver', title, { found, remedy }) : fails('resolver', title, { found, remedy })];
}

function serviceWay(facts: NameFacts, service: ServiceRecord, before: readonly ExplainStep[]): NamedWay {
  const { naming, ref, label, sender, port } = facts;
  const vips = [service.vip4, service.vip6].filter((vip) => vip !== undefined);
  const has = vips.length > 0 ? `virtual IP ${vips.join(' and ')}` : 'no virtual IP, its backends instead';
  const name = holds('name', `${ref} is service ${service.name} on network ${label}`, { found: has });
  const offered = portStep(service, port);
  const backends = naming.backends(service);
  const ready = backends.filter(takesConnections);
  const chosen = ready.find(({ endpoint }) => endpoint !== sender) ?? ready[0];
  const steps = [...before, name, ...offered.steps, backendStep(facts, service, backends, chosen)];
  return chosen === undefined ? { steps } : ended(steps, chosen.endpoint, offered.port);
}

/** Whether the service offers a port, and which it is on the backends. */
function portStep(
  { name, ports, origin }: ServiceRecord,
  asked: AskedPort | undefined,
): { readonly steps: readonly ExplainStep[]; readonly port: AskedPort | undefined } {
  if (ports.length === 0) return { steps: [], port: asked };
  const offers = `it offers ${formatServicePorts(ports).replaceAll(',', ', ')}`;
  if (asked === undefined) {
    const title = `service ${name} offers some ports only`;
    return { steps: [notes('service-port', title, { found: offers })], port: undefined };
  }
  const title = `service ${name} offers port ${asked.port}/${asked.protocol}`;
  const match = ports.find(({ port, protocol }) => port === asked.port && protocol === asked.protocol);
  if (match !== undefined) {
    const found = `port ${match.target} of the backends`;
    const port = { port: match.target, protocol: match.protocol };
    return { steps: [holds('service-port', title, { found })], port };
  }
  const remedy =
    origin === 'label'
      ? 'start its containers with another weft.service.port'
      : `weft service update ${name} --port …`;
  const found = `${offers}; other connections are refused`;
  return { steps: [fails('service-port', title, { found, remedy })], port: undefined };
}

function backendStep(
  { naming }: NameFacts,
  { name, network }: ServiceRecord,
  backends: readonly Backend[],
  chosen: Backend | undefined,
): ExplainStep {
  const title = `service ${name} has a backend that takes connections`;
  const text = ({ endpoint, node, state, weight }: Backend): string => {
    const own = naming.name(network, endpoint)?.names[0] ?? endpoint.slice(0, 12);
    return `${own} on node ${node}: ${state}${weight === 1 ? '' : `, weight ${weight}`}`;
  };
  const all = backends.map(text).join('; ');
  if (chosen === undefined) {
    return fails('backend', title, { found: all === '' ? 'it has none' : all, remedy: inspect(name) });
  }
  const one = backends.length === 1 ? '' : `; this way takes ${text(chosen).split(' ')[0]}`;
  return holds('backend', title, { found: `${all}${one}` });
}
