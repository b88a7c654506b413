import { expect, test } from 'vitest';
import type { Cidr, Ip } from '../../core/address.ts';
import { Conflict, Exhausted, Unavailable } from '../../core/errors.ts';
import { IpamHost } from '../../test/fakes/ipam-host.ts';
import { SharedWorld } from '../../test/fakes/shared-world.ts';
import { VirtualClock } from '../../test/fakes/virtual-clock.ts';
import type { ClusterPool } from './cluster-addresses.ts';

const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' };

/** Hosts that have joined network app, whose blocks have been claimed. */
async function aCluster(names: string, cidr = '10.1.0.0/24', subPool = '') {
  const clock = new VirtualClock();
  const world = new SharedWorld(clock);
  const subnets: ClusterPool[] = [];
  const hosts = new Map<string, IpamHost>();
  const isAlive = (name: string) =>
    hosts.get(name)?.isRunning === true && hosts.get(name)?.link.isCut === false;
  const reserved = cidr.startsWith('10.1.') ? ['10.1.0.1'] : [];
  const poolId = `WeftLocal/${cidr}`;
  for (const name of names) {
    const host = new IpamHost(name, world, isAlive, () => subnets);
    hosts.set(name, host);
    await host.start();
    await host.join(cidr, 'app', reserved, subPool);
    await clock.advance(50);
  }
  const host = (name: string) => hosts.get(name) ?? expect.fail(`no host ${name}`);
  const ask = (name: string, address?: string, options: Record<string, string> | null = null) =>
    clock.until(host(name).ask(poolId, address, options));
  const fill = async (name: string, count: number) => {
    const given: Ip[] = [];
    for (let done = 0; done < count; done++) given.push(await ask(name));
    return given;
  };
  const blocks = (name: string) =>
    host(name)
      .view(cidr)
      .blocks.map((block) => block.cidr);
  return { clock, world, subnets, host, ask, fill, blocks, poolId, cidr };
}

test('each host claims a block of its own when the pool is shared, and gives addresses of it only', async () => {
  const { ask, blocks } = await aCluster('abc');
  const owned = ['a', 'b', 'c'].flatMap(blocks);
  expect(new Set(owned).size).toBe(3);
  for (const name of ['a', 'b', 'c']) {
    const { BlockGrid } = await import('./block-grid.ts');
    const ip = await ask(name);
    const grid = new BlockGrid('app', '10.1.0.0/24' as Cidr);
    expect([grid.cidrAt(grid.indexOf(ip))]).toEqual(blocks(name));
  }
});

test('a pool stays shared over a restart, also with the store away, and knows its blocks and leases', async () => {
  const { clock, host, ask, blocks, world } = await aCluster('ab');
  const given = await ask('a');
  const before = blocks('a');
  host('a').kill();
  await host('a').start();
  host('a').link.cut();
  expect(blocks('a')).toEqual(before);
  expect(host('a').leases('10.1.0.0/24')).toEqual([given]);
  const { revision } = world;
  expect(await ask('a')).not.toBe(given);
  await clock.advance(10);
  expect(world.revision).toBe(revision);
});

test('a host claims ahead of need, so that a burst needs the store once for a block, never in its way', async () => {
  const { clock, host, blocks, poolId, cidr } = await aCluster('ab');
  for (let round = 0; round < 13; round++) {
    const at = clock.now();
    await host('a').ask(poolId);
    expect(clock.now()).toBe(at);
  }
  await clock.advance(20);
  expect(blocks('a').length).toBe(2);
  expect(host('a').view(cidr).others).toEqual([{ node: 'b', blocks: 1 }]);
});

test('with the store away addresses come from own blocks, and then the error says why there are no more', async () => {
  const { clock, host, ask, fill } = await aCluster('ab');
  host('a').link.cut();
  await fill('a', 14);
  const at = clock.now();
  const error = await ask('a')
    .then(() => fill('a', 3))
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Unavailable);
  expect(String(error)).toMatch(
    /this host's block of network app is full, and the cluster store does not answer, so that no other can be claimed/,
  );
  expect(clock.now() - at).toBeLessThanOrEqual(2_100);
  host('a').link.heal();
  await clock.advance(100);
  await ask('a');
});

