import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { AlreadyExists, Conflict, InvalidArgument, NotFound } from '../../core/errors.ts';
import type { ServiceRecord } from '../../core/naming.ts';
import type { NamingCluster } from '../../test/fakes/naming-cluster.ts';
import { endpointId, type NamingHost } from '../../test/fakes/naming-host.ts';
import { twoHosts } from '../../test/fakes/two-hosts.ts';
import { until } from '../../test/lab/until.ts';
import { sweepAddresses } from '../addresses.ts';

const NET = 'a1'.repeat(32);
const DAY_MS = 24 * 3_600_000;

let cluster: NamingCluster;
let h1: NamingHost;
let h2: NamingHost;
twoHosts((...made) => {
  [cluster, h1, h2] = made;
});

const WEB = { 'weft.service': 'web', 'weft.service.port': '80:8080' };
const both = async (spec: Omit<Parameters<NamingHost['network']>[0], 'id'> = {}) => {
  await h1.network({ id: NET, overlay: 'app', ...spec });
  await h2.network({ id: NET, overlay: 'app', ...spec });
};
const service = (host: NamingHost, network = 'app', name = 'web') =>
  until(`${host.name} knows service ${name}`, () => host.view.service(network, name));
const noService = (host: NamingHost, network = 'app', name = 'web') =>
  until(`${host.name} knows no service ${name}`, () => host.view.service(network, name) === undefined);
const serviceLeases = (host: NamingHost) => [...host.is.ipam.services.held()].map(({ ip }) => ip);
const states = (host: NamingHost, record: ServiceRecord) =>
  host.view.backends(record).map(({ node, weight, state }) => `${node} ${weight} ${state}`);
const poolOf = (host: NamingHost, pool: string) =>
  host.is.ipam.list().find((each) => each.pool === pool)?.poolId ?? '';

