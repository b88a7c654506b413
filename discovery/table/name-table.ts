import type { EndpointId } from '../../core/ids.ts';
import type { EndpointNames, ServiceNames } from '../../core/naming.ts';
import type { AnswerData, AnswerRecord } from '../record.ts';
import { NetworkNames } from './network-names.ts';
import { addressOfReverseName } from './reverse-name.ts';

/** Short, so that a container that was replaced is found again soon; clients that keep nothing ask each time anyway. */
const DEFAULT_TTL = 5;

/** A question about a name in any case, with or without a dot at its end; `type` by name (`AAAA`). */
export interface TableQuestion {
  readonly name: string;
  readonly type: string;
}

/** `unknown`: nothing here has that name. No records: it exists and has none of that type. */
export type TableAnswer = readonly AnswerRecord[] | 'unknown';

/**
 * Every name that the sandboxes of this host may see: fed record by record, asked in memory. A name is looked for on
 * the networks of the sandbox that asks, in its order, and the first network that has such a record answers.
 */
export class NameTable {
  readonly #networks = new Map<string, NetworkNames>();
  readonly #endpoints = new Map<EndpointId, EndpointNames>();
  readonly #services = new Map<string, ServiceNames>();
  readonly #ttls = new Map<string, number>();

  /** Records held, for metrics. */
  get size(): { readonly endpoints: number; readonly services: number } {
    return { endpoints: this.#endpoints.size, services: this.#services.size };
  }

  putEndpoint(record: EndpointNames): void {
    this.dropEndpoint(record.endpoint);
    this.#endpoints.set(record.endpoint, record);
    this.#network(record.network).add(record);
  }

  dropEndpoint(endpoint: EndpointId): void {
    const record = this.#endpoints.get(endpoint);
    if (record === undefined) return;
    this.#endpoints.delete(endpoint);
    this.#networks.get(record.network)?.remove(record);
    this.#tidy(record.network);
  }

  putService(service: ServiceNames): void {
    this.dropService(service.network, service.name);
    this.#services.set(serviceKey(service.network, service.name), service);
    this.#network(service.network).addService(service);
  }

  dropService(network: string, name: string): void {
    const service = this.#services.get(serviceKey(network, name));
    if (service === undefined) return;
    this.#services.delete(serviceKey(network, name));
    this.#networks.get(network)?.removeService(service);
    this.#tidy(network);
  }

  /** How long clients may keep answers of a network, in seconds; undefined: the default of 5. */
  setTtl(network: string, seconds: number | undefined): void {
    if (seconds === undefined) this.#ttls.delete(network);
    else this.#ttls.set(network, seconds);
  }

  /** @param networks those of the sandbox that asks (EndpointNames.network). */
  lookup(networks: readonly string[], question: TableQuestion): TableAnswer {
    const name = question.name.toLowerCase().replace(/\.$/, '');
    const ip = addressOfReverseName(name);
    let known = false;
    for (const network of networks) {
      const names = this.#networks.get(network);
      if (names === undefined) continue;
      const found =
        ip === undefined ? names.resolve(name, question.type) : reverse(names.nameOf(ip), question);
      if (found !== undefined && found.length > 0) return this.#timed(network, found);
      known ||= found !== undefined;
    }
    return known ? [] : 'unknown';
  }

  #timed(network: string, answers: readonly AnswerData[]): readonly AnswerRecord[] {
    const ttl = this.#ttls.get(network) ?? DEFAULT_TTL;
    return answers.map((answer) => ({ ...answer, ttl }));
  }

  #network(network: string): NetworkNames {
    const known = this.#networks.get(network);
    if (known !== undefined) return known;
    const made = new NetworkNames();
    this.#networks.set(network, made);
    return made;
  }

  #tidy(network: string): void {
    if (this.#networks.get(network)?.isEmpty === true) this.#networks.delete(network);
  }
}

function reverse(target: string | undefined, { type }: TableQuestion): readonly AnswerData[] | undefined {
  if (target === undefined) return undefined;
  return type === 'PTR' ? [{ type: 'PTR', target }] : [];
}

/** A line break is in no name. */
function serviceKey(network: string, name: string): string {
  return `${network}\n${name}`;
}