test('the gateway and auxiliary addresses are every host’s, and no container’s', async () => {
  const { clock, host, subnets, ask, poolId } = await aCluster('ab');
  const reserved = ['10.1.0.1', '10.1.0.77'] as unknown as Ip[];
  subnets.push({ cidr: '10.1.0.0/24' as Cidr, name: 'app', gateway: '10.1.0.1' as Ip, reserved });
  for (const name of ['a', 'b']) {
    await host(name).service.share(poolId, 'app', reserved);
    host(name).link.cut();
    await expect(ask(name, '10.1.0.1')).rejects.toThrow('in use by the gateway');
    expect(await host(name).ask(poolId, undefined, GATEWAY)).toBe('10.1.0.1');
    expect(await host(name).ask(poolId, '10.1.0.77')).toBe('10.1.0.77');
    await expect(ask(name, '10.1.0.77')).rejects.toThrow(Conflict);
    host(name).link.heal();
  }
  await clock.advance(100);
  const given: string[] = [];
  await expect(
    (async () => {
      for (;;) given.push(await ask('a'));
    })(),
  ).rejects.toThrow(Exhausted);
  expect(given).not.toContain('10.1.0.77');
  expect(given).not.toContain('10.1.0.1');
});

test('a fixed address of a block that nobody owns is this host’s alone, also after somebody claims the block', async () => {
  const { clock, world, host, ask, fill, blocks } = await aCluster('ab');
  const taken = new Set(['a', 'b'].flatMap(blocks));
  const base = [64, 80, 96, 112].find((start) => !taken.has(`10.1.0.${start}/28` as Cidr)) ?? 128;
  const ip = `10.1.0.${base + 3}`;
  expect(await ask('a', ip)).toBe(ip);
  await expect(ask('a', ip)).rejects.toThrow(Conflict);
  host('b').errors.push();
  await expect(ask('b', ip)).rejects.toThrow(
    `address ${ip} of network app is in use by an endpoint on host a`,
  );
  const given = await fill('b', 200);
  expect(given).not.toContain(ip);
  await host('a').free(`WeftLocal/10.1.0.0/24`, ip);
  await clock.advance(20_000);
  expect(
    [...world.entries.values()].filter(({ value }) => new TextDecoder().decode(value).includes(ip)),
  ).not.toEqual([]);
  await clock.advance(20_000);
  expect(await ask('b', ip)).toBe(ip);
});

test('a fixed address moves with its container, without a rest, whoever owns the block', async () => {
  const { clock, host, ask, poolId, blocks } = await aCluster('abc');
  const owned = new Set(['a', 'b', 'c'].flatMap(blocks));
  const free = [64, 80, 96, 112, 128].find((start) => !owned.has(`10.1.0.${start}/28` as Cidr)) ?? 144;
  const ofC = blocks('c')[0]?.replace(/\d+\/28$/, (text) => `${Number.parseInt(text, 10) + 5}`) ?? '';
  for (const ip of [`10.1.0.${free + 3}`, ofC]) {
    for (const name of ['a', 'b', 'c', 'a']) {
      expect(await ask(name, ip)).toBe(ip);
      await expect(ask(name === 'a' ? 'b' : 'a', ip)).rejects.toThrow(Conflict);
      await host(name).free(poolId, ip);
      await clock.advance(50);
    }
  }
});

test('a fixed address of another host’s block is asked of it: granted when free, refused naming the holder', async () => {
  const { clock, host, ask, poolId, cidr } = await aCluster('ab');
  const held = await clock.until(
    host('b').ask(poolId, undefined, { 'com.docker.network.endpoint.name': 'web' }),
  );
  const next = held.replace(/\d+$/, (last) => String(Number(last) + 1));
  const at = clock.now();
  expect(await ask('a', next)).toBe(next);
  expect(clock.now() - at).toBeLessThan(60);
  await expect(ask('a', held)).rejects.toThrow(
    `address ${held} of network app is in use by endpoint web on host b`,
  );
  expect(host('b').view(cidr).grantedAway).toEqual([{ ip: next, node: 'a' }]);
  expect(host('a').view(cidr).granted).toEqual([next]);
  expect(await ask('b')).not.toBe(next);
  await expect(ask('b', next)).rejects.toThrow(
    `address ${next} of network app is in use by an endpoint on host a`,
  );
  await clock.advance(100);
  await host('a').free(poolId, next);
  await clock.advance(40_000);
  expect(host('b').view(cidr).grantedAway).toEqual([]);
  expect(await ask('b', next)).toBe(next);
});