describe('a service that containers declare', () => {
  test('is made once, with a virtual IP of each family, and has them all as backends', async () => {
    await both({ ipv6: 'fd00:80::/64' });
    await Promise.all([
      h1.run({ name: 'a', networkId: NET, labels: WEB }),
      h2.run({ name: 'b', networkId: NET, labels: { ...WEB, 'weft.service.weight': '3' } }),
    ]);
    const record = await service(h1);
    expect(record).toMatchObject({
      origin: 'label',
      ports: [{ protocol: 'tcp', port: 80, target: 8080 }],
      vip4: expect.stringMatching(/^10\.80\.0\.\d+$/),
      vip6: expect.stringMatching(/^fd00:80::/),
    });
    await until('both see both', () => states(h1, record).length + states(h2, record).length === 4);
    expect(states(h2, record).sort()).toEqual(['h1 1 ready', 'h2 3 ready']);
    expect(h2.view.service('app', 'web')).toEqual(h1.view.service('app', 'web'));
    await until('only one host has them', () => serviceLeases(h1).length + serviceLeases(h2).length === 2);
  });

  test('keeps its virtual IPs over a restart of everything', async () => {
    await both();
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    const { vip4 } = await service(h2);
    await h1.restart();
    await h2.restart();
    await h1.naming.settled();
    expect(await service(h2)).toMatchObject({ vip4, createdAt: expect.any(Number) });
    expect(serviceLeases(h1)).toEqual([vip4]);
  });

  test('keeps the virtual IP that it is just being given while others are compared', async () => {
    await both();
    const { services } = h1.is.ipam;
    const hold = services.hold.bind(services);
    const goesOn = Promise.withResolvers<void>();
    vi.spyOn(services, 'hold').mockImplementation(async (subnet, name) => {
      const ip = await hold(subnet, name);
      if (name === 'web') await goesOn.promise;
      return ip;
    });
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    await until('an address is held', () => serviceLeases(h1).length === 1);
    const [vip4] = serviceLeases(h1);
    await h1.run({ name: 'b', networkId: NET, labels: { 'weft.service': 'api' } });
    await service(h1, 'app', 'api');
    // What is freed in consequence is freed after a turn, in the order in which the store is told.
    for (let turns = 0; turns < 3; turns++) {
      await nextTurn();
      await h1.is.store.commit({ put: [{ key: 'test/turn', value: Buffer.from(`${turns}`) }] });
    }
    expect(serviceLeases(h1)).toContain(vip4);
    goesOn.resolve();
    expect(await service(h1)).toMatchObject({ vip4 });
  });

  test('has virtual IPs that no endpoint of any host is given', async () => {
    await both({ ipv4: '10.80.0.0/27' });
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    const { vip4 = '' } = await service(h2);
    await h2.naming.settled();
    for (const host of [h1, h2]) {
      const poolId = poolOf(host, '10.80.0.0/27');
      await expect(
        host.is.ipam.requestAddress({ poolId, address: vip4 as never, options: null }),
      ).rejects.toThrow(/is the virtual IP of a service|is in use by service web/);
    }
    const given = new Set<string>();
    for (let i = 0; i < 10; i++)
      given.add((await h2.is.ipam.requestAddress({ poolId: poolOf(h2, '10.80.0.0/27'), options: null })).ip);
    expect(given.has(vip4)).toBe(false);
  });

  test('follows the declaration that was first, and says what differs', async () => {
    await both();
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    await service(h2);
    await h2.run({
      name: 'b',
      networkId: NET,
      labels: { 'weft.service': 'web', 'weft.service.port': '81', 'weft.service.affinity': 'client' },
    });
    await until('h2 says so', () => h2.naming.problems.length === 2);
    expect(h2.naming.problems[0]).toMatch(
      /container b says weft\.service\.port="81\/tcp" .* "80:8080\/tcp" holds/,
    );
    expect((await service(h1)).ports).toMatchObject([{ port: 80 }]);
    await h1.end('a');
    await until('what is left holds', () => h2.view.service('app', 'web')?.ports[0]?.port === 81);
    expect(h2.view.service('app', 'web')).toMatchObject({ affinity: {} });
    await until('nothing differs', () => h2.naming.problems.length === 0);
  });

  test('that nobody declares any more keeps its virtual IPs for a day', async () => {
    await both();
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    const { vip4 } = await service(h2);
    await h1.end('a');
    await until('unused', () => h2.view.service('app', 'web')?.unusedSince !== undefined);
    await h1.run({ name: 'b', networkId: NET, labels: WEB });
    await until('used', () => h2.view.service('app', 'web')?.unusedSince === undefined);
    expect(await service(h2)).toMatchObject({ vip4 });
    await h1.end('b');
    await until('unused', () => h2.view.service('app', 'web')?.unusedSince !== undefined);
    for (const host of [h1, h2]) host.skewMs = DAY_MS - 60_000;
    await h1.restart();
    await h1.naming.settled();
    expect(await service(h1)).toMatchObject({ vip4 });
    for (const host of [h1, h2]) host.skewMs = DAY_MS + 1;
    await h1.restart();
    await noService(h2);
    await until('its address is free', () => serviceLeases(h1).length === 0);
  });

  test('is said where a container has its name', async () => {
    await both();
    await h1.run({ name: 'web', networkId: NET });
    await h1.run({ name: 'a', networkId: NET, aliases: ['web'], labels: WEB });
    await service(h1);
    await until('said', () => h1.naming.problems.length === 1);
    expect(h1.naming.problems).toEqual([
      'web is the name of a service and of container web: it resolves to the service',
    ]);
  });

  test('goes with its network', async () => {
    await both();
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    await service(h2);
    await h1.end('a');
    await h1.is.repository.deleteNetwork(NET as never);
    await h2.is.repository.deleteNetwork(NET as never);
    await h1.naming.settled();
    expect(h2.view.service('app', 'web')).toBeDefined();
    await cluster.shared.commit({ delete: ['network/app'] });
    await noService(h2);
    expect((await cluster.shared.list('service/')).entries).toEqual([]);
  });
});

