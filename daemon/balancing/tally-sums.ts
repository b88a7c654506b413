import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { ServiceRecord } from '../../core/naming.ts';
import { layOutTallies, type Tally, type TallyQuery, TimeSlice } from '../../kernel/nftables/index.ts';
import type { PlannedService } from './planned-service.ts';
import type { TableKeeper } from './table-keeper.ts';

/** What went to one backend of a service since its last return to the service. */
export interface BackendTally {
  readonly endpoint: EndpointId;
  readonly connections: bigint;
  /** Of both directions, as the bytes; network header included. */
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** Sets of the tables that count. */
const CONNECTIONS = 'connections';
const TRAFFIC = 'traffic';

interface Sum {
  connections: bigint;
  packets: bigint;
  bytes: bigint;
}

/** Adds up the counters of many namespaces, and keeps those of namespaces that have ended. */
export class TallySums {
  /**
   * By endpoint, then by VIP and backend address: another endpoint may come to have the addresses of one that has
   * gone.
   */
  readonly #ended = new Map<EndpointId, Map<string, Sum>>();

  /**
   * Keeps what a namespace has counted, before it ends.
   * @param isBackend whether an endpoint is one of the service's now: counts of any other are of no use to anybody.
   * @throws {WeftError} when it cannot be read.
   */
  async keep(
    keeper: TableKeeper,
    isBackend: (service: ServiceRecord, endpoint: EndpointId) => boolean,
  ): Promise<void> {
    const sums = new Map<string, Sum>();
    const services = [...(keeper.has?.services.values() ?? [])];
    await addTo(sums, keeper);
    for (const planned of services) {
      for (const { endpoint, pair } of pairsOf(planned)) {
        const sum = sums.get(pair);
        if (sum === undefined || isZero(sum) || !isBackend(planned.service, endpoint)) continue;
        const kept = this.#ended.get(endpoint) ?? new Map<string, Sum>();
        this.#ended.set(endpoint, kept);
        add(sumOf(kept, pair), sum);
      }
    }
  }

  /** Forgets what went to backends that a service no longer has. */
  retire(before: PlannedService, after: PlannedService | undefined): void {
    const stays = new Set(after === undefined ? [] : pairsOf(after).map(pairOfEndpoint));
    for (const each of pairsOf(before))
      if (!stays.has(pairOfEndpoint(each))) this.#ended.get(each.endpoint)?.delete(each.pair);
  }

  /** Forgets an endpoint that is no more. */
  forget(endpoint: EndpointId): void {
    this.#ended.delete(endpoint);
  }

  /** The sums of one service over these namespaces, which reach it, and those that ended. @throws {WeftError} */
  async of(planned: PlannedService, keepers: readonly TableKeeper[]): Promise<readonly BackendTally[]> {
    const query = queryFor(planned, keepers);
    const sums = query === undefined ? new Map<string, Sum>() : await ask(query, keepers);
    const byEndpoint = new Map<EndpointId, Sum>();
    for (const { endpoint, pair } of pairsOf(planned)) {
      const sum = byEndpoint.get(endpoint) ?? zero();
      byEndpoint.set(endpoint, sum);
      for (const each of [sums.get(pair), this.#ended.get(endpoint)?.get(pair)])
        if (each !== undefined) add(sum, each);
    }
    return [...byEndpoint].map(([endpoint, sum]) => ({ endpoint, ...sum }));
  }
}

async function ask(query: TallyQuery, keepers: readonly TableKeeper[]): Promise<Map<string, Sum>> {
  const sums = new Map<string, Sum>();
  const slice = new TimeSlice();
  for (const keeper of keepers) {
    if (slice.over) await slice.next();
    const tallies = keeper.talliesNow(query);
    if (tallies === undefined) await addTo(sums, keeper);
    for (const tally of tallies ?? []) addTally(sums, tally.set, tally);
  }
  return sums;
}

/** Asks for the counters of a service; its sets are the same in all namespaces. */
function queryFor({ elements }: PlannedService, keepers: readonly TableKeeper[]): TallyQuery | undefined {
  const tables = keepers.find(({ has }) => has !== undefined && has.tables.length > 0)?.has?.tables;
  if (tables === undefined) return undefined;
  const counting = [...elements.values()].filter(({ set }) => set === CONNECTIONS || set === TRAFFIC);
  return layOutTallies(
    counting.filter(({ family }) => tables.some((each) => each.family === family)),
    tables.map(({ table }) => table),
  );
}

async function addTo(sums: Map<string, Sum>, keeper: TableKeeper): Promise<void> {
  for (const set of [CONNECTIONS, TRAFFIC] as const) {
    for (const tally of await keeper.tallies(set)) addTally(sums, set, tally);
  }
}

function addTally(sums: Map<string, Sum>, set: string, { key, packets, bytes }: Tally): void {
  // Of each connection one packet comes by where connections are counted.
  const more =
    set === CONNECTIONS
      ? { connections: packets, packets: 0n, bytes: 0n }
      : { connections: 0n, packets, bytes };
  add(sumOf(sums, key.join(' ')), more);
}

function sumOf(sums: Map<string, Sum>, pair: string): Sum {
  const sum = sums.get(pair) ?? zero();
  sums.set(pair, sum);
  return sum;
}

function isZero({ connections, packets }: Sum): boolean {
  return connections === 0n && packets === 0n;
}

function zero(): Sum {
  return { connections: 0n, packets: 0n, bytes: 0n };
}

function add(sum: Sum, more: Sum): void {
  sum.connections += more.connections;
  sum.packets += more.packets;
  sum.bytes += more.bytes;
}

interface Pair {
  readonly endpoint: EndpointId;
  /** VIP and backend address. */
  readonly pair: string;
}

function pairOfEndpoint({ endpoint, pair }: Pair): string {
  return `${endpoint} ${pair}`;
}

function pairsOf({ service, backends }: PlannedService): readonly Pair[] {
  const pair = (vip: Ip | undefined, backend: Ip | undefined) =>
    vip === undefined || backend === undefined ? [] : [`${vip} ${backend}`];
  return backends.flatMap(({ endpoint, ipv4, ipv6 }) =>
    [...pair(service.vip4, ipv4), ...pair(service.vip6, ipv6)].map((each) => ({ endpoint, pair: each })),
  );
}
