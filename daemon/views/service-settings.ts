import {
  parseAffinity,
  parseHealth,
  parseServiceName,
  parseServicePorts,
  parseWeight,
} from '../../balancer/index.ts';
import type { ServiceChange, ServiceRequest } from '../../core/control.ts';
import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { ClientAffinity } from '../../core/service.ts';
import type { NewService, ServiceSettings } from './names-ports.ts';

const AFFINITY = { affinity: 'affinity', timeout: 'affinityTimeout' } as const;
/** What Docker takes for a container (moby: daemon/names), and endpoint ids. */
const CONTAINER = /^[a-z0-9][a-z0-9_.-]{0,252}$/;

/**
 * A new service, from texts.
 * @param network key of its network.
 * @throws {InvalidArgument} naming the field, the value and what is accepted.
 */
export function newService(network: string, request: ServiceRequest): NewService {
  const name = parseServiceName(request.name, 'name');
  const { ports = [], affinity, health, select, weights = {} } = settingsOf(request, undefined);
  const given = Object.entries(weights).filter((pair): pair is [string, number] => pair[1] !== null);
  return {
    network,
    name,
    ports,
    ...(affinity && { affinity }),
    ...(health && { health }),
    ...(select && { select }),
    ...(given.length > 0 && { weights: Object.fromEntries(given) }),
  };
}

/**
 * A change, from texts: an empty one takes a setting away.
 * @param now the service's affinity, which a change of its timeout alone keeps.
 * @throws {InvalidArgument} naming the field, the value and what is accepted; also for a change of nothing.
 */
export function changeOf(change: ServiceChange, now: ClientAffinity | undefined): ServiceSettings {
  if (Object.keys(change).length > 0) return settingsOf(change, now);
  throw new InvalidArgument(
    'an empty change: expected one of ports, affinity, affinityTimeout, health, select, weights',
  );
}

function settingsOf(change: ServiceChange, now: ClientAffinity | undefined): ServiceSettings {
  const { ports, health, select, weights } = change;
  return {
    ...(ports === undefined ? {} : { ports: portsOf(ports) }),
    ...affinityOf(change, now),
    ...(health === undefined ? {} : { health: health === '' ? null : parseHealth(health, 'health') }),
    ...(select === undefined ? {} : { select: select === '' ? null : parseContainer(select, 'select') }),
    ...(weights === undefined ? {} : { weights: weightsOf(weights) }),
  };
}

function portsOf(texts: readonly string[]): NonNullable<ServiceSettings['ports']> {
  const text = texts.filter((each) => each !== '').join(',');
  return text === '' ? [] : parseServicePorts('ports', text);
}

/** A kind without a timeout keeps the timeout there is, and a timeout alone the kind. */
function affinityOf(
  { affinity, affinityTimeout }: ServiceChange,
  now: ClientAffinity | undefined,
): Pick<ServiceSettings, 'affinity'> {
  if (affinity === undefined && affinityTimeout === undefined) return {};
  const kind = affinity === '' ? 'none' : (affinity ?? (now && 'client'));
  const kept = now?.timeoutSeconds === undefined || kind !== 'client' ? undefined : `${now.timeoutSeconds}s`;
  const timeout = affinityTimeout === '' ? undefined : (affinityTimeout ?? kept);
  return { affinity: parseAffinity({ kind, timeout }, AFFINITY) ?? null };
}

function weightsOf(texts: Readonly<Record<string, string>>): Readonly<Record<string, number | null>> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [
      parseContainer(name, 'weights'),
      text === '' ? null : parseWeight(text, `weights.${name}`),
    ]),
  );
}

/** In lower case, as names are looked up. */
function parseContainer(text: string, field: string): string {
  const name = text.toLowerCase();
  if (CONTAINER.test(name)) return name;
  throw new InvalidArgument(`${field} ${quote(text)}: expected a container name or endpoint id`, { field });
}