test('a fixed address in the block of a host that is down is refused, naming the host and the way out', async () => {
  const { clock, host, ask, poolId } = await aCluster('ab');
  const held = await clock.until(host('b').ask(poolId));
  const next = held.replace(/\d+$/, (last) => String(Number(last) + 1));
  host('b').kill();
  await expect(ask('a', next)).rejects.toThrow(
    `address ${next} of network app is in the block of host b, which does not answer; weft node rm b frees it`,
  );
  expect(await clock.until(host('a').cluster.removeNode('b'))).toEqual({ blocks: 1, grants: 0 });
  expect(await ask('a', next)).toBe(next);
});

test('an owner that is slow to answer is named after two seconds, and what it grants later goes back', async () => {
  const { clock, host, ask, poolId, cidr } = await aCluster('ab');
  const held = await clock.until(host('b').ask(poolId));
  const next = held.replace(/\d+$/, (last) => String(Number(last) + 1));
  // Its links are slow rather than cut: it counts as alive.
  host('b').link.stall(2_500);
  const at = clock.now();
  await expect(ask('a', next)).rejects.toThrow(/host b, which did not answer within 2000 ms/);
  expect(clock.now() - at).toBeLessThan(2_100);
  await clock.advance(20_000);
  expect(host('b').view(cidr).grantedAway).toEqual([]);
  expect(host('a').view(cidr).granted).toEqual([]);
});

test('in a full subnet single addresses come from others, up to the last', async () => {
  const { host, fill, ask, cidr } = await aCluster('abc', '10.1.0.0/27');
  const { length } = await fill('a', 4);
  const rest = await fill('b', 31 - 2 - length);
  expect(new Set(rest).size).toBe(25);
  await expect(ask('c')).rejects.toThrow(
    /^subnet 10.1.0.0\/27 of network app is full: every block is owned, .* and no other host has a free address$/,
  );
  expect(host('b').view(cidr).granted.length).toBeGreaterThan(0);
});

test('an ip-range restricts the blocks; fixed addresses are possible everywhere', async () => {
  const { ask, fill, blocks } = await aCluster('ab', '10.1.0.0/24', '10.1.0.64/27');
  const given = [...(await fill('a', 16)), ...(await fill('b', 16))];
  expect(given.map((ip) => Number(ip.split('.')[3])).sort((x, y) => x - y)).toEqual(
    Array.from({ length: 32 }, (_, at) => 64 + at),
  );
  expect([...blocks('a'), ...blocks('b')].sort()).toEqual(['10.1.0.64/28', '10.1.0.80/28']);
  await expect(ask('a')).rejects.toThrow(Exhausted);
  expect(await ask('a', '10.1.0.200')).toBe('10.1.0.200');
});

test('empty blocks go back after a minute, all but one', async () => {
  const { clock, host, fill, blocks, poolId, world } = await aCluster('ab');
  const given = await fill('a', 60);
  await clock.advance(100);
  expect(blocks('a').length).toBeGreaterThanOrEqual(4);
  for (const ip of given) await host('a').free(poolId, ip);
  await clock.advance(60_000);
  expect(blocks('a').length).toBeGreaterThanOrEqual(4);
  await clock.advance(100_000);
  expect(blocks('a').length).toBe(1);
  expect([...world.entries.keys()].length).toBe(2);
  // Released pools leave nothing behind.
  await host('a').service.releasePool(poolId);
  await clock.advance(70_000);
  expect([...world.entries.keys()].length).toBe(1);
});

test('leases older than the sharing are covered, and those that somebody else has are reported', async () => {
  const { clock, world, host, ask, fill } = await aCluster('ab');
  await fill('a', 14);
  const others = new Set(host('a').leases('10.1.0.0/24'));
  const free = [...Array(254).keys()]
    .map((at) => `10.1.0.${at + 1}`)
    .find((ip) => ip !== '10.1.0.1' && !others.has(ip as Ip));
  const late = new IpamHost('late', world, () => true);
  await late.start();
  const { poolId } = await late.service.requestPool({
    space: 'WeftLocal',
    pool: '10.1.0.0/24',
    subPool: '',
    options: {},
    v6: false,
  });
  const taken = host('a').leases('10.1.0.0/24')[3] ?? '';
  await late.ask(poolId, taken);
  await late.ask(poolId, free);
  const conflicts = await clock.until(late.service.share(poolId, 'app', ['10.1.0.1' as Ip]));
  expect(conflicts.map(({ ip }) => ip)).toEqual([taken]);
  expect(late.errors.join()).toMatch(/an address that this host holds is in use elsewhere too/);
  await expect(ask('b', free)).rejects.toThrow(Conflict);
});

