import { setTimeout as sleep } from 'node:timers/promises';
import { AlreadyExists, Conflict, InvalidArgument, NotFound, Unavailable } from '../../core/errors.ts';
import type { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { Network } from '../../core/model.ts';
import type { NameRecord, ServiceRecord } from '../../core/naming.ts';
import type { Clock } from '../../core/ports.ts';
import type { Repository } from '../state/index.ts';
import { isClusterNetwork, networkByKey } from './network-key.ts';
import type { ServiceRecords, StoredService } from './service-records.ts';
import { changed, checkSpec, type ServiceChange, type ServiceSpec } from './service-spec.ts';
import type { StoreView } from './store-view.ts';
import type { VirtualIps } from './virtual-ips.ts';

/** How often a change is made again on top of somebody else's. */
const TRIES = 5;
const AGAIN_MS = 20;

export interface ServiceEditsParts {
  readonly repository: Repository;
  readonly view: StoreView;
  readonly records: ServiceRecords;
  readonly vips: VirtualIps;
  readonly mayAct: () => boolean;
  /** As ServiceKeeperParts.locks. */
  readonly locks: KeyedMutex;
  readonly clock: Clock;
}

/** Services made, changed and removed by hand. */
export class ServiceEdits {
  readonly #parts: ServiceEditsParts;

  constructor(parts: ServiceEditsParts) {
    this.#parts = parts;
  }

  /**
   * Makes a service with a virtual IP of each family of its network. One that endpoints declared and no longer do is
   * taken over with its virtual IPs.
   * @throws {InvalidArgument} naming the field; {NotFound} when this host has no such network; {AlreadyExists};
   * {Exhausted} when the network has no address left; {Unavailable}
   */
  create(spec: ServiceSpec): Promise<ServiceRecord> {
    const { name, ...fields } = checkSpec(spec);
    const { locks, records, view, vips, clock } = this.#parts;
    const { network: key } = spec;
    return locks.run(`${key}/${name}`, async () => {
      const network = this.#network(key);
      const found = records.find(key, name);
      const declaring = view.declaring(key, name);
      const isFree = found?.record?.unusedSince !== undefined && declaring.length === 0;
      if (found !== undefined && !isFree)
        throw new AlreadyExists(`service ${name} exists already: ${originText(found.record, declaring)}`, {
          name,
        });
      const { vip4, vip6 } = found?.record ?? {};
      const made = { network: key, name, ...fields, ...(vip4 && { vip4 }), ...(vip6 && { vip6 }) };
      const { vips: chosen, lacking } = await vips.complete(network, made);
      if (lacking !== undefined) throw lacking;
      const record: ServiceRecord = { ...made, ...chosen, origin: 'api', createdAt: clock.now() };
      await records.put(records.storeOf(network), record, found?.revision ?? 0n);
      vips.settle(record);
      return record;
    });
  }

  /**
   * Changes a service. Ports and affinity of one that endpoints declare follow the endpoints.
   * @throws {InvalidArgument} naming the field, also for what only its endpoints can say; {NotFound}; {Conflict} when
   * others change it all the time; {Unavailable}
   */
  update(key: string, name: string, change: ServiceChange): Promise<ServiceRecord> {
    return this.#withLatest(key, name, async (network, found) => {
      const { record: before, revision } = found;
      if (before === undefined) throw noService(key, name);
      assertChangeable(before, change);
      const { ports: _p, affinity: _a, health: _h, select: _s, weights: _w, ...rest } = before;
      const record: ServiceRecord = { ...rest, ...changed(before, change) };
      const { records } = this.#parts;
      await records.put(records.storeOf(network), record, revision);
      return record;
    });
  }

  /**
   * Removes a service at once; its virtual IPs are free.
   * @throws {NotFound}; {Conflict} while endpoints declare it, naming their containers; {Unavailable}
   */
  async remove(key: string, name: string): Promise<void> {
    const { records, view, vips } = this.#parts;
    const declaring = view.declaring(key, name);
    if (declaring.length > 0)
      throw new Conflict(
        `service ${name} is declared by ${containers(declaring)}: stop those containers first, or start them without weft.service`,
        { name },
      );
    await this.#withLatest(key, name, async (network, found) => {
      await records.remove(found, key, name);
      if (found.record !== undefined) await vips.release(network, found.record);
    });
  }

  /** Makes a change of the record as it is, and again when it has become another meanwhile. */
  #withLatest<Result>(
    key: string,
    name: string,
    change: (network: Network, found: StoredService) => Promise<Result>,
  ): Promise<Result> {
    return this.#parts.locks.run(`${key}/${name}`, async () => {
      const network = this.#network(key);
      return overConflicts(() => {
        const found = this.#parts.records.find(key, name);
        if (found === undefined) throw noService(key, name);
        return change(network, found);
      });
    });
  }

  #network(key: string): Network {
    const network = networkByKey(this.#parts.repository, key);
    if (network === undefined || network.driver === 'weft-none')
      throw new NotFound(`this host has no network ${key} that could have services`, { network: key });
    if (isClusterNetwork(network) && !this.#parts.mayAct())
      throw new Unavailable('this host must not speak in the cluster: weft status says why', {});
    return network;
  }
}

/** Does it again for as long as others are first, a few times at most. */
async function overConflicts<Result>(change: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof Conflict) || attempt === TRIES) throw error;
      // The local copy shows a moment later what it was.
      await sleep(AGAIN_MS);
    }
  }
}

function noService(network: string, name: string): NotFound {
  return new NotFound(`network ${network} has no service ${name}`, { network, name });
}

function originText(record: ServiceRecord | undefined, declaring: readonly NameRecord[]): string {
  if (record?.origin === 'api') return 'it was made by hand; update it instead';
  return declaring.length === 0 ? 'its record cannot be read' : `declared by ${containers(declaring)}`;
}

function containers(records: readonly NameRecord[]): string {
  const shown = records.slice(0, 3).map(({ names: [name = '?'], node }) => `${name} on ${node}`);
  const more = records.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

function assertChangeable(record: ServiceRecord, { ports, affinity, select }: ServiceChange): void {
  if (record.origin === 'api') return;
  const said = Object.entries({ ports, affinity, select }).find(([, value]) => value !== undefined);
  if (said === undefined) return;
  throw new InvalidArgument(
    `${said[0]} of service ${record.name} cannot be set by hand: endpoints declare it, with labels or driver options weft.service…`,
    { name: record.name, field: said[0] },
  );
}
