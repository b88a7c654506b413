import { beforeEach, describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { Unavailable } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import { aNameRecord } from '../../test/fakes/memory-names.ts';
import { MemoryNaming } from '../../test/fakes/memory-naming.ts';
import { endpointNames } from './endpoint-names.ts';
import { metricsSample } from './metrics-sample.ts';
import { createNamesBackend } from './names-backend.ts';
import { namesHealth } from './names-health.ts';
import type { NamesSources, ResolverSource } from './names-ports.ts';

const ONE = 'b1'.repeat(32) as EndpointId;
const TWO = 'b2'.repeat(32) as EndpointId;
const BRIDGE = 'a1'.repeat(32);
const OVERLAY = 'a2'.repeat(32);
const QUERIES = { local: 9, cached: 1, forwarded: 0, refused: 0, limited: 0, failed: 0 };

let naming: MemoryNaming;
let sources: NamesSources;
let warnings: string[];

const host = {
  repository: {
    networks: () => [{ request: { id: BRIDGE } }, { request: { id: OVERLAY }, tunnel: { name: 'shared' } }],
  },
  names: { network: (id: string) => (id === BRIDGE ? 'app' : 'over') },
};

const resolver = (status: Partial<ResolverSource['status']>): ResolverSource => ({
  status: { queries: QUERIES, ...status },
});

beforeEach(() => {
  naming = new MemoryNaming();
  warnings = [];
  sources = {
    naming,
    balancing: { tallies: async () => [{ endpoint: ONE, connections: 3n, packets: 40n, bytes: 5000n }] },
    table: async () => naming.table,
  };
  naming.putName(aNameRecord({ endpoint: ONE, network: 'shared', names: ['web-1', 'web'] }));
  naming.putName(aNameRecord({ endpoint: TWO, network: 'far', names: ['db'], state: 'failing', node: 'h9' }));
  const shop = { name: 'shop', vip4: '10.0.0.100' as Ip, ports: [], origin: 'api', createdAt: 1 } as const;
  naming.putService({ ...shop, network: 'shared', select: 'web' });
  naming.putService({ ...shop, network: 'far', select: 'db' });
  naming.putService({ ...shop, network: BRIDGE });
});

const backend = () =>
  createNamesBackend({ ...host, sources, log: { warn: (_facts, text) => warnings.push(text) } });

describe('services', () => {
  test('of all networks are listed, by the names those have here', async () => {
    const listed = await backend().services();
    expect(listed.map(({ network, networkName, readyCount }) => [network, networkName, readyCount])).toEqual([
      [BRIDGE, 'app', 0],
      ['far', 'far', 0],
      ['shared', 'over', 1],
    ]);
  });

  test.each([
    ['shared', 'shared'],
    ['over', 'shared'],
    [OVERLAY, 'shared'],
    ['a2a2', 'shared'],
    ['app', BRIDGE],
    ['far', 'far'],
  ])('of a network are found by %s', async (ref, network) => {
    expect(await backend().service(ref, 'shop')).toMatchObject({ network });
    expect(await backend().services({ network: ref })).toHaveLength(1);
  });

  test('are shown with what the kernel has counted', async () => {
    const { backends } = await backend().service('shared', 'shop');
    expect(backends).toEqual([
      {
        ...{ endpoint: ONE, name: 'web-1', node: 'h1', state: 'ready', weight: 1 },
        ...{ connections: 3, packets: 40, bytes: 5000 },
      },
    ]);
  });

  test('are shown without counts when the kernel does not tell', async () => {
    const tallies = () => Promise.reject(new Unavailable('no such table'));
    sources = { ...sources, balancing: { tallies } };
    const { backends } = await backend().service('shared', 'shop');
    expect(backends[0]).not.toHaveProperty('connections');
    expect(warnings).toEqual(['counters of a service not read']);
  });
});

test('a weftd without names says so', async () => {
  const none = createNamesBackend({ ...host, sources: undefined, log: { warn: () => undefined } });
  await expect(none.services()).rejects.toThrow(Unavailable);
  await expect(none.resolve({ name: 'web' })).rejects.toThrow(Unavailable);
});

test('an endpoint is shown with its names and services', () => {
  const named = endpointNames(naming);
  const shown = { names: ['web-1', 'web'], services: ['shop'], backendState: 'ready', name: 'web-1' };
  expect(named('shared', ONE)).toEqual(shown);
  expect(named(BRIDGE, ONE)).toEqual({});
  expect(endpointNames(undefined)('shared', ONE)).toEqual({});
  naming.dropService('shared', 'shop');
  expect(endpointNames(naming)('shared', ONE)).toEqual({ name: 'web-1', names: ['web-1', 'web'] });
});

test('the doctor is told of services, problems and the resolver', () => {
  naming.problems = ['web-1 says 81'];
  const health = namesHealth({ ...sources, resolver: resolver({ lastError: 'killed' }) }, host);
  expect(health.problems()).toEqual(['web-1 says 81']);
  expect(health.resolver()).toEqual({ state: 'restarting', sandboxes: 0, restarts: 0, lastError: 'killed' });
  expect(health.services()).toContainEqual({
    name: 'shop',
    network: 'over',
    unused: false,
    backends: [{ name: 'web-1', state: 'ready', takesConnections: true }],
  });
});

describe('a scrape', () => {
  const scrape = (discovery?: NamesSources) =>
    metricsSample({
      repository: { networks: () => [].values(), endpoints: () => [].values() },
      ipam: { list: () => [] },
      discovery,
    }).names;

  test('counts services, backends by state, and queries', () => {
    expect(scrape()).toBeUndefined();
    const backends = { starting: 0, ready: 1, draining: 0, failing: 1 };
    expect(scrape(sources)).toEqual({ services: 3, backends });
    expect(scrape({ ...sources, resolver: resolver({ process: { serving: 4 }, restarts: 2 }) })).toEqual({
      services: 3,
      backends,
      resolver: { isRunning: true, sandboxes: 4, restarts: 2, queries: QUERIES },
    });
  });
});
