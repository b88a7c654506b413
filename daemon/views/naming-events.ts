import type { EndpointId } from '../../core/ids.ts';
import type { NamingChange, NamingView, ServiceRecord } from '../../core/naming.ts';
import type { Backend } from '../../core/service.ts';
import type { NewEvent } from '../control/index.ts';

/** What is said of services, as `weft events` shows it. */
export type NamingEventKind =
  | 'service.create'
  | 'service.update'
  | 'service.remove'
  | 'backend.add'
  | 'backend.change'
  | 'backend.remove';

/** A service as it was last seen. */
interface Seen {
  readonly service: ServiceRecord;
  readonly settings: string;
  readonly backends: ReadonlyMap<EndpointId, Seat>;
}

/** A backend's state and weight, and what to call it once it is gone. */
interface Seat extends Pick<Backend, 'state' | 'weight' | 'node'> {
  readonly name: string;
}

/** Tells what becomes of services and backends; what is there at the start is not told. */
export class NamingEvents implements Disposable {
  readonly #naming: NamingView;
  readonly #publish: (event: NewEvent & { readonly kind: NamingEventKind }) => void;
  readonly #seen = new Map<string, Seen>();
  readonly #following: Disposable;

  /** @param publish takes microseconds and does not throw. */
  constructor(naming: NamingView, publish: (event: NewEvent & { readonly kind: NamingEventKind }) => void) {
    this.#naming = naming;
    this.#publish = publish;
    for (const network of naming.networks()) {
      for (const service of naming.services(network)) this.#seen.set(keyOf(service), this.#look(service));
    }
    this.#following = naming.subscribe((changes) => this.#changed(changes));
  }

  [Symbol.dispose](): void {
    this.#following[Symbol.dispose]();
  }

  #changed(changes: readonly NamingChange[]): void {
    const services = new Map<string, { readonly network: string; readonly name: string }>();
    for (const change of changes) if (change.kind === 'service') services.set(keyOf(change), change);
    for (const [key, { network, name }] of services) this.#compare(key, this.#naming.service(network, name));
  }

  #compare(key: string, service: ServiceRecord | undefined): void {
    const before = this.#seen.get(key);
    if (service === undefined) {
      this.#seen.delete(key);
      if (before !== undefined)
        this.#tell('service.remove', before.service, `service ${before.service.name} removed`);
      return;
    }
    const now = this.#look(service);
    this.#seen.set(key, now);
    if (before === undefined) this.#tell('service.create', service, createdText(service));
    else if (before.settings !== now.settings) {
      this.#tell('service.update', service, `service ${service.name} changed`);
    }
    this.#compareBackends(service, before?.backends ?? new Map(), now.backends);
  }

  #compareBackends(service: ServiceRecord, before: Seen['backends'], now: Seen['backends']): void {
    for (const [id, seat] of now) {
      const was = before.get(id);
      if (was === undefined) {
        this.#tellOf(
          'backend.add',
          service,
          id,
          seat,
          `${seat.name} is a backend of ${service.name}: ${seat.state}`,
        );
      } else if (was.state !== seat.state || was.weight !== seat.weight) {
        this.#tellOf('backend.change', service, id, seat, changeText(service, was, seat));
      }
    }
    for (const [id, seat] of before) {
      if (now.has(id)) continue;
      this.#tellOf(
        'backend.remove',
        service,
        id,
        seat,
        `${seat.name} is no backend of ${service.name} any more`,
      );
    }
  }

  #tell(kind: NamingEventKind, { network, name }: ServiceRecord, text: string): void {
    this.#publish({ kind, network, text, fields: { service: name } });
  }

  #tellOf(
    kind: NamingEventKind,
    { network, name }: ServiceRecord,
    endpoint: EndpointId,
    { state, weight, node }: Seat,
    text: string,
  ): void {
    this.#publish({ kind, network, endpoint, text, fields: { service: name, node, state, weight } });
  }

  #look(service: ServiceRecord): Seen {
    const { network, ports, affinity, health, select, vip4, vip6, origin } = service;
    const seats = this.#naming
      .backends(service)
      .map(({ endpoint, state, weight, node }): [EndpointId, Seat] => {
        const [name = endpoint.slice(0, 12)] = this.#naming.name(network, endpoint)?.names ?? [];
        return [endpoint, { state, weight, node, name }];
      });
    const settings = JSON.stringify([ports, affinity, health, select, vip4, vip6, origin]);
    return { service, settings, backends: new Map(seats) };
  }
}

function keyOf({ network, name }: { readonly network: string; readonly name: string }): string {
  return `${network}/${name}`;
}

function createdText({ name, vip4, vip6 }: ServiceRecord): string {
  const vips = [vip4, vip6].filter((vip) => vip !== undefined).join(' and ');
  return `service ${name} created${vips === '' ? '' : ` at ${vips}`}`;
}

function changeText({ name }: ServiceRecord, was: Seat, now: Seat): string {
  const state = was.state === now.state ? now.state : `${was.state} → ${now.state}`;
  const weight = was.weight === now.weight ? '' : `, weight ${was.weight} → ${now.weight}`;
  return `backend ${now.name} of ${name}: ${state}${weight}`;
}
