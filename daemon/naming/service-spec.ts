import { parseServiceName } from '../../balancer/declare/index.ts';
import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { ServiceRecord } from '../../core/naming.ts';
import type { ClientAffinity, HealthProbe, ServicePort } from '../../core/service.ts';
import { MOST_WEIGHT } from '../../core/service.ts';

/** A service made by hand. */
export interface ServiceSpec {
  /** Key of its network, as NameRecord.network. */
  readonly network: string;
  readonly name: string;
  /** Absent or empty: every port, unchanged. */
  readonly ports?: readonly ServicePort[];
  readonly affinity?: ClientAffinity;
  readonly health?: HealthProbe;
  /** A name whose endpoints are its backends, besides those that declare it. */
  readonly select?: string;
  /** By container name or endpoint id. */
  readonly weights?: Readonly<Record<string, number>>;
}

/** What of a service is to be other than it is; null takes away what was said. */
export interface ServiceChange {
  readonly ports?: readonly ServicePort[];
  readonly affinity?: ClientAffinity | null;
  readonly health?: HealthProbe | null;
  readonly select?: string | null;
  /** Of these backends only. */
  readonly weights?: Readonly<Record<string, number | null>>;
}

/** What a change can say, checked. */
export type ServiceFields = Pick<ServiceRecord, 'ports' | 'affinity' | 'health' | 'select' | 'weights'>;

const MOST_PORTS = 64;
const MOST_SECONDS = 86_400;
const SELECT = /^[^\s/]{1,253}$/;
const PATH = /^\/[!-~]{0,254}$/;

/** @throws {InvalidArgument} naming the field, the value and what is accepted. */
export function checkSpec(spec: ServiceSpec): ServiceFields & { readonly name: string } {
  const name = parseServiceName(spec.name, 'name');
  const nothing: ServiceFields = { ports: [] };
  return { name, ...changed(nothing, spec) };
}

/**
 * The fields of a service after a change.
 * @throws {InvalidArgument} naming the field, the value and what is accepted.
 */
export function changed(before: ServiceFields, change: ServiceChange): ServiceFields {
  const affinity = change.affinity === undefined ? before.affinity : change.affinity;
  const health = change.health === undefined ? before.health : change.health;
  const select = change.select === undefined ? before.select : change.select;
  const weights = Object.entries({ ...before.weights, ...change.weights }).filter(
    (pair): pair is [string, number] => pair[1] !== null,
  );
  return {
    ports: checkPorts(change.ports ?? before.ports),
    ...(affinity ? { affinity: checkAffinity(affinity) } : {}),
    ...(health ? { health: checkHealth(health) } : {}),
    ...(typeof select === 'string' ? { select: checkSelect(select) } : {}),
    ...(weights.length > 0 ? { weights: checkWeights(weights) } : {}),
  };
}

function checkPorts(ports: readonly ServicePort[]): readonly ServicePort[] {
  if (ports.length > MOST_PORTS)
    throw new InvalidArgument(`ports are ${ports.length}: expected at most ${MOST_PORTS}`, {
      field: 'ports',
    });
  const seen = new Set<string>();
  for (const { protocol, port, target } of ports) {
    if (!isPort(port) || !isPort(target))
      throw refused('ports', `${port}:${target}`, 'ports from 1 to 65535');
    const name = `${port}/${protocol}`;
    if (seen.has(name)) throw refused('ports', name, 'each port of a protocol once');
    seen.add(name);
  }
  return ports;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

function checkAffinity(affinity: ClientAffinity): ClientAffinity {
  const { timeoutSeconds: seconds } = affinity;
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= 1 && seconds <= MOST_SECONDS))
    throw refused('affinity', seconds, `a timeout of 1 to ${MOST_SECONDS} whole seconds`);
  return affinity;
}

function checkHealth(health: HealthProbe): HealthProbe {
  if (!isPort(health.port)) throw refused('health', health.port, 'a port from 1 to 65535');
  if (health.kind === 'http' && !PATH.test(health.path))
    throw refused('health', health.path, 'a path of printable characters that begins with a slash');
  return health;
}

function checkSelect(select: string): string {
  if (!SELECT.test(select)) throw refused('select', select, 'a name of 1–253 characters without blanks');
  return select.toLowerCase();
}

function checkWeights(weights: readonly [string, number][]): Readonly<Record<string, number>> {
  for (const [backend, weight] of weights) {
    if (!(Number.isInteger(weight) && weight >= 0 && weight <= MOST_WEIGHT))
      throw refused(`weight of ${backend}`, weight, `a whole number from 0 to ${MOST_WEIGHT}`);
  }
  return Object.fromEntries(weights.map(([backend, weight]) => [backend.toLowerCase(), weight]));
}

function refused(field: string, value: unknown, expected: string): InvalidArgument {
  return new InvalidArgument(`${field} ${quote(value)}: expected ${expected}`, { field });
}
