import { parseDeclaration, SERVICE_KEYS } from '../../balancer/declare/index.ts';
import type { Ip } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import type { Endpoint } from '../../core/model.ts';
import type { NameRecord } from '../../core/naming.ts';
import type { BackendState, ServiceDeclaration } from '../../core/service.ts';
import type { KnownContainer } from './container-watch.ts';

/** Compose says so which of its services a container belongs to. */
const COMPOSE_SERVICE = 'com.docker.compose.service';
/** Characters of the id that Docker resolves as a name (moby: pkg/stringid). */
const SHORT_ID = 12;

const BY_HEALTH = { starting: 'starting', healthy: 'ready', unhealthy: 'failing' } as const;

/** What an endpoint says of its service, or why it could not be read. */
export interface Declared {
  readonly declaration?: ServiceDeclaration;
  /** One sentence: the key, its value and what is accepted. */
  readonly problem?: string;
}

/** Driver options of the endpoint go before labels of the container, key by key. */
export function declarationOf(endpoint: Endpoint, container: KnownContainer | undefined): Declared {
  const said = Object.entries({ ...container?.labels, ...endpoint.request.options }).filter(
    ([key]) => key === SERVICE_KEYS.name || key.startsWith(`${SERVICE_KEYS.name}.`),
  );
  if (said.length === 0) return {};
  try {
    const declaration = parseDeclaration(Object.fromEntries(said));
    return declaration === undefined ? {} : { declaration };
  } catch (error) {
    if (error instanceof InvalidArgument) return { problem: error.message };
    throw error;
  }
}

/** The names by which an endpoint is found: lower case, each once, the container's own first. */
export function namesOf(endpoint: Endpoint, container: KnownContainer): readonly string[] {
  const { id } = endpoint.request;
  const own = container.endpoints.find((each) => each.id === id);
  const names = [
    container.name,
    ...(own?.names ?? []),
    container.id.slice(0, SHORT_ID),
    container.labels[COMPOSE_SERVICE] ?? '',
  ];
  return [...new Set(names.map((name) => name.toLowerCase()).filter((name) => name !== ''))];
}

/**
 * Whether an endpoint takes connections.
 * @param probed what a probe says, where one is declared.
 */
export function stateOf(
  endpoint: Endpoint,
  container: KnownContainer,
  probed: 'starting' | 'ready' | 'failing' | undefined,
): BackendState {
  // An endpoint that was made after a stop belongs to the next start.
  if (container.stoppedAt > Math.max(container.startedAt, endpoint.createdAt)) return 'draining';
  if (!container.running) return 'starting';
  if (probed !== undefined) return probed;
  return container.health === undefined ? 'ready' : BY_HEALTH[container.health];
}

/** What else a record says. */
export interface NameFacts {
  /** Key of the network, as NameRecord.network. */
  readonly network: string;
  readonly node: string;
  /** Undefined: there is no Docker to ask. */
  readonly container: KnownContainer | undefined;
  readonly declaration: ServiceDeclaration | undefined;
  readonly probed: 'starting' | 'ready' | 'failing' | undefined;
}

/** What the hosts are told of an endpoint that is in a sandbox; undefined for one without an address. */
export function nameRecord(endpoint: Endpoint, facts: NameFacts): NameRecord | undefined {
  const { network, node, container, declaration, probed } = facts;
  const { id, ipv4, ipv6 } = endpoint.request;
  if (ipv4 === undefined && ipv6 === undefined) return undefined;
  const addresses: { ipv4?: Ip; ipv6?: Ip } = {
    ...(ipv4 && { ipv4: ipv4.ip }),
    ...(ipv6 && { ipv6: ipv6.ip }),
  };
  return {
    endpoint: id,
    network,
    networkName: container?.endpoints.find((each) => each.id === id)?.networkName ?? network,
    node,
    container: container?.id ?? '',
    names: container === undefined ? [] : namesOf(endpoint, container),
    ...addresses,
    state: container === undefined ? (probed ?? 'ready') : stateOf(endpoint, container, probed),
    declaredAt: endpoint.createdAt,
    ...(declaration && { service: declaration }),
  };
}
