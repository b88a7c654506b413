import { describe, expect, test } from 'vitest';
import type { Cidr, Ip } from '../../core/address.ts';
import { Conflict, Exhausted, InvalidArgument, NotFound } from '../../core/errors.ts';
import type { HostRoute, Store } from '../../core/ports.ts';
import { type IpamOptions, IpamService } from '../../ipam/index.ts';

const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' };
const SERIAL = { 'com.docker.network.ipam.serial': 'true' };

/** A service over a store with a clock that stands still until told. */
export async function anIpam(store: Store, more: Partial<IpamOptions> = {}) {
  const time = { now: 1_000_000 };
  const routes: HostRoute[] = [];
  const options: IpamOptions = {
    store,
    clock: { now: () => time.now },
    hostRoutes: async () => routes,
    ownDevices: (dev) => dev.startsWith('wb-'),
    nameOfPool: (id) => (id.includes('10.9.') ? 'backend' : undefined),
    ...more,
  };
  let service = await IpamService.load(options);
  return {
    time,
    routes,
    get service() {
      return service;
    },
    restart: async () => {
      service = await IpamService.load(options);
    },
    pool: (
      pool = '',
      rest: { subPool?: string; options?: Record<string, string> | null; v6?: boolean; space?: string } = {},
    ) =>
      service.requestPool({
        space: 'WeftLocal',
        pool,
        subPool: '',
        options: {},
        v6: pool.includes(':'),
        ...rest,
      }),
    ask: (poolId: string, address?: string, asked: Record<string, string> | null = null) =>
      service.requestAddress({ poolId, address: address as Ip | undefined, options: asked }),
    free: (poolId: string, address: string) => service.releaseAddress({ poolId, address: address as Ip }),
  };
}