describe('on a network of one host', () => {
  test('the virtual IP is a lease that lasts, and goes with the service', async () => {
    await h1.network({ id: NET });
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    const { vip4 } = await service(h1, NET);
    expect(serviceLeases(h1)).toEqual([vip4]);
    const known = { networks: new Set<string>(), endpoints: new Set<string>(), addresses: new Set<string>() };
    const docker = { ...known, subnets: new Set(['10.80.0.0/24']) };
    expect(await sweepAddresses(h1.is.ipam, docker, -1, () => false)).toBe(1);
    await h1.restart();
    expect(serviceLeases(h1)).toEqual([vip4]);
    expect(h1.view.service(NET, 'web')?.vip4).toBe(vip4);
    await h1.end('a');
    await until('unused', () => h1.view.service(NET, 'web')?.unusedSince !== undefined);
    await h1.naming.removeService(NET, 'web');
    await until('free', () => serviceLeases(h1).length === 0);
    expect(h1.view.service(NET, 'web')).toBeUndefined();
  });

  test('a virtual IP that something else holds is given up for another', async () => {
    await h1.network({ id: NET });
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    const { vip4 = '' } = await service(h1, NET);
    await h1.naming.settled();
    await h1.is.ipam.services.release('10.80.0.0/24' as never, vip4 as never);
    await h1.is.ipam.requestAddress({
      poolId: poolOf(h1, '10.80.0.0/24'),
      address: vip4 as never,
      options: null,
    });
    await h1.naming.updateService(NET, 'web', { weights: { a: 2 } });
    const other = await until('another', () => {
      const now = h1.view.service(NET, 'web')?.vip4;
      return now !== vip4 && now;
    });
    expect(serviceLeases(h1)).toEqual([other]);
  });

  test('a full subnet is said; the name then gives the containers', async () => {
    await h1.network({ id: NET, ipv4: '10.80.0.0/30' });
    await h1.is.ipam.requestAddress({ poolId: poolOf(h1, '10.80.0.0/30'), options: null });
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    const record = await service(h1, NET);
    expect(record.vip4).toBeUndefined();
    expect(h1.naming.problems).toEqual([
      expect.stringMatching(/^service web lacks a virtual IP: pool .* is full/),
    ]);
  });

  test('it goes with its network', async () => {
    await h1.network({ id: NET });
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    await service(h1, NET);
    await h1.end('a');
    await h1.is.repository.deleteNetwork(NET as never);
    await noService(h1, NET);
  });
});

test('where Docker’s IPAM gives the addresses a virtual IP is none that somebody on the LAN has', async () => {
  await both({ ipam: 'default' });
  for (const end of [252, 254]) h1.neighbours.set(`10.80.0.${end}`, { mac: '02:00:00:00:00:99' as never });
  await h1.run({ name: 'a', networkId: NET, labels: WEB });
  expect((await service(h1)).vip4).toBe('10.80.0.253');
  await h1.run({ name: 'b', networkId: NET, labels: { 'weft.service': 'db' } });
  expect((await service(h1, 'app', 'db')).vip4).toBe('10.80.0.251');
});

test('where Docker’s IPAM gives the addresses the virtual IP is the highest free one', async () => {
  await both({ ipam: 'default' });
  await h1.run({ name: 'a', networkId: NET, labels: WEB });
  expect((await service(h2)).vip4).toBe('10.80.0.254');
  await h2.run({ name: 'b', networkId: NET, labels: { 'weft.service': 'db' } });
  expect((await service(h1, 'app', 'db')).vip4).toBe('10.80.0.253');
  expect(serviceLeases(h1)).toEqual([]);
});

test('where Docker’s IPAM gives an endpoint the address, the service gets another', async () => {
  await both({ ipam: 'default' });
  await h1.run({ name: 'a', networkId: NET, labels: WEB });
  const { vip4 } = await service(h2);
  await h2.attach('b', NET, {}, `${vip4}/24`);
  await cluster.put(`endpoint/app/h2/${'b'.repeat(64)}`, {
    id: 'b'.repeat(64),
    network: 'app',
    node: 'h2',
    mac: '02:00:00:00:00:01',
    ipv4: vip4,
  });
  h2.docker.run({
    id: 'b'.repeat(64),
    name: 'b',
    networks: { app: { endpoint: endpointId('b') } },
  });
  await until('another', () => h1.view.service('app', 'web')?.vip4 === '10.80.0.253');
});

test('of two services with one virtual IP the younger gets another', async () => {
  await both({ ipam: 'default' });
  await h1.run({ name: 'a', networkId: NET, labels: WEB });
  const { vip4 } = await service(h2);
  const younger = { network: 'app', name: 'api', ports: [], origin: 'api', createdAt: Date.now() + 5, vip4 };
  await cluster.put('service/app/api', younger);
  await until('another', () => h2.view.service('app', 'api')?.vip4 === '10.80.0.253');
  expect(h2.view.service('app', 'web')?.vip4).toBe(vip4);
});

