import { isDeepStrictEqual } from 'node:util';
import { CLUSTER_KEYS } from '../../core/cluster.ts';
import { Conflict, errorMessage, WeftError } from '../../core/errors.ts';
import type { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { Network } from '../../core/model.ts';
import type { NameRecord, ServiceRecord } from '../../core/naming.ts';
import type { Clock, SharedView } from '../../core/ports.ts';
import { clusterKeys } from '../cluster/index.ts';
import type { Repository } from '../state/index.ts';
import { declaredService } from './declared-service.ts';
import type { Log } from './log.ts';
import { isClusterNetwork, networkByKey } from './network-key.ts';
import type { ServiceProblems } from './service-problems.ts';
import type { ServiceRecords, StoredService } from './service-records.ts';
import type { NodeLiveness, StoreView } from './store-view.ts';
import type { VirtualIps } from './virtual-ips.ts';

/** How long a service that nobody declares any more keeps its virtual IPs. */
export const UNUSED_MS = 24 * 3_600_000;
const AFTER_CONFLICT_MS = 50;
const AFTER_FAILURE_MS = 1000;
const AFTER_FULL_MS = 30_000;

export interface ServiceKeeperParts {
  readonly repository: Repository;
  readonly shared: SharedView;
  readonly view: StoreView;
  readonly records: ServiceRecords;
  readonly vips: VirtualIps;
  readonly problems: ServiceProblems;
  readonly liveness: NodeLiveness;
  readonly node: string;
  /** False while this host must not speak in the cluster. */
  readonly mayAct: () => boolean;
  /** One change of a service at a time, by `NETWORK/NAME`. */
  readonly locks: KeyedMutex;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Makes one service's record follow what endpoints declare: makes it when the first of this host does, keeps ports and
 * affinity as they say, gives it its virtual IPs, and takes it away a day after the last one. Of several hosts that
 * could do that one does; if two do, the store takes the first.
 */
export class ServiceKeeper {
  readonly #parts: ServiceKeeperParts;

  constructor(parts: ServiceKeeperParts) {
    this.#parts = parts;
  }

  /**
   * Compares a service with what is declared. Never rejects.
   * @returns after how many milliseconds to compare again though nothing has changed; undefined: not at all.
   */
  async compare(network: string, name: string): Promise<number | undefined> {
    const { locks, log } = this.#parts;
    try {
      return await locks.run(`${network}/${name}`, () => this.#compare(network, name));
    } catch (error) {
      if (error instanceof Conflict) return AFTER_CONFLICT_MS;
      if (!(error instanceof WeftError)) throw error;
      log.debug({ network, service: name, error: errorMessage(error) }, 'service not settled yet');
      return AFTER_FAILURE_MS;
    }
  }

  async #compare(key: string, name: string): Promise<number | undefined> {
    const { repository, records, view, mayAct } = this.#parts;
    const network = networkByKey(repository, key);
    const found = records.find(key, name);
    if (network === undefined) return this.#withoutNetwork(key, name, found);
    const declared = view.declaring(key, name);
    this.#judge(key, name, declared);
    if (isClusterNetwork(network) && !mayAct()) return AFTER_FAILURE_MS;
    if (found === undefined) return this.#create(network, key, name, declared);
    if (found.record === undefined) return undefined;
    if (this.#isResponsible(network, key, declared))
      return this.#follow(network, found, found.record, declared);
    await this.#parts.vips.abandon(network, found.record);
    return undefined;
  }

  /** Only the host of an endpoint that declares it makes a service, at once. */
  async #create(
    network: Network,
    key: string,
    name: string,
    declared: readonly NameRecord[],
  ): Promise<number | undefined> {
    const { node, vips, clock, log } = this.#parts;
    if (!declared.some((each) => each.node === node)) {
      await vips.abandon(network, { network: key, name });
      return undefined;
    }
    const now = clock.now();
    const bare = declaredService(undefined, { network: key, name, declared, now });
    const { record, again } = await this.#withVips(network, bare);
    await this.#put(network, record, 0n);
    log.info({ network: key, service: name, vip4: record.vip4, vip6: record.vip6 }, 'service made');
    return again;
  }

  async #follow(
    network: Network,
    found: StoredService,
    record: ServiceRecord,
    declared: readonly NameRecord[],
  ): Promise<number | undefined> {
    const now = this.#parts.clock.now();
    const next = declaredService(record, { network: record.network, name: record.name, declared, now });
    const left = next.unusedSince === undefined ? undefined : next.unusedSince + UNUSED_MS - now;
    if (left !== undefined && left <= 0) {
      await this.#remove(network, found, record);
      return undefined;
    }
    const { record: whole, again } = await this.#withVips(network, next);
    if (isDeepStrictEqual(whole, record)) this.#parts.vips.settle(record);
    else await this.#put(network, whole, found.revision);
    return again ?? left;
  }

  async #put(network: Network, record: ServiceRecord, revision: bigint): Promise<void> {
    const { records, vips } = this.#parts;
    await records.put(records.storeOf(network), record, revision);
    vips.settle(record);
  }

  /** The record with the virtual IPs that it can have now. */
  async #withVips(
    network: Network,
    record: ServiceRecord,
  ): Promise<{ readonly record: ServiceRecord; readonly again?: number }> {
    const { vip4: _4, vip6: _6, ...rest } = record;
    const { vips: found, lacking } = await this.#parts.vips.complete(network, record);
    // Its name gives the backends themselves where it has no address.
    const problem = lacking && `service ${record.name} lacks a virtual IP: ${lacking.message}`;
    this.#parts.problems.set(record, 'address', problem === undefined ? [] : [problem]);
    return { record: { ...rest, ...found }, ...(lacking && { again: AFTER_FULL_MS }) };
  }

  async #remove(network: Network, found: StoredService, record: ServiceRecord): Promise<void> {
    const { records, vips, problems, log } = this.#parts;
    await records.remove(found, record.network, record.name);
    await vips.release(network, record);
    problems.clear(record);
    log.info({ network: record.network, service: record.name }, 'service removed: nobody declares it');
  }

  /** The services of a network go with it. */
  async #withoutNetwork(
    key: string,
    name: string,
    found: StoredService | undefined,
  ): Promise<number | undefined> {
    const { records, shared, problems } = this.#parts;
    if (found === undefined) return undefined;
    if (records.isShared(found.store)) {
      const isDefined = shared.get(clusterKeys.network(key)) !== undefined;
      if (isDefined || !shared.status.connected) return undefined;
    }
    await records.remove(found, key, name);
    problems.clear({ network: key, name });
    return undefined;
  }

  /** Of the hosts that declare it, or else have the network, the first that is there. */
  #isResponsible(network: Network, key: string, declared: readonly NameRecord[]): boolean {
    const { node, shared, liveness } = this.#parts;
    if (!isClusterNetwork(network)) return true;
    const isAble = (name: string): boolean => name === node || liveness.hasLease(name);
    const declaring = declared.map((each) => each.node).filter(isAble);
    if (declaring.length > 0) return declaring.sort()[0] === node;
    const prefix = `${CLUSTER_KEYS.joined}${key}/`;
    const joined = [...shared.entries(prefix)].map((entry) => entry.key.slice(prefix.length)).filter(isAble);
    return joined.length === 0 || joined.sort()[0] === node;
  }

  /** Endpoints that say something else of it than what holds, and names that it takes from others. */
  #judge(key: string, name: string, declared: readonly NameRecord[]): void {
    const { view, problems } = this.#parts;
    const service = view.service(key, name) ?? { network: key, name };
    const isUnused = declared.length === 0 && view.service(key, name) === undefined;
    problems.judge(service, declared, isUnused ? [] : view.named(key, name));
  }
}
