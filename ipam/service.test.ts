import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { Exhausted, Unavailable, Unsupported } from '../core/errors.ts';
import { openSqliteStore } from '../store/index.ts';
import { anIpam, ipamContract } from '../test/contract/ipam.ts';
import { MemoryStore } from '../test/fakes/memory-store.ts';

const root = mkdtempSync(join(tmpdir(), 'weft-ipam-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

ipamContract('MemoryStore', async () => new MemoryStore());
ipamContract('SqliteStore', () => openSqliteStore({ path: join(root, `${++count}.db`) }));

test('an address whose record could not be stored is free again; so is a pool', async () => {
  const store = new MemoryStore();
  const ipam = await anIpam(store);
  const { poolId } = await ipam.pool('10.9.0.0/30');
  await ipam.ask(poolId);
  await ipam.free(poolId, '10.9.0.1');
  store.failCommits(new Unavailable('disk full'));
  await expect(ipam.ask(poolId)).rejects.toThrow('disk full');
  await expect(ipam.ask(poolId, '10.9.0.1')).rejects.toThrow('disk full');
  await expect(ipam.pool('198.18.0.0/24')).rejects.toThrow('disk full');
  await expect(ipam.service.releasePool(poolId)).rejects.toThrow('disk full');
  store.failCommits(undefined);
  expect(ipam.service.list().map(({ used, resting }) => [used, resting])).toEqual([[0, 1]]);
  expect((await ipam.ask(poolId)).ip).toBe('10.9.0.2');
  await expect(ipam.ask(poolId)).rejects.toThrow(Exhausted);
  await ipam.pool('198.18.0.0/24');
});

test('unreadable records are reported and what their keys name stays held', async () => {
  const store = new MemoryStore();
  const before = await anIpam(store);
  const { poolId } = await before.pool('10.9.0.0/24');
  await before.ask(poolId);
  const value = new TextEncoder().encode('{"kind":7}');
  const keys = [
    'lease/WeftLocal/10.9.0.0/24/10.9.0.1',
    'lease/WeftLocal/10.9.0.0/24/10.9.0.2',
    'pool/WeftLocal/198.18.0.0/24',
    'pool/x',
    'lease/WeftLocal/192.0.2.0/24/192.0.2.1',
  ];
  await store.commit({ put: keys.map((key) => ({ key, value })) });
  const { service } = await anIpam(store);
  expect(service.problems.map(({ key }) => key).sort()).toEqual([...keys].sort());
  expect(service.list().map(({ pool, used }) => [pool, used])).toEqual([
    ['10.9.0.0/24', 2],
    ['198.18.0.0/24', 0],
  ]);
  expect((await service.requestAddress({ poolId, options: null })).ip).toBe('10.9.0.3');
});

test('a pool that belongs to a cluster network gives nothing when there is no cluster', async () => {
  const store = new MemoryStore();
  const before = await anIpam(store);
  const { poolId } = await before.pool('10.9.0.0/24');
  const shared = { network: 'app', reserved: [] };
  const value = new TextEncoder().encode(
    JSON.stringify({ options: null, repeated: false, createdAt: 1, shared }),
  );
  await store.commit({ put: [{ key: `pool/${poolId}`, value }] });
  const { service } = await anIpam(store);
  await expect(service.requestAddress({ poolId, options: null })).rejects.toThrow(Unsupported);
  await expect(service.share(poolId, 'other', [])).rejects.toThrow('belongs to network app, not to other');
  await expect(service.share(poolId, 'app', [])).rejects.toThrow(Unsupported);
});

test('records of rested addresses do not pile up in the store', async () => {
  const store = new MemoryStore();
  const ipam = await anIpam(store);
  const { poolId } = await ipam.pool('10.9.0.0/16');
  for (let round = 0; round < 200; round++) {
    await ipam.free(poolId, (await ipam.ask(poolId)).ip);
    ipam.time.now += 10_000;
  }
  expect((await store.list('lease/')).entries.length).toBeLessThan(6);
});

test('I12 after a restart addresses wake in the order in which they were released', async () => {
  const ipam = await anIpam(new MemoryStore());
  const { poolId } = await ipam.pool('10.9.0.0/30');
  await ipam.ask(poolId);
  await ipam.ask(poolId);
  await ipam.free(poolId, '10.9.0.2');
  ipam.time.now += 10_000;
  await ipam.free(poolId, '10.9.0.1');
  await ipam.restart();
  ipam.time.now += 20_000;
  expect((await ipam.ask(poolId)).ip).toBe('10.9.0.2');
  await expect(ipam.ask(poolId)).rejects.toThrow(/1 of 2 .* 1 resting, the first free in 10 s$/);
});

test('requests in flight never get one address twice, and a pool released meanwhile refuses them', async () => {
  await using store = await openSqliteStore({ path: join(root, 'flight.db') });
  const ipam = await anIpam(store);
  const { poolId } = await ipam.pool('10.9.0.0/24');
  const outcomes = await Promise.allSettled([
    ...Array.from({ length: 200 }, () => ipam.ask(poolId)),
    ...Array.from({ length: 100 }, (_, index) => ipam.ask(poolId, `10.9.0.${index + 101}`)),
  ]);
  const given = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.ip] : []));
  expect(new Set(given).size).toBe(given.length);
  const late = ipam.ask(poolId, '10.9.0.250');
  const released = ipam.service.releasePool(poolId);
  await Promise.allSettled([late, released]);
  await expect(released).resolves.toBeUndefined();
  expect((await store.list('lease/')).entries).toEqual([]);
});

