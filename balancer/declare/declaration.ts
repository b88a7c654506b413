import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { ClientAffinity, HealthProbe, ServiceDeclaration } from '../../core/service.ts';
import { MOST_WEIGHT } from '../../core/service.ts';
import { type Labels, notAccepted, portNumber, wholeNumber } from './label-reader.ts';
import { parseServicePorts } from './ports.ts';

/** Keys that declare a service, in an endpoint's driver options or a container's labels. */
export const SERVICE_KEYS = {
  name: 'weft.service',
  ports: 'weft.service.port',
  affinity: 'weft.service.affinity',
  timeout: 'weft.service.affinity.timeout',
  weight: 'weft.service.weight',
  health: 'weft.service.health',
} as const;

/** The weight of a backend that does not say. */
export const USUAL_WEIGHT = 1;
const MOST_TIMEOUT_SECONDS = 86_400;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** A DNS label (RFC 1035 section 2.3.1), and underscores, which Compose has in names. */
const NAME = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/;
/** RFC 3986 section 3.3 and 3.4, without judging what is escaped. */
const PATH = /^\/[!-~]{0,254}$/;

/**
 * What labels say of a service; undefined when they do not name one. Keys of others are not looked at.
 * @throws {InvalidArgument} naming the key, the value and what is accepted, also for an unknown key below
 * `weft.service.` and for one that says something of no service.
 */
export function parseDeclaration(labels: Labels): ServiceDeclaration | undefined {
  checkKeys(labels);
  const name = labels[SERVICE_KEYS.name];
  if (name === undefined) return undefined;
  const ports = labels[SERVICE_KEYS.ports];
  const affinity = parseAffinity(
    { kind: labels[SERVICE_KEYS.affinity], timeout: labels[SERVICE_KEYS.timeout] },
    SERVICE_KEYS,
  );
  const health = labels[SERVICE_KEYS.health];
  const weight = labels[SERVICE_KEYS.weight];
  return {
    service: parseServiceName(name),
    ports: ports === undefined ? [] : parseServicePorts(SERVICE_KEYS.ports, ports),
    ...(affinity && { affinity }),
    weight: weight === undefined ? USUAL_WEIGHT : parseWeight(weight),
    ...(health === undefined ? {} : { health: parseHealth(health) }),
  };
}

/**
 * A service's name in lower case.
 * @throws {InvalidArgument} when it could not be one label of a DNS name.
 */
export function parseServiceName(text: string, key: string = SERVICE_KEYS.name): string {
  const name = text.toLowerCase();
  if (!NAME.test(name)) {
    throw notAccepted(key, text, '1–63 letters, digits, "-" or "_", with a letter or digit at either end');
  }
  return name;
}

function checkKeys(labels: Labels): void {
  const known: readonly string[] = Object.values(SERVICE_KEYS);
  for (const key of Object.keys(labels)) {
    if (!key.startsWith(`${SERVICE_KEYS.name}.`)) continue;
    if (!known.includes(key)) {
      throw new InvalidArgument(`${key} ${quote(labels[key])}: expected one of ${known.join(', ')}`, {
        field: key,
      });
    }
    if (labels[SERVICE_KEYS.name] === undefined) {
      throw notAccepted(key, labels[key] ?? '', `beside ${SERVICE_KEYS.name}, which names the service`);
    }
  }
}

/**
 * Whether clients keep their backend; undefined where they do not.
 * @param keys what the two values are called in messages.
 * @throws {InvalidArgument} for another kind, a wrong timeout, or one beside no affinity.
 */
export function parseAffinity(
  { kind = 'none', timeout }: { readonly kind?: string | undefined; readonly timeout?: string | undefined },
  keys: { readonly affinity: string; readonly timeout: string },
): ClientAffinity | undefined {
  if (kind !== 'none' && kind !== 'client') throw notAccepted(keys.affinity, kind, '"none" or "client"');
  if (timeout === undefined) return kind === 'client' ? {} : undefined;
  if (kind === 'none') throw notAccepted(keys.timeout, timeout, `beside ${keys.affinity}=client`);
  return { timeoutSeconds: parseTimeout(keys.timeout, timeout) };
}

function parseTimeout(key: string, text: string): number {
  const [, digits = '', unit = 's'] = /^(\d+)([smh])?$/.exec(text) ?? [];
  const count = wholeNumber(digits, { min: 1, max: MOST_TIMEOUT_SECONDS });
  const seconds = (count ?? Number.NaN) * (SECONDS[unit] ?? Number.NaN);
  if (!(seconds <= MOST_TIMEOUT_SECONDS)) {
    throw notAccepted(key, text, 'seconds, or a number with "s", "m" or "h", from 1s to 24h');
  }
  return seconds;
}

/** @throws {InvalidArgument} when it is no number from 0 to 1000. */
export function parseWeight(text: string, key: string = SERVICE_KEYS.weight): number {
  const weight = wholeNumber(text, { min: 0, max: MOST_WEIGHT });
  if (weight === undefined) {
    throw notAccepted(key, text, `a number from 1 to ${MOST_WEIGHT}, or 0 to drain`);
  }
  return weight;
}

/** `tcp:PORT` or `http:PORT/PATH`. @throws {InvalidArgument} for anything else. */
export function parseHealth(text: string, key: string = SERVICE_KEYS.health): HealthProbe {
  const [, kind, digits = '', path = ''] = /^(tcp|http):(\d+)(\/.*)?$/s.exec(text) ?? [];
  const port = portNumber(digits);
  if (port !== undefined && kind === 'tcp' && path === '') return { kind, port };
  if (port !== undefined && kind === 'http' && PATH.test(path)) return { kind, port, path };
  throw notAccepted(key, text, 'tcp:PORT or http:PORT/PATH, with a port from 1 to 65535');
}

/** The reverse of `parseHealth`. */
export function formatHealth(probe: HealthProbe): string {
  return probe.kind === 'tcp' ? `tcp:${probe.port}` : `http:${probe.port}${probe.path}`;
}
