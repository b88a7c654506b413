import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
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

interface Sum {
  connections: bigint;
  packets: bigint;
  bytes: bigint;
}

/** Adds up the counters of many namespaces, and keeps those of namespaces that have ended. */
export class TallySums {
  /** By VIP and backend. */
  readonly #ended = new Map<string, Sum>();

  /** Keeps what a namespace has counted, before it ends. @throws {WeftError} when it cannot be read. */
  async keep(keeper: TableKeeper): Promise<void> {
    await addTo(this.#ended, keeper);
  }

  /** Forgets what went to backends that a service no longer has. */
  retire(before: PlannedService, after: PlannedService | undefined): void {
    const stays = new Set(after === undefined ? [] : pairsOf(after).map(({ pair }) => pair));
    for (const { pair } of pairsOf(before)) if (!stays.has(pair)) this.#ended.delete(pair);
  }

  /** The sums of one service over these namespaces and those that ended. @throws {WeftError} */
  async of(planned: PlannedService, keepers: Iterable<TableKeeper>): Promise<readonly BackendTally[]> {
    const sums = new Map<string, Sum>();
    for (const keeper of keepers) await addTo(sums, keeper);
    const byEndpoint = new Map<EndpointId, Sum>();
    for (const { endpoint, pair } of pairsOf(planned)) {
      const sum = byEndpoint.get(endpoint) ?? zero();
      byEndpoint.set(endpoint, sum);
      for (const each of [sums.get(pair), this.#ended.get(pair)]) if (each !== undefined) add(sum, each);
    }
    return [...byEndpoint].map(([endpoint, sum]) => ({ endpoint, ...sum }));
  }
}

async function addTo(sums: Map<string, Sum>, keeper: TableKeeper): Promise<void> {
  for (const { key, packets } of await keeper.tallies('connections')) {
    add(sumOf(sums, key), { connections: packets, packets: 0n, bytes: 0n });
  }
  for (const { key, packets, bytes } of await keeper.tallies('traffic')) {
    add(sumOf(sums, key), { connections: 0n, packets, bytes });
  }
}

function sumOf(sums: Map<string, Sum>, key: readonly string[]): Sum {
  const pair = key.join(' ');
  const sum = sums.get(pair) ?? zero();
  sums.set(pair, sum);
  return sum;
}

function zero(): Sum {
  return { connections: 0n, packets: 0n, bytes: 0n };
}

function add(sum: Sum, more: Sum): void {
  sum.connections += more.connections;
  sum.packets += more.packets;
  sum.bytes += more.bytes;
}

function pairsOf({
  service,
  backends,
}: PlannedService): readonly { readonly endpoint: EndpointId; readonly pair: string }[] {
  const pair = (vip: Ip | undefined, backend: Ip | undefined) =>
    vip === undefined || backend === undefined ? [] : [`${vip} ${backend}`];
  return backends.flatMap(({ endpoint, ipv4, ipv6 }) =>
    [...pair(service.vip4, ipv4), ...pair(service.vip6, ipv6)].map((each) => ({ endpoint, pair: each })),
  );
}
