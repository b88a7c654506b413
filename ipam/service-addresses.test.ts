import { describe, expect, test } from 'vitest';
import type { Cidr, Ip } from '../core/address.ts';
import { Conflict, Exhausted } from '../core/errors.ts';
import { IpamHost } from '../test/fakes/ipam-host.ts';
import { MemoryStore } from '../test/fakes/memory-store.ts';
import { SharedWorld } from '../test/fakes/shared-world.ts';
import { VirtualClock } from '../test/fakes/virtual-clock.ts';
import { IpamService } from './index.ts';

describe('on one host', () => {
  const CIDR = '10.1.0.0/29' as Cidr;
  const open = (store: MemoryStore, clock = new VirtualClock()) =>
    IpamService.load({ store, clock, hostRoutes: async () => [] });
  const pool = { space: 'WeftLocal', pool: CIDR, subPool: '', options: {}, v6: false };

  test('a virtual IP is held, over restarts, until it is released', async () => {
    const store = new MemoryStore();
    const before = await open(store);
    const { poolId } = await before.requestPool(pool);
    const vip = await before.services.hold(CIDR, 'web');
    expect(vip).toBe('10.1.0.1');
    const clock = new VirtualClock();
    const ipam = await open(store, clock);
    expect([...ipam.services.held()]).toEqual([
      { subnet: CIDR, ip: vip, service: 'web', createdAt: expect.any(Number) },
    ]);
    await expect(ipam.requestAddress({ poolId, address: vip as Ip, options: null })).rejects.toThrow(
      `address ${vip} of pool ${CIDR} is in use by service web, as its virtual IP`,
    );
    expect(await ipam.services.holdThis(CIDR, vip as Ip, 'web')).toBe(true);
    expect(await ipam.services.holdThis(CIDR, vip as Ip, 'api')).toBe(false);
    await ipam.services.release(CIDR, vip as Ip);
    await ipam.services.release(CIDR, vip as Ip);
    expect([...ipam.services.held()]).toEqual([]);
    expect(ipam.list()[0]).toMatchObject({ used: 0, resting: 1 });
  });

  test('an endpoint’s address is never taken for one, nor freed as one', async () => {
    const ipam = await open(new MemoryStore());
    const { poolId } = await ipam.requestPool(pool);
    const { ip } = await ipam.requestAddress({ poolId, options: null });
    expect(await ipam.services.holdThis(CIDR, ip, 'web')).toBe(false);
    await ipam.services.release(CIDR, ip);
    expect(ipam.list()[0]?.used).toBe(1);
  });

  test('a full pool says how many services it has', async () => {
    const ipam = await open(new MemoryStore());
    await ipam.requestPool(pool);
    for (let i = 0; i < 6; i++) await ipam.services.hold(CIDR, `s${i}`);
    await expect(ipam.services.hold(CIDR, 'more')).rejects.toThrow(Exhausted);
    await expect(ipam.services.hold(CIDR, 'more')).rejects.toThrow(
      '6 of 6 usable addresses in use (0 endpoints, 0 gateways, 6 services)',
    );
  });

  test('of a subnet that is not weft’s nothing is given', async () => {
    const ipam = await open(new MemoryStore());
    expect(ipam.services.gives(CIDR)).toBe(false);
    expect(await ipam.services.hold(CIDR, 'web')).toBeUndefined();
    expect(await ipam.services.holdThis(CIDR, '10.1.0.1' as Ip, 'web')).toBeUndefined();
  });
});

describe('in a cluster network', () => {
  const CIDR = '10.1.0.0/27' as Cidr;

  async function twoHosts() {
    const clock = new VirtualClock();
    const world = new SharedWorld(clock);
    const alive = new Set(['a', 'b']);
    const hosts = ['a', 'b'].map((name) => new IpamHost(name, world, (other) => alive.has(other)));
    for (const host of hosts) {
      await host.start();
      await host.join(CIDR, 'app');
      await clock.advance(50);
    }
    const [a, b] = hosts;
    if (a === undefined || b === undefined) throw new Error('no hosts');
    const poolId = `WeftLocal/${CIDR}`;
    return { clock, a, b, poolId, alive, fill: (host: IpamHost) => fill(clock, host, poolId) };
  }

  async function fill(clock: VirtualClock, host: IpamHost, poolId: string): Promise<readonly Ip[]> {
    const given: Ip[] = [];
    try {
      for (;;) given.push(await clock.until(host.ask(poolId)));
    } catch (error) {
      if (!(error instanceof Exhausted)) throw error;
    }
    return given;
  }

  test('a virtual IP comes from the host’s own block and no host gives it to an endpoint', async () => {
    const { clock, a, b, poolId, fill } = await twoHosts();
    const vip = (await clock.until(a.service.services.hold(CIDR, 'web'))) as Ip;
    await expect(clock.until(b.ask(poolId, vip))).rejects.toThrow(Conflict);
    for (const host of [a, b]) host.service.services.setVirtual('app', [vip]);
    for (const host of [a, b]) {
      await expect(clock.until(host.ask(poolId, vip))).rejects.toThrow(
        /the virtual IP of a service|in use by service web/,
      );
    }
    const given = [...(await fill(b)), ...(await fill(a))];
    expect(given).not.toContain(vip);
    expect(new Set(given).size).toBe(29);
  });

  test('also when its host is removed, its block another’s and weft started again', async () => {
    const { clock, a, b, poolId, alive, fill } = await twoHosts();
    const vip = (await clock.until(a.service.services.hold(CIDR, 'web'))) as Ip;
    b.service.services.setVirtual('app', [vip]);
    a.kill();
    alive.delete('a');
    await clock.until(b.cluster.removeNode('a'));
    b.kill();
    await b.start();
    b.service.services.setVirtual('app', [vip]);
    await clock.advance(1000);
    expect(await fill(b)).not.toContain(vip);
    await expect(clock.until(b.ask(poolId, vip))).rejects.toThrow(
      `address ${vip} of network app is the virtual IP of a service`,
    );
    b.service.services.setVirtual('app', []);
    expect(await clock.until(b.ask(poolId))).toBe(vip);
  });

  test('is known in a pool that is shared afterwards', async () => {
    const clock = new VirtualClock();
    const world = new SharedWorld(clock);
    const host = new IpamHost('a', world, () => true);
    await host.start();
    host.service.services.setVirtual('app', ['10.1.0.2' as Ip]);
    const poolId = await host.join(CIDR, 'app');
    await clock.advance(50);
    const given = await fill(clock, host, poolId);
    expect(given).toHaveLength(29);
    expect(given).not.toContain('10.1.0.2');
  });
});
