import {
  formatHealth,
  parseAffinity,
  parseHealth,
  parseServiceName,
  parseServicePorts,
  parseWeight,
} from '../../balancer/index.ts';
import type { ServiceChange, ServiceRequest } from '../../core/control.ts';
import { Conflict, InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { ServiceRecord } from '../../core/naming.ts';
import type { ClientAffinity } from '../../core/service.ts';
import type { ServiceSettings } from './names-ports.ts';

const AFFINITY = { affinity: 'affinity', timeout: 'affinityTimeout' } as const;
/** What Docker takes for a container (moby: daemon/names), and endpoint ids. */
const CONTAINER = /^[a-z0-9][a-z0-9_.-]{0,252}$/;
const NOTHING: ServiceSettings = { ports: [] };

/**
 * Settings and name of a new service, from texts.
 * @throws {InvalidArgument} naming the field, the value and what is accepted.
 */
export function newService(request: ServiceRequest): {
  readonly name: string;
  readonly settings: ServiceSettings;
} {
  return { name: parseServiceName(request.name, 'name'), settings: changed(NOTHING, request) };
}

/**
 * Settings after a change: what it does not name stays, and an empty text takes a setting away.
 * @throws {InvalidArgument} naming the field, the value and what is accepted.
 * @throws {Conflict} when it would change what follows labels.
 */
export function changedService(now: ServiceRecord, change: ServiceChange): ServiceSettings {
  if (now.origin === 'label') refuseDeclared(now, change);
  return changed(now, change);
}

/** Whether a change has anything in it. @throws {InvalidArgument} otherwise. */
export function checkChange(change: ServiceChange): void {
  if (Object.keys(change).length > 0) return;
  throw new InvalidArgument(
    'an empty change: expected one of ports, affinity, affinityTimeout, health, select, weights',
  );
}

/** A probe as text; undefined for none. */
export function healthText({ health }: ServiceSettings): string | undefined {
  return health && formatHealth(health);
}

function changed(now: ServiceSettings, change: ServiceChange): ServiceSettings {
  const affinity = affinityAfter(now.affinity, change);
  const health = given(change.health, now.health, (text) => parseHealth(text, 'health'));
  const select = given(change.select, now.select, (text) => parseContainer(text, 'select'));
  const weights = weightsAfter(now.weights ?? {}, change.weights ?? {});
  return {
    ports: change.ports === undefined ? now.ports : portsOf(change.ports),
    ...(affinity && { affinity }),
    ...(health && { health }),
    ...(select === undefined ? {} : { select }),
    ...(Object.keys(weights).length === 0 ? {} : { weights }),
  };
}

function portsOf(texts: readonly string[]): ServiceSettings['ports'] {
  const text = texts.filter((each) => each !== '').join(',');
  return text === '' ? [] : parseServicePorts('ports', text);
}

/** What was given, read; what was, where nothing was given; nothing, where nothing was to be. */
function given<Value>(
  text: string | undefined,
  now: Value | undefined,
  parse: (text: string) => Value,
): Value | undefined {
  if (text === undefined) return now;
  return text === '' ? undefined : parse(text);
}

function affinityAfter(
  now: ClientAffinity | undefined,
  { affinity, affinityTimeout }: ServiceChange,
): ClientAffinity | undefined {
  if (affinity === undefined && affinityTimeout === undefined) return now;
  const kind = affinity === '' ? 'none' : (affinity ?? (now && 'client'));
  const timeout = given(affinityTimeout, kind === 'client' ? timeoutText(now) : undefined, (text) => text);
  return parseAffinity({ kind, timeout }, AFFINITY);
}

function timeoutText(affinity: ClientAffinity | undefined): string | undefined {
  return affinity?.timeoutSeconds === undefined ? undefined : `${affinity.timeoutSeconds}s`;
}

function weightsAfter(
  now: Readonly<Record<string, number>>,
  change: Readonly<Record<string, string>>,
): Readonly<Record<string, number>> {
  const weights = new Map(Object.entries(now));
  for (const [name, text] of Object.entries(change)) {
    const container = parseContainer(name, 'weights');
    if (text === '') weights.delete(container);
    else weights.set(container, parseWeight(text, `weights.${name}`));
  }
  return Object.fromEntries(weights);
}

/** In lower case, as names are looked up. */
function parseContainer(text: string, field: string): string {
  const name = text.toLowerCase();
  if (CONTAINER.test(name)) return name;
  throw new InvalidArgument(`${field} ${quote(text)}: expected a container name or endpoint id`, { field });
}

function refuseDeclared({ name }: ServiceRecord, change: ServiceChange): void {
  const field = (['ports', 'affinity', 'affinityTimeout', 'health', 'select'] as const).find(
    (each) => change[each] !== undefined,
  );
  if (field === undefined) return;
  throw new Conflict(
    `service ${name} is declared by its containers, and ${field} follows their labels: change those; only weights can be set here`,
    { field },
  );
}