type Action =
  | { readonly kind: 'auto' | 'gateway' | 'restart' }
  | { readonly kind: 'explicit' | 'release'; readonly host: number }
  | { readonly kind: 'wait'; readonly ms: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ kind: 'auto' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'gateway' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('explicit' as const), host: fc.integer({ min: 1, max: 14 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('release' as const), host: fc.integer({ min: 1, max: 14 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40_000 }) }),
  },
);

test('property: any walk gives no address twice, refuses exactly when full, and survives restarts unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 120 }), async (actions) => {
      const ipam = await anIpam(new MemoryStore());
      const { poolId } = await ipam.pool('10.9.0.0/28');
      const held = new Set<string>();
      const rests = new Map<string, number>();
      const take = (ip: string) => {
        expect(held.has(ip)).toBe(false);
        held.add(ip);
        rests.delete(ip);
      };
      for (const step of actions) {
        const freeNow = [...rests.values()].filter((until) => until > ipam.time.now).length;
        if (step.kind === 'auto') {
          const full = held.size + freeNow === 14;
          const answer = await ipam.ask(poolId).catch((error: unknown) => error);
          if (full) expect(answer).toBeInstanceOf(Exhausted);
          else {
            const { ip } = answer as { ip: string };
            expect(rests.get(ip) ?? 0).toBeLessThanOrEqual(ipam.time.now);
            take(ip);
          }
        } else if (step.kind === 'gateway') {
          const answer = await ipam
            .ask(poolId, undefined, { RequestAddressType: 'com.docker.network.gateway' })
            .catch(() => undefined);
          if (answer !== undefined) take(answer.ip);
        } else if (step.kind === 'explicit') {
          const ip = `10.9.0.${step.host}`;
          const answer = await ipam.ask(poolId, ip).catch(() => undefined);
          expect(answer === undefined).toBe(held.has(ip));
          if (answer !== undefined) take(ip);
        } else if (step.kind === 'release') {
          const ip = `10.9.0.${step.host}`;
          await ipam.free(poolId, ip);
          if (held.delete(ip)) rests.set(ip, ipam.time.now + 30_000);
        } else if (step.kind === 'wait') {
          ipam.time.now += step.ms;
        } else {
          const before = JSON.stringify(ipam.service.list());
          await ipam.restart();
          expect(JSON.stringify(ipam.service.list())).toBe(before);
          expect(ipam.service.problems).toEqual([]);
        }
        expect(
          ipam.service
            .list()[0]
            ?.leases.map(({ ip }) => ip)
            .sort(),
        ).toEqual([...held].sort());
      }
    }),
    { numRuns: 300 },
  );
});

test('property: a released address comes back after its rest once the others are used', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), async (host) => {
      const ipam = await anIpam(new MemoryStore());
      const { poolId } = await ipam.pool('10.9.0.0/29');
      for (let held = 0; held < 6; held++) await ipam.ask(poolId);
      await ipam.free(poolId, `10.9.0.${host}`);
      ipam.time.now += 30_000;
      expect((await ipam.ask(poolId)).ip).toBe(`10.9.0.${host}`);
      await expect(ipam.ask(poolId)).rejects.toThrow(Exhausted);
    }),
  );
});
