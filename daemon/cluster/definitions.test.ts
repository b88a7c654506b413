import { beforeEach, describe, expect, test } from 'vitest';
import type { Cidr, Ip } from '../../core/address.ts';
import { Conflict, Unavailable } from '../../core/errors.ts';
import type { NetworkDefinition } from '../../drivers/overlay/index.ts';
import { MemoryShared, type MemoryView } from '../../test/fakes/memory-shared.ts';
import { Definitions } from './definitions.ts';

let shared: MemoryShared;
let views: readonly [MemoryView, MemoryView];
let first: Definitions;
let second: Definitions;
let now: number;
beforeEach(() => {
  shared = new MemoryShared();
  views = [shared.view(), shared.view()];
  now = 1000;
  const clock = { now: () => now };
  first = new Definitions({ shared: views[0], node: 'h1', clock });
  second = new Definitions({ shared: views[1], node: 'h2', clock });
});

function define(name: string, pool: string, change: Partial<NetworkDefinition> = {}): NetworkDefinition {
  return {
    name,
    subnets: [{ pool: pool as Cidr, gateway: pool.replace(/0\/24$/, '1') as Ip, aux: {} }],
    internal: false,
    enableIpv4: true,
    enableIpv6: false,
    options: {},
    ...change,
  };
}

describe('the definition of a network', () => {
  test('is made by the first and joined by the others', async () => {
    const made = await first.define(define('app', '10.1.0.0/24'), undefined);
    expect(made).toMatchObject({ name: 'app', createdBy: 'h1', createdAt: 1000 });
    expect(await second.define(define('app', '10.1.0.0/24'), undefined)).toEqual(made);
    expect(Object.keys(shared.dump()).sort()).toEqual(['definitions', 'network/app', `vni/${made.vni}`]);
  });

  test('is one, whoever tries at the same time', async () => {
    const tries = Array.from({ length: 20 }, (_, i) =>
      (i % 2 === 0 ? first : second).define(define('app', '10.1.0.0/24'), undefined),
    );
    const made = await Promise.all(tries);
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  });

  test('is refused where it differs, naming what does', async () => {
    await first.define(define('app', '10.1.0.0/24'), undefined);
    const other = define('app', '10.2.0.0/24', { options: { 'weft.multicast': 'true' } });
    const refused = second.define(other, undefined);
    await expect(refused).rejects.toThrow(Conflict);
    await expect(refused).rejects.toThrow(
      /network app exists in the cluster \(made on h1\) and differs: subnet 10\.2\.0\.0\/24 here, 10\.1\.0\.0\/24 in the cluster; option weft\.multicast is true here and false in the cluster/,
    );
  });

  test('keeps its VNI and its subnets for itself', async () => {
    await first.define(define('app', '10.1.0.0/24'), 77);
    await expect(second.define(define('db', '10.2.0.0/24'), 77)).rejects.toThrow(
      /VNI 77 belongs to network app/,
    );
    await expect(second.define(define('db', '10.1.0.128/25'), undefined)).rejects.toThrow(
      /subnet 10\.1\.0\.128\/25 of network db overlaps 10\.1\.0\.0\/24 of the cluster's network app/,
    );
    expect((await second.define(define('db', '10.2.0.0/24'), 78)).vni).toBe(78);
  });

  test('cannot be made while the store is away, but joined', async () => {
    await first.define(define('app', '10.1.0.0/24'), undefined);
    views[1].cutOff(true);
    await expect(second.define(define('db', '10.2.0.0/24'), undefined)).rejects.toThrow(Unavailable);
    await expect(second.assertReachable()).rejects.toThrow(Unavailable);
    await first.assertReachable();
    expect(await second.define(define('app', '10.1.0.0/24'), undefined)).toMatchObject({ createdBy: 'h1' });
  });

  test('goes with all that belongs to it, and leaves word of that', async () => {
    const made = await first.define(define('app', '10.1.0.0/24'), undefined);
    shared.commit({ put: [{ key: 'joined/app/h1', value: Buffer.from('{}') }] });
    await second.remove(made);
    await second.remove(made);
    expect(Object.keys(shared.dump())).toEqual(['definitions', `gone/app/${made.id}`]);
    expect([first.isGone('app', made.id), first.isGone('app', 'another')]).toEqual([true, false]);
    await first.restore(made);
    expect(first.get('app')).toEqual(made);
    expect(first.isGone('app', made.id)).toBe(false);
  });

  test('is forgotten a season after its removal', async () => {
    const old = await first.define(define('app', '10.1.0.0/24'), undefined);
    await first.remove(old);
    now += 89 * 24 * 3600 * 1000;
    await first.remove(await first.define(define('app', '10.1.0.0/24'), undefined));
    expect(first.isGone('app', old.id)).toBe(true);
    now += 2 * 24 * 3600 * 1000;
    const last = await first.define(define('app', '10.1.0.0/24'), undefined);
    await first.remove(last);
    expect([first.isGone('app', old.id), first.isGone('app', last.id)]).toEqual([false, true]);
  });
});
