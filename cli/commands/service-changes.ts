import type { ServiceChange, ServiceDetail, ServiceRequest } from '../../core/control.ts';
import { EXIT, type ExitCode, Failure } from '../failure.ts';
import { printable } from '../printable.ts';
import { findService, type ServicePlace } from '../service-place.ts';
import { type Session, writeJson } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { vipText } from './service.ts';

/** What can be set of a service, as texts that weftd reads. */
interface SettingOptions {
  readonly port?: readonly string[];
  readonly affinity?: string;
  readonly affinityTimeout?: string;
  readonly health?: string;
  readonly select?: string;
  readonly weight?: readonly string[];
  readonly json?: boolean;
}

/** Options of `weft service create`. */
export interface ServiceCreationOptions extends SettingOptions {
  readonly network: string;
}

/** Options of `weft service update`. */
export interface ServiceUpdateOptions extends SettingOptions, ServicePlace {}

/**
 * `weft service create`
 * @throws {Failure} exit 2 when a value is wrong; 1 when the network is not known or has such a service.
 */
export async function createService(
  { client, terminal }: Session,
  name: string,
  options: ServiceCreationOptions,
): Promise<ExitCode> {
  const request: ServiceRequest = { network: options.network, name, ...settingsOf(options) };
  const service = await client.post<ServiceDetail>('/v1/services', request);
  const vips = vipText(service).replace(',', ' and ');
  const at = vips === '' ? '' : `, at ${vips}`;
  return tell(terminal, options, service, `created${at}`);
}

/**
 * `weft service update`
 * @throws {Failure} exit 2 when nothing is given, a value is wrong or the name is ambiguous; 1 when there is none.
 */
export async function updateService(
  { client, terminal }: Session,
  name: string,
  options: ServiceUpdateOptions,
): Promise<ExitCode> {
  const change = settingsOf(options);
  if (Object.keys(change).length === 0) {
    throw new Failure(
      EXIT.usage,
      'nothing to change',
      'Give --port, --affinity, --affinity-timeout, --health, --select or --weight.',
    );
  }
  const service = await client.patch<ServiceDetail>(await findService(client, name, options), change);
  return tell(terminal, options, service, 'changed');
}

/**
 * `weft service rm`
 * @throws {Failure} exit 1 when there is none, or containers declare it; 2 when the name is ambiguous.
 */
export async function removeService(
  { client, terminal }: Session,
  name: string,
  options: ServicePlace & { readonly json?: boolean },
): Promise<ExitCode> {
  const service = await client.remove<ServiceDetail>(await findService(client, name, options));
  return tell(terminal, options, { ...service, weights: {} }, 'removed');
}

/** One line, and a notice for each weight that concerns nobody: a misspelt one would drain nothing in silence. */
function tell(
  terminal: Terminal,
  { json }: { readonly json?: boolean },
  service: ServiceDetail,
  what: string,
): ExitCode {
  if (json === true) {
    writeJson(terminal, service);
    return EXIT.fine;
  }
  const { name, network, networkName, weights, backends } = service;
  terminal.line(printable(`service ${name} of network ${networkName ?? network} ${what}`));
  const known = new Set(backends.flatMap((backend) => [backend.endpoint, backend.name]));
  for (const container of Object.keys(weights)) {
    if (known.has(container)) continue;
    const notice = `it has no backend ${container} now: that weight waits for one`;
    terminal.line(terminal.paint(printable(notice), 'warning'));
  }
  return EXIT.fine;
}

function settingsOf({
  port,
  affinity,
  affinityTimeout,
  health,
  select,
  weight,
}: SettingOptions): ServiceChange {
  return {
    ...(port === undefined ? {} : { ports: port }),
    ...(affinity === undefined ? {} : { affinity }),
    ...(affinityTimeout === undefined ? {} : { affinityTimeout }),
    ...(health === undefined ? {} : { health }),
    ...(select === undefined ? {} : { select }),
    ...(weight === undefined ? {} : { weights: Object.fromEntries(weight.map(weightOf)) }),
  };
}

function weightOf(text: string): readonly [container: string, weight: string] {
  const equals = text.lastIndexOf('=');
  if (equals < 1) {
    throw new Failure(EXIT.usage, `--weight ${JSON.stringify(text)}: expected CONTAINER=N, such as web-1=0`);
  }
  return [text.slice(0, equals), text.slice(equals + 1)];
}