describe('by hand', () => {
  beforeEach(() => both());

  test('a service is made, changed and removed', async () => {
    const made = await h1.naming.createService({
      network: 'app',
      name: 'Front',
      ports: [{ protocol: 'tcp', port: 80, target: 80 }],
      select: 'Old',
      weights: { Web: 5 },
    });
    expect(made).toMatchObject({
      name: 'front',
      origin: 'api',
      select: 'old',
      weights: { web: 5 },
      vip4: expect.anything(),
    });
    await h2.run({ name: 'web', networkId: NET, aliases: ['old'] });
    await until('its backend', () => states(h1, made).join() === 'h2 5 ready');
    await h2.naming.updateService('app', 'FRONT', { weights: { web: 0 }, affinity: { timeoutSeconds: 60 } });
    const changed = await until('changed', () => {
      const now = h1.view.service('app', 'front');
      return now?.affinity !== undefined && now;
    });
    expect(states(h1, changed)).toEqual(['h2 0 draining']);
    expect(changed).toMatchObject({ vip4: made.vip4, createdAt: made.createdAt, select: 'old' });
    const plain = await h1.naming.updateService('app', 'front', {
      weights: { web: null },
      affinity: null,
      select: null,
    });
    expect(plain).not.toHaveProperty('weights');
    expect(plain).not.toHaveProperty('affinity');
    expect(states(h1, plain)).toEqual([]);
    await h2.naming.removeService('app', 'front');
    await noService(h1, 'app', 'front');
    await until('its address is free', () => serviceLeases(h1).length === 0);
  });

  test('endpoints that declare it are its backends too; its ports stay', async () => {
    const made = await h1.naming.createService({ network: 'app', name: 'web' });
    await h2.run({ name: 'a', networkId: NET, labels: WEB });
    await until('its backend', () => states(h1, made).join() === 'h2 1 ready');
    await h2.naming.settled();
    expect(h1.view.service('app', 'web')).toEqual(made);
  });

  test('one that endpoints declared is taken over with its virtual IPs', async () => {
    await h1.run({ name: 'a', networkId: NET, labels: WEB });
    const { vip4 } = await service(h1);
    await h1.end('a');
    await until('unused', () => h1.view.service('app', 'web')?.unusedSince !== undefined);
    const made = await h1.naming.createService({ network: 'app', name: 'web' });
    expect(made).toMatchObject({ vip4, origin: 'api', ports: [] });
    expect(made).not.toHaveProperty('unusedSince');
  });

  test('what is refused', async () => {
    const create = (change: object) => h1.naming.createService({ network: 'app', name: 'web', ...change });
    await expect(create({ name: 'a b' })).rejects.toThrow(InvalidArgument);
    await expect(create({ network: 'nix' })).rejects.toThrow(NotFound);
    await expect(create({ weights: { a: 1001 } })).rejects.toThrow(
      /weight of a 1001: expected a whole number/,
    );
    await expect(create({ ports: [{ protocol: 'tcp', port: 0, target: 1 }] })).rejects.toThrow(/ports "0:1"/);
    await expect(create({ health: { kind: 'http', port: 80, path: 'x' } })).rejects.toThrow(
      /begins with a slash/,
    );
    await expect(create({ affinity: { timeoutSeconds: 0 } })).rejects.toThrow(/affinity 0: expected/);
    await expect(create({ select: 'a b' })).rejects.toThrow(/select "a b": expected/);
    await expect(h1.naming.updateService('app', 'web', {})).rejects.toThrow(/network app has no service web/);
    await expect(h1.naming.removeService('app', 'web')).rejects.toThrow(NotFound);
    await create({});
    await expect(create({})).rejects.toThrow(AlreadyExists);
    expect(serviceLeases(h1)).toHaveLength(1);
  });

  test('what endpoints declare is theirs to say', async () => {
    await h2.run({ name: 'a', networkId: NET, labels: WEB });
    await service(h1);
    await until('told', () => [...h1.view.names('app')].length === 1);
    await expect(h1.naming.createService({ network: 'app', name: 'web' })).rejects.toThrow(
      /service web exists already: declared by a on h2/,
    );
    await expect(h1.naming.updateService('app', 'web', { ports: [] })).rejects.toThrow(
      /ports of service web cannot/,
    );
    await expect(h1.naming.removeService('app', 'web')).rejects.toThrow(Conflict);
    await expect(h1.naming.removeService('app', 'web')).rejects.toThrow(/declared by a on h2: stop those/);
    expect(await h1.naming.updateService('app', 'web', { weights: { a: 0 } })).toMatchObject({
      ports: [{ port: 80 }],
    });
    expect(states(h1, await service(h1))).toEqual(['h2 0 draining']);
  });
});

test('a service whose host dies is looked after by another', async () => {
  await both();
  await h1.run({ name: 'a', networkId: NET, labels: WEB });
  const { vip4 } = await service(h2);
  cluster.setDead('h1', true);
  await h1.stop();
  await until('unused', () => h2.view.service('app', 'web')?.unusedSince !== undefined);
  await h2.run({ name: 'b', networkId: NET, labels: WEB });
  await until('used', () => h2.view.service('app', 'web')?.unusedSince === undefined);
  expect(h2.view.service('app', 'web')?.vip4).toBe(vip4);
  expect(states(h2, await service(h2))).toEqual(['h2 1 ready']);
});