/** What IPAM promises to Docker over any store; names carry the case of the protocol notes. */
export function ipamContract(name: string, open: () => Promise<Store>): void {
  describe(`IPAM over ${name}`, () => {
    test('I0 an explicit pool and its addresses may be asked for again with options null, with the same identity', async () => {
      const ipam = await anIpam(await open());
      const first = await ipam.pool('10.9.0.0/24');
      await ipam.ask(first.poolId, '10.9.0.1', GATEWAY);
      await ipam.ask(first.poolId, '10.9.0.7');
      await expect(ipam.ask(first.poolId, '10.9.0.7')).rejects.toThrow(Conflict);
      expect(await ipam.pool('10.9.0.0/24', { options: null })).toEqual(first);
      await ipam.restart();
      expect(await ipam.ask(first.poolId, '10.9.0.7')).toEqual({ ip: '10.9.0.7', prefix: 24 });
      expect(await ipam.ask(first.poolId, '10.9.0.1', GATEWAY)).toEqual({ ip: '10.9.0.1', prefix: 24 });
      await expect(ipam.ask(first.poolId, '10.9.0.1')).rejects.toThrow(/in use by the gateway/);
    });

    test('I0 a swarm manager may ask for the same address again with its mark', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/24', { space: 'WeftGlobal', options: null });
      for (let repeat = 0; repeat < 2; repeat++) {
        expect((await ipam.ask(poolId, '10.9.0.7', SERIAL)).ip).toBe('10.9.0.7');
      }
    });

    test('I1 automatic pools differ until released, also when asked for at once', async () => {
      const ipam = await anIpam(await open());
      const pools = await Promise.all(Array.from({ length: 20 }, () => ipam.pool()));
      expect(new Set(pools.map(({ pool }) => pool)).size).toBe(20);
      expect(pools[0]?.pool).toBe('10.64.0.0/24');
      await ipam.restart();
      const named = await ipam.pool('198.18.0.0/24');
      expect(ipam.service.list().flatMap((pool) => (pool.chosen ? [] : [pool.poolId]))).toEqual([
        named.poolId,
      ]);
      await ipam.service.releasePool(pools[3]?.poolId ?? '');
      expect((await ipam.pool()).pool).toBe(pools[3]?.pool);
    });

    test('I2 automatic pools avoid host routes but the default ones', async () => {
      const ipam = await anIpam(await open());
      ipam.routes.push(
        { destination: '0.0.0.0/0' as Cidr, dev: 'eth0' },
        { destination: '0.0.0.0/1' as Cidr, dev: 'tun0' },
        { destination: '10.64.0.0/23' as Cidr, dev: 'eth1' },
        { destination: '10.64.2.128/25' as Cidr },
      );
      expect((await ipam.pool()).pool).toBe('10.64.3.0/24');
      ipam.routes.push({ destination: '10.0.0.0/8' as Cidr, dev: 'tun0' });
      expect((await ipam.pool()).pool).toBe('172.16.0.0/24');
      ipam.routes.push({ destination: '172.16.0.0/12' as Cidr, dev: 'eth2' });
      await expect(ipam.pool()).rejects.toThrow(
        /^no free \/24 in 10.64.0.0\/12, 172.16.0.0\/16: 2 pools held, and the host has route 10.64.0.0\/23 dev eth1/,
      );
    });

    test('I2 an explicit pool on a host route is refused with route and device, except of weft and the parent', async () => {
      const ipam = await anIpam(await open());
      ipam.routes.push(
        { destination: '192.0.2.0/24' as Cidr, dev: 'eth0' },
        { destination: '198.18.0.0/24' as Cidr, dev: 'wb-aaaaaaaaaa' },
      );
      await expect(ipam.pool('192.0.2.128/25')).rejects.toThrow(
        "subnet 192.0.2.128/25 overlaps this host's route 192.0.2.0/24 dev eth0",
      );
      expect((await ipam.pool('198.18.0.0/24')).pool).toBe('198.18.0.0/24');
      expect((await ipam.pool('192.0.2.0/24', { options: { 'weft.parent': 'eth0' } })).pool).toBe(
        '192.0.2.0/24',
      );
    });

    test.each([
      ['0.0.0.0/26', '10.64.0.0/26', '10.64.0.64/26'],
      ['0.0.0.0/20', '10.64.0.0/20', '10.64.16.0/20'],
      ['0.0.0.0/0', '10.64.0.0/24', '10.64.1.0/24'],
    ])('I3 %s asks for any pool of that size', async (asked, first, second) => {
      const ipam = await anIpam(await open());
      expect((await ipam.pool(asked)).pool).toBe(first);
      expect((await ipam.pool(asked)).pool).toBe(second);
    });

    test('I3 IPv6 sizes come from one random /48, kept over restarts', async () => {
      const ipam = await anIpam(await open());
      const { pool } = await ipam.pool('::/80');
      expect(pool).toMatch(/^fd[0-9a-f:]+::\/80$/);
      await ipam.restart();
      const whole = await ipam.pool('', { v6: true });
      expect(whole.pool).toMatch(/::\/64$/);
      expect(whole.pool.split(':').slice(0, 3)).toEqual(pool.split(':').slice(0, 3));
      expect(whole.pool).not.toBe(pool.replace('/80', '/64'));
      await expect(ipam.pool('::/40')).rejects.toThrow(InvalidArgument);
      await expect(ipam.pool('0.0.0.0/8')).rejects.toThrow(/no pool of size \/8 fits/);
    });

    test('I4 an overlapping subnet is refused in the same space, naming the network, and fine in another', async () => {
      const ipam = await anIpam(await open());
      await ipam.pool('10.9.0.0/16');
      await expect(ipam.pool('10.9.0.0/16')).rejects.toThrow(
        'subnet 10.9.0.0/16 overlaps 10.9.0.0/16 of network backend',
      );
      await expect(ipam.pool('10.9.4.0/24', { options: null })).rejects.toThrow(Conflict);
      await ipam.pool('198.18.0.0/24');
      await expect(ipam.pool('198.18.0.0/15')).rejects.toThrow(
        'subnet 198.18.0.0/15 overlaps pool 198.18.0.0/24',
      );
      expect((await ipam.pool('10.9.0.0/16', { space: 'WeftGlobal' })).poolId).toBe('WeftGlobal/10.9.0.0/16');
    });

    test('I5 an ip-range restricts automatic addresses only', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/16', { subPool: '10.9.5.0/30' });
      expect(await ipam.ask(poolId, undefined, GATEWAY)).toEqual({ ip: '10.9.0.1', prefix: 16 });
      expect((await ipam.ask(poolId, '10.9.200.7')).ip).toBe('10.9.200.7');
      const given = [];
      for (let count = 0; count < 4; count++) given.push((await ipam.ask(poolId)).ip);
      expect(given).toEqual(['10.9.5.0', '10.9.5.1', '10.9.5.2', '10.9.5.3']);
      await expect(ipam.ask(poolId)).rejects.toThrow(
        'ip-range 10.9.5.0/30 of pool 10.9.0.0/16 is full: 4 of 4 usable addresses in use (4 endpoints, 0 gateways), 0 resting',
      );
    });

    test('I6 a gateway is the first address, the one asked for, or refused when taken', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/24');
      expect((await ipam.ask(poolId, undefined, GATEWAY)).ip).toBe('10.9.0.1');
      expect((await ipam.ask(poolId, undefined, GATEWAY)).ip).toBe('10.9.0.2');
      await ipam.ask(poolId, '10.9.0.9', { 'com.docker.network.endpoint.name': 'c1' });
      await expect(ipam.ask(poolId, '10.9.0.9', GATEWAY)).rejects.toThrow(
        'gateway address 10.9.0.9 of pool 10.9.0.0/24 is in use by endpoint c1',
      );
      expect(ipam.service.list()[0]?.gateway).toBe('10.9.0.1');
    });

    test('I7 releasing what is unknown, or again, succeeds', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/24');
      const { ip } = await ipam.ask(poolId);
      await Promise.all([
        ipam.free(poolId, ip),
        ipam.free(poolId, ip),
        ipam.free(poolId, '192.0.2.1'),
        ipam.free('no', ip),
      ]);
      await Promise.all([
        ipam.service.releasePool(poolId),
        ipam.service.releasePool(poolId),
        ipam.service.releasePool('no'),
      ]);
      expect(ipam.service.list()).toEqual([]);
      await expect(ipam.ask(poolId)).rejects.toThrow(NotFound);
    });

    test('I8 releasing a pool frees all its addresses, however many, from the store too', async () => {
      const store = await open();
      const ipam = await anIpam(store);
      const { poolId } = await ipam.pool('10.9.0.0/16');
      await Promise.all(Array.from({ length: 350 }, () => ipam.ask(poolId)));
      await ipam.free(poolId, '10.9.0.1');
      await ipam.service.releasePool(poolId);
      expect((await store.list('')).entries.map(({ key }) => key)).toEqual(['ula']);
      const again = await ipam.pool('10.9.0.0/16');
      expect((await ipam.ask(again.poolId)).ip).toBe('10.9.0.1');
    });

    test('I9 exhaustion says how full; a released address rests, is free on request, and comes back later', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/29');
      await ipam.ask(poolId, undefined, GATEWAY);
      for (let count = 0; count < 5; count++) await ipam.ask(poolId);
      await expect(ipam.ask(poolId)).rejects.toThrow(
        'pool 10.9.0.0/29 is full: 6 of 6 usable addresses in use (5 endpoints, 1 gateway), 0 resting',
      );
      await ipam.free(poolId, '10.9.0.4');
      await ipam.free(poolId, '10.9.0.3');
      await ipam.restart();
      await expect(ipam.ask(poolId)).rejects.toThrow(/4 of 6 .* 2 resting, the first free in 30 s$/);
      expect((await ipam.ask(poolId, '10.9.0.4')).ip).toBe('10.9.0.4');
      ipam.time.now += 29_999;
      await expect(ipam.ask(poolId)).rejects.toThrow(Exhausted);
      ipam.time.now += 1;
      expect((await ipam.ask(poolId)).ip).toBe('10.9.0.3');
    });

    test('I9 the last freed address is not the next given', async () => {
      const ipam = await anIpam(await open(), { restMs: 0 });
      const { poolId } = await ipam.pool('10.9.0.0/24');
      await ipam.ask(poolId);
      await ipam.free(poolId, (await ipam.ask(poolId)).ip);
      expect((await ipam.ask(poolId)).ip).toBe('10.9.0.3');
    });

    test.each([
      ['fd00:9::/64', 'fd00:9::1'],
      ['fd00:9::/48', 'fd00:9::1'],
      ['fd00:9::/127', 'fd00:9::'],
      ['fd00:9::5/128', 'fd00:9::5'],
      ['10.0.0.0/8', '10.0.0.1'],
      ['198.18.0.0/31', '198.18.0.0'],
      ['198.18.0.9/32', '198.18.0.9'],
    ])('I10 %s begins with %s and is not enumerated', async (pool, first) => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool(pool);
      expect((await ipam.ask(poolId)).ip).toBe(first);
    });

    test('I11 name and MAC of the endpoint are kept with the address', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/24');
      const asked = {
        'com.docker.network.endpoint.macaddress': '02:42:AC:11:00:02',
        'com.docker.network.endpoint.name': 'c1',
      };
      await ipam.ask(poolId, undefined, asked);
      await ipam.restart();
      expect(ipam.service.list()[0]?.leases).toEqual([
        { ip: '10.9.0.1', kind: 'endpoint', name: 'c1', mac: '02:42:ac:11:00:02', createdAt: 1_000_000 },
      ]);
      await expect(
        ipam.ask(poolId, undefined, { 'com.docker.network.endpoint.macaddress': 'x' }),
      ).rejects.toThrow(InvalidArgument);
    });

    test('I13 options null, empty and with unknown keys are accepted; the pool keeps them', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/24', { options: { io: '1' } });
      for (const options of [null, {}, { other: 'x' }]) await ipam.ask(poolId, undefined, options);
      await ipam.pool('198.18.0.0/24', { options: null });
      expect(ipam.service.list().map(({ options }) => options)).toEqual([{ io: '1' }, null]);
    });

    test('I14 the same explicit address twice is refused, also at once', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/24');
      const outcomes = await Promise.allSettled([ipam.ask(poolId, '10.9.0.9'), ipam.ask(poolId, '10.9.0.9')]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      await expect(ipam.ask(poolId, '10.9.0.9')).rejects.toThrow(Conflict);
    });

    test.each([
      ['10.9.1.1', 'address 10.9.1.1 is not in pool 10.9.0.0/24'],
      ['fd00::1', 'address fd00::1 is not in pool 10.9.0.0/24'],
      ['10.9.0.0', 'address 10.9.0.0 is the network address of pool 10.9.0.0/24'],
      ['10.9.0.255', 'address 10.9.0.255 is the broadcast address of pool 10.9.0.0/24'],
    ])('explicit address %s is refused', async (address, message) => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/24');
      await expect(ipam.ask(poolId, address)).rejects.toThrow(message);
    });

    test.each([
      ['10.9.0.0', {}, /not address\/prefix/],
      ['010.9.0.0/24', {}, /not an IP address/],
      ['10.9.0.0/24', { v6: true }, /not IPv6/],
      ['10.9.0.0/24', { subPool: '10.8.0.0/25' }, /not within/],
      ['', { subPool: '10.8.0.0/25' }, /needs a subnet/],
      ['10.9.0.0/24', { space: 'Other' }, /expected WeftLocal or WeftGlobal/],
      ['224.0.0.0/24', {}, /containers cannot use/],
    ])('pool %j with %j is refused', async (pool, more, message) => {
      const ipam = await anIpam(await open());
      await expect(ipam.pool(pool, more)).rejects.toThrow(message);
      expect(ipam.service.list()).toEqual([]);
    });

    test('sweep releases what is old and unknown, and nothing else', async () => {
      const ipam = await anIpam(await open());
      const { poolId } = await ipam.pool('10.9.0.0/24');
      const orphan = await ipam.pool('198.18.0.0/24');
      for (let count = 0; count < 3; count++) await ipam.ask(poolId);
      ipam.time.now += 60_000;
      await ipam.ask(poolId);
      const young = await ipam.pool('198.19.0.0/24');
      const gone = await ipam.service.sweep({
        graceMs: 60_000,
        pool: (pool) => pool.poolId === poolId,
        lease: (_, { ip }) => ip === '10.9.0.2',
      });
      expect(gone).toEqual({
        pools: [orphan.poolId],
        leases: [
          { poolId, ip: '10.9.0.1' },
          { poolId, ip: '10.9.0.3' },
        ],
      });
      expect(ipam.service.list().map((pool) => [pool.poolId, pool.used])).toEqual([
        [poolId, 2],
        [young.poolId, 0],
      ]);
    });
  });
}