test('a fenced host gives no address of a shared pool, by no way', async () => {
  const { host, ask } = await aCluster('ab');
  host('a').cluster.fence('it was removed from the cluster');
  await expect(ask('a')).rejects.toThrow(
    'this host must not give addresses of network app: it was removed from the cluster',
  );
  await expect(ask('a', '10.1.0.200')).rejects.toThrow(Unavailable);
  host('a').cluster.fence(undefined);
  await ask('a');
});

test('a host that was removed by mistake gets its blocks back for what it holds', async () => {
  const { clock, host, ask, fill, blocks, cidr } = await aCluster('ab');
  const given = await fill('a', 5);
  await clock.until(host('b').cluster.removeNode('a'));
  await clock.advance(10_000);
  expect(blocks('a').length).toBeGreaterThanOrEqual(1);
  expect(host('a').view(cidr).conflicts).toEqual([]);
  for (const ip of given) await expect(ask('b', ip)).rejects.toThrow(Conflict);
});

test('after a restore from an older snapshot blocks and grants are claimed again', async () => {
  const { clock, world, host, ask, fill } = await aCluster('ab');
  const before = world.snapshot();
  const mine = await fill('a', 20);
  const [of] = await fill('b', 1);
  const single = (of ?? '').replace(/\d+$/, (last) => String(Number(last) + 5));
  await ask('a', single);
  await clock.advance(100);
  world.restore(before);
  await clock.advance(12_000);
  for (const ip of [...mine, single]) await expect(ask('b', ip)).rejects.toThrow(Conflict);
  expect(host('a').view('10.1.0.0/24').conflicts).toEqual([]);
});

test('removing a node with hundreds of blocks takes commits that etcd accepts', async () => {
  const { clock, host, ask, fill, world } = await aCluster('ab', '10.1.0.0/16');
  for (let block = 0; block < 240; block++) await ask('a', `10.1.${block}.9`).catch(() => undefined);
  await fill('b', 1);
  host('a').kill();
  const { blocks, grants } = await clock.until(host('b').cluster.removeNode('a'));
  expect(blocks + grants).toBeGreaterThan(230);
  expect(
    [...world.entries.values()].some(({ value }) => new TextDecoder().decode(value).includes('"a"')),
  ).toBe(false);
});

test('IPv6: a /64 is shared in blocks that are not enumerated', async () => {
  const { ask, blocks } = await aCluster('ab', 'fd00:1::/64');
  expect(blocks('a')[0]).toMatch(/\/96$/);
  expect(await ask('a')).not.toBe(await ask('b'));
  expect(await ask('a', 'fd00:1::5')).toBe('fd00:1::5');
});

test('pools stay clear of cluster subnets, and a network may be joined by its name alone', async () => {
  const { host, subnets } = await aCluster('a', '10.200.0.0/24');
  const other = {
    cidr: '10.64.0.0/23' as Cidr,
    name: 'web',
    gateway: '10.64.0.9' as Ip,
    reserved: ['10.64.0.9' as Ip],
  };
  subnets.push(other, { cidr: 'fd00:7::/64' as Cidr, name: 'web', reserved: [] });
  const { service } = host('a');
  const pool = (text: string, options: Record<string, string> = {}, v6 = false) =>
    service.requestPool({ space: 'WeftLocal', pool: text, subPool: '', options, v6 });
  expect((await pool('')).pool).toBe('10.64.2.0/24');
  await expect(pool('10.64.1.0/24')).rejects.toThrow(
    'subnet 10.64.1.0/24 overlaps 10.64.0.0/23 of cluster network web',
  );
  await expect(pool('10.64.0.0/23', { 'weft.network': 'other' })).rejects.toThrow(Conflict);
  const joined = await pool('', { 'weft.network': 'web' });
  expect(joined.pool).toBe('10.64.0.0/23');
  expect(await host('a').ask(joined.poolId, undefined, GATEWAY)).toBe('10.64.0.9');
  expect(host('a').view('10.64.0.0/23').network).toBe('web');
  expect((await pool('', { 'weft.network': 'web' }, true)).pool).toBe('fd00:7::/64');
  expect((await pool('', { 'weft.network': 'new' })).pool).toBe('10.64.3.0/24');
  await service.releasePool(joined.poolId);
  expect((await pool('10.64.0.0/23')).pool).toBe('10.64.0.0/23');
});
