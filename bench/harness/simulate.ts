/**
 * Plays the other hosts of a cluster in the shared store, from wherever it is run:
 *
 *     reserve ETCD NETWORK HOSTS            gives hosts their address blocks, before the network is made
 *     fill ETCD NETWORK HOSTS ENDPOINTS     writes hosts with so many endpoints each, as far as they are not there
 *     join ETCD NETWORK HOSTS NUMBER COUNT  COUNT endpoints join, one by one, each the NUMBERth of its host, and leave
 *     watch URL                             follows the store as a host does
 *
 * `join` prints a JSON line a join: `{"mac", "sent", "committed"}`, milliseconds since the epoch. `watch` prints one
 * for each message: `{"bytes", "keys", "stored"}`, the sizes in bytes, of the message and of its keys and values.
 */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { CLUSTER_KEYS, type ClusterNetwork } from '../../core/cluster.ts';
import type { Store } from '../../core/ports.ts';
import { openEtcdStore } from '../../store/index.ts';
import {
  blockRecords,
  endpointRecord,
  hostRecords,
  type SimulatedRecord,
  simulatedEndpoint,
} from './simulated-hosts.ts';

const PREFIX = '/weft/';
/** etcd takes 128 changes in one transaction. */
const IN_ONE_COMMIT = 100;
/** Between two joins, milliseconds: far more than one takes, and not in step with any timer. */
const PAUSE_MS = 31;
const PAUSE_RANGE_MS = 23;

const log = { info: () => undefined, warn: () => undefined };

async function reserve(store: Store, network: string, hosts: number): Promise<void> {
  await put(store, Array.from({ length: hosts }, (_, index) => blockRecords(network, index + 1)).flat());
}

async function fill(store: Store, network: string, hosts: number, endpoints: number): Promise<void> {
  const { entries } = await store.list('');
  const known = new Set(entries.map(({ key }) => key));
  const id = await networkId(store, network);
  const wanted = Array.from({ length: hosts }, (_, index) => {
    const numbers = Array.from({ length: endpoints }, (_, number) => number + 1);
    return [
      ...hostRecords(network, id, index + 1),
      ...numbers.map((number) => endpointRecord(simulatedEndpoint(network, index + 1, number))),
    ];
  }).flat();
  await put(
    store,
    wanted.filter(({ key }) => !known.has(key)),
  );
}

async function join(
  store: Store,
  network: string,
  hosts: number,
  number: number,
  count: number,
): Promise<void> {
  const left: string[] = [];
  for (let round = 0; round < count; round++) {
    const endpoint = simulatedEndpoint(network, 1 + (round % hosts), number + Math.floor(round / hosts));
    const record = endpointRecord(endpoint);
    const sent = now();
    await store.commit({ put: [record] });
    process.stdout.write(`${JSON.stringify({ mac: endpoint.mac, sent, committed: now() })}\n`);
    left.push(record.key);
    await delay(PAUSE_MS + Math.random() * PAUSE_RANGE_MS);
  }
  for (let from = 0; from < left.length; from += IN_ONE_COMMIT)
    await store.commit({ delete: left.slice(from, from + IN_ONE_COMMIT) });
}

/** Until it is ended. */
async function watch(url: string): Promise<void> {
  const text = (value: string): string => Buffer.from(value).toString('base64');
  // `/` and the character after it: all that begins with the prefix.
  const create_request = { key: text(PREFIX), range_end: text('/weft0'), progress_notify: true };
  const body = JSON.stringify({ create_request });
  const { body: stream } = await request(`${url}/v3/watch`, { method: 'POST', body, bodyTimeout: 0 });
  for await (const line of createInterface({ input: Readable.from(stream) })) {
    const { result } = JSON.parse(line) as {
      readonly result: {
        readonly events?: readonly { readonly kv: { readonly key: string; readonly value?: string } }[];
      };
    };
    const events = (result.events ?? []).map(({ kv }) => ({
      key: Buffer.from(kv.key, 'base64').toString(),
      value: Buffer.from(kv.value ?? '', 'base64'),
    }));
    const stored = events.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + value.length, 0);
    const keys = events.map(({ key }) => key);
    process.stdout.write(`${JSON.stringify({ bytes: Buffer.byteLength(line) + 1, keys, stored })}\n`);
  }
}

async function networkId(store: Store, name: string): Promise<string> {
  const { entries } = await store.list(`${CLUSTER_KEYS.network}${name}`);
  const entry = entries.find(({ key }) => key === `${CLUSTER_KEYS.network}${name}`);
  if (entry === undefined) throw new Error(`the cluster has no network ${name}`);
  return (JSON.parse(Buffer.from(entry.value).toString()) as ClusterNetwork).id;
}

async function put(store: Store, records: readonly SimulatedRecord[]): Promise<void> {
  for (let from = 0; from < records.length; from += IN_ONE_COMMIT)
    await store.commit({ put: records.slice(from, from + IN_ONE_COMMIT) });
}

/** Milliseconds since the epoch, with their fractions. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

const [command = '', url = '', network = '', ...numbers] = process.argv.slice(2);
if (command === 'watch') await watch(url.replace(/^etcd:/, 'http:'));
else {
  await using store = await openEtcdStore({ endpoints: url, prefix: PREFIX, log });
  const [hosts = 0, first = 0, count = 0] = numbers.map(Number);
  if (command === 'reserve') await reserve(store, network, hosts);
  else if (command === 'fill') await fill(store, network, hosts, first);
  else if (command === 'join') await join(store, network, hosts, first, count);
  else throw new Error(`there is no command ${command}`);
}
