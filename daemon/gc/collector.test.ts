import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Unavailable } from '../../core/errors.ts';
import {
  aNetworkRequest,
  anEndpointRequest,
  anEngineNetwork,
  ENDPOINT_ID,
  NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { type HostWorld, startWorld } from '../../test/fakes/host-world.ts';
import type { EngineNetwork } from '../docker/index.ts';
import { Collector, type KnownToDocker } from './collector.ts';

const GRACE = 60_000;
const NET = NETWORK_ID;
const EP = ENDPOINT_ID;

function shown(endpoints: readonly string[], id = NET): EngineNetwork {
  const listed = endpoints.map((each) => ({
    id: each,
    container: '',
    name: '',
    mac: '',
    ipv4: '',
    ipv6: '',
  }));
  return anEngineNetwork({ id, name: id.slice(0, 4), endpoints: listed });
}

let world: HostWorld;
let docker: readonly EngineNetwork[] | Error;
let collected: string[];
let heard: number;
let swept: KnownToDocker[];
let collector: Collector;
beforeEach(async () => {
  vi.useFakeTimers({ now: 10_000_000 });
  world = await startWorld();
  await world.backend.createNetwork('weft-bridge', aNetworkRequest());
  await madeBefore(true);
  await world.backend.createEndpoint('weft-bridge', anEndpointRequest());
  docker = [shown([EP])];
  collected = [];
  heard = 0;
  swept = [];
  collector = new Collector({
    engine: {
      network: async () => undefined,
      createNetwork: () => Promise.reject(new Error('not asked for')),
      removeNetwork: () => Promise.reject(new Error('not asked for')),
      version: async () => '1',
      container: async () => undefined,
      labelled: async () => [],
      async *nameEvents() {},
      networks: async () => {
        if (docker instanceof Error) throw docker;
        return docker;
      },
      [Symbol.asyncDispose]: async () => undefined,
    },
    repository: world.repository,
    collectNetwork: (id) => world.collectNetwork(id),
    deleteEndpoint: (driver, networkId, id) => world.backend.deleteEndpoint(driver, networkId, id),
    sweepAddresses: async (known) => swept.push(known) - swept.length,
    heard: async () => {
      heard++;
    },
    collected: (kind, id) => collected.push(`${kind} ${id.slice(0, 4)}`),
    clock: { now: () => Date.now() },
    log: pino({ level: 'silent' }),
    graceMs: GRACE,
  });
});
afterEach(async () => {
  await collector[Symbol.asyncDispose]();
  vi.useRealTimers();
});

/** The network is one of an earlier weftd's, and Docker has listed it, or has not. */
async function madeBefore(listed: boolean): Promise<void> {
  const [network] = world.repository.networks();
  if (network === undefined) throw new Error('no network');
  const { listed: _, ...rest } = network;
  await world.repository.putNetwork({
    ...rest,
    createdAt: Date.now() - GRACE,
    ...(listed ? { listed } : {}),
  });
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('what Docker knows', () => {
  test('stays', async () => {
    await pass(10 * GRACE);
    expect(collected).toEqual([]);
    expect(heard).toBeGreaterThan(10);
    expect(swept).toHaveLength(heard);
  });
});

describe('what Docker does not know', () => {
  test('goes after the grace period, over several questions: an endpoint', async () => {
    docker = [shown([])];
    await pass(GRACE - 1);
    expect(collected).toEqual([]);
    expect(heard).toBeGreaterThanOrEqual(3);
    await pass(1000);
    expect(collected).toEqual([`endpoint ${EP.slice(0, 4)}`]);
    expect(world.repository.endpointCount(NET as never)).toBe(0);
    expect([...world.repository.networks()]).toHaveLength(1);
  });

  test('goes after the grace period: a network with all its endpoints', async () => {
    docker = [];
    await pass(GRACE + 1000);
    expect(collected).toEqual([`network ${NET.slice(0, 4)}`]);
    expect(await world.stored()).toBe('');
  });

  describe('of an earlier weftd’s networks', () => {
    test('goes soon where Docker never had it: its creation was cut short', async () => {
      await madeBefore(false);
      docker = [];
      await pass(2500);
      expect(collected).toEqual([]);
      await pass(2500);
      expect(collected).toEqual([`network ${NET.slice(0, 4)}`]);
    });

    test('stays for the grace period where Docker had it', async () => {
      docker = [];
      await pass(GRACE - 1);
      expect(collected).toEqual([]);
    });

    test('stays where Docker lists it in time', async () => {
      await madeBefore(false);
      docker = [];
      await pass(2500);
      docker = [shown([EP])];
      await pass(10 * GRACE);
      expect(collected).toEqual([]);
    });
  });

  test('ages anew when Docker has known it meanwhile', async () => {
    docker = [];
    await pass(GRACE - 10_000);
    docker = [shown([EP])];
    await pass(21_000);
    docker = [];
    await pass(GRACE - 10_000);
    expect(collected).toEqual([]);
    await pass(31_000);
    expect(collected).toHaveLength(1);
  });

  test('does not age while Docker is not heard', async () => {
    docker = [];
    await pass(GRACE - 10_000);
    docker = new Unavailable('restoring');
    await pass(5 * GRACE);
    docker = [];
    await pass(GRACE - 10_000);
    expect(collected).toEqual([]);
    await pass(31_000);
    expect(collected).toHaveLength(1);
  });

  test('stays when it was made within the grace period, whatever was known of its id', async () => {
    docker = [shown([])];
    await pass(GRACE - 10_000);
    await world.backend.deleteEndpoint('weft-bridge', NET as never, EP as never);
    const [network] = world.repository.networks();
    const request = anEndpointRequest();
    await world.repository.putEndpoint({
      request,
      mac: '02:00:00:00:00:01' as never,
      published: [],
      external: false,
      createdAt: Date.now(),
    });
    await pass(30_000);
    expect(collected).toEqual([]);
    expect(network).toBeDefined();
    await pass(GRACE);
    expect(collected).toHaveLength(1);
  });
});

test('a deletion that fails is tried again', async () => {
  docker = [];
  world.store.failCommits(new Error('disk full'));
  await pass(GRACE + 1000);
  expect(collected).toEqual([]);
  world.store.failCommits(undefined);
  await pass(2 * GRACE);
  expect(collected).toEqual([`network ${NET.slice(0, 4)}`]);
});

test('addresses that went are counted', async () => {
  await pass(0);
  expect(swept[0]?.networks).toEqual(new Set([NET]));
});

test('after disposal nothing is asked', async () => {
  await pass(0);
  await collector[Symbol.asyncDispose]();
  const before = heard;
  await pass(10 * GRACE);
  expect(heard).toBe(before);
});
