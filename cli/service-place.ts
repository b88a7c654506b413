import type { ServiceView } from '../core/control.ts';
import type { Client } from './client.ts';
import { EXIT, Failure } from './failure.ts';

/** Which service is meant, where the name alone may not say. */
export interface ServicePlace {
  readonly network?: string;
}

/**
 * The path of a service. Without a network, of the one network that has a service of that name.
 * @throws {Failure} exit 2 when several have, naming them; 1 when none has.
 */
export async function findService(client: Client, name: string, { network }: ServicePlace): Promise<string> {
  if (network !== undefined) return servicePath(network, name);
  const wanted = name.toLowerCase();
  const all = await client.get<readonly ServiceView[]>('/v1/services');
  const found = all.filter((service) => service.name === wanted);
  const [only] = found;
  if (only === undefined) throw new Failure(EXIT.failed, `there is no service ${JSON.stringify(name)}`);
  if (found.length === 1) return servicePath(only.network, only.name);
  const networks = found.map((service) => service.networkName ?? service.network);
  throw new Failure(
    EXIT.usage,
    `service ${only.name} is on ${found.length} networks: ${networks.join(', ')}`,
    'Say which with --network.',
  );
}

function servicePath(network: string, name: string): string {
  return `/v1/services/${encodeURIComponent(network)}/${encodeURIComponent(name)}`;
}
