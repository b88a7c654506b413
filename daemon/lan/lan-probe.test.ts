import { beforeEach, describe, expect, test } from 'vitest';
import type { Cidr, Ip } from '../../core/address.ts';
import { Conflict } from '../../core/errors.ts';
import { type Mac, parseEndpointId, parseNetworkId, parseSandboxKey } from '../../core/ids.ts';
import {
  aNetworkRequest,
  anEndpointRequest,
  aSubnet,
  ENDPOINT_ID,
  NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel.ts';
import { type HostWorld, LIVE_SANDBOX, startWorld } from '../../test/fakes/host-world.ts';
import { driversWithLan } from '../../test/fakes/lan-driver.ts';

const DRIVER = 'weft-macvlan';
const THEIRS = '02:00:00:00:00:99' as Mac;
const SUBNET = { ...aSubnet('10.80.0.0/24', '10.80.0.1/24'), aux: { printer: '10.80.0.9' as Ip } };
const NETWORK = aNetworkRequest({ ipv4: [SUBNET], ipv6: [aSubnet('fd80::/64')] });
const NET = parseNetworkId(NETWORK_ID);
const EP = parseEndpointId(ENDPOINT_ID);

let world: HostWorld;
async function start(given: readonly string[] = []): Promise<void> {
  const kernel = new FakeKernel();
  kernel.setLink('eth0', {});
  world = await startWorld({ kernel, drivers: driversWithLan('eth0'), given });
}
beforeEach(() => start());

const create = (ipv4: string, ipv6 = '') =>
  world.backend.createEndpoint(DRIVER, anEndpointRequest({ ipv4, ipv6 }));
const probed = () => world.kernel.probed.map(({ dev, ip }) => `${dev} ${ip}`);

describe('an address that Docker’s IPAM gives', () => {
  beforeEach(() => world.backend.createNetwork(DRIVER, NETWORK));

  test('is asked for on the LAN, once', async () => {
    await create('10.80.0.5/24', 'fd80::5/64');
    await create('10.80.0.5/24', 'fd80::5/64');
    expect(probed()).toEqual(['eth0 10.80.0.5', 'eth0 fd80::5']);
    expect(world.conflicts).toEqual([]);
  });

  test.each([
    ['10.80.0.5', '10.80.0.5/24', 'fd80::5/64'],
    ['fd80::5', '10.80.0.5/24', 'fd80::5/64'],
  ])('is refused when somebody has it, naming them, and nothing is stored: %s', async (taken, ipv4, ipv6) => {
    world.kernel.neighbours.set(taken as Ip, { mac: THEIRS });
    const before = await world.stored();
    const refused = create(ipv4, ipv6);
    await expect(refused).rejects.toThrow(Conflict);
    await expect(refused).rejects.toThrow(`address ${taken} is in use on the LAN of eth0 by ${THEIRS};`);
    expect(await world.stored()).toBe(before);
    expect(world.conflicts).toMatchObject([{ ip: taken, dev: 'eth0', kind: 'endpoint' }]);
    world.kernel.neighbours.clear();
    await create(ipv4, ipv6);
  });

  test('may be this host’s own, which is said', async () => {
    world.kernel.neighbours.set('10.80.0.5' as Ip, { mac: THEIRS, dev: 'eth1' });
    await expect(create('10.80.0.5/24')).rejects.toThrow(`by ${THEIRS}, this host’s eth1;`);
  });

  test.each(['10.80.0.1/24', '10.80.0.9/24'])(
    'is not asked for where it is others’ on purpose: %s',
    async (ip) => {
      await create(ip);
      expect(probed()).toEqual([]);
    },
  );

  test('is given when the LAN cannot be asked', async () => {
    world.kernel.removeLink('eth0');
    await create('10.80.0.5/24');
    expect(probed()).toEqual(['eth0 10.80.0.5']);
  });
});

test('where weft’s IPAM gives the addresses it has asked already', async () => {
  await start(['10.80.0.0/24']);
  await world.backend.createNetwork(DRIVER, NETWORK);
  await create('10.80.0.5/24');
  expect(probed()).toEqual([]);
});

test.each([
  ['an internal network', DRIVER, { ...NETWORK, internal: true }],
  ['a bridge', 'weft-bridge', aNetworkRequest()],
] as const)('%s is on no LAN', async (_, driver, network) => {
  await world.backend.createNetwork(driver, network);
  await world.backend.createEndpoint(driver, anEndpointRequest());
  expect(probed()).toEqual([]);
});

test('two that start at once do not wait for each other’s probes', async () => {
  let waiting = 0;
  const { promise: both, resolve } = Promise.withResolvers<void>();
  const kernel = new FakeKernel(async () => {
    if (kernel.probed.length === 0) return;
    if (++waiting === 2) resolve();
    await both;
  });
  kernel.setLink('eth0', {});
  world = await startWorld({ kernel, drivers: driversWithLan('eth0') });
  await world.backend.createNetwork(DRIVER, NETWORK);
  const other = anEndpointRequest({ id: 'd4'.repeat(32), ipv4: '10.80.0.6/24' });
  await Promise.all([create('10.80.0.5/24'), world.backend.createEndpoint(DRIVER, other)]);
  expect(waiting).toBe(2);
});

test('a join is announced from inside the sandbox, once the address is there, as often as the network wants', async () => {
  const sandboxKey = parseSandboxKey(LIVE_SANDBOX);
  await world.backend.createNetwork(DRIVER, NETWORK);
  await create('10.80.0.5/24', 'fd80::5/64');
  await world.backend.join(DRIVER, { networkId: NET, endpointId: EP, sandboxKey, mappings: [], exposed: [] });
  expect(world.kernel.announcedInside).toEqual([]);
  world.kernel.sandboxes.add(LIVE_SANDBOX);
  await expect.poll(() => world.kernel.announcedInside.length).toBe(4);
  const told = world.kernel.announcedInside.map(({ ip }) => ip);
  expect([...told].sort()).toEqual(['10.80.0.5', '10.80.0.5', 'fd80::5', 'fd80::5']);
  expect(world.kernel.announced).toEqual([]);
});

test('a join that has ended is no longer announced', async () => {
  const sandboxKey = parseSandboxKey(LIVE_SANDBOX);
  await world.backend.createNetwork(DRIVER, NETWORK);
  await create('10.80.0.5/24');
  await world.backend.join(DRIVER, { networkId: NET, endpointId: EP, sandboxKey, mappings: [], exposed: [] });
  await world.backend.leave(DRIVER, NET, EP);
  world.kernel.sandboxes.add(LIVE_SANDBOX);
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(world.kernel.announcedInside).toEqual([]);
});

describe('for weft’s IPAM', () => {
  const question = { space: 'WeftLocal', pool: '10.80.0.0/24' as Cidr, ip: '10.80.0.5' as Ip } as const;

  test('a network is found by its subnet, in Docker’s local space', async () => {
    await world.backend.createNetwork(DRIVER, NETWORK);
    world.kernel.neighbours.set('10.80.0.5' as Ip, { mac: THEIRS });
    expect(await world.lan.holderOfPooled({ ...question, kind: 'endpoint' })).toEqual({ mac: THEIRS });
    expect(await world.lan.holderOfPooled({ ...question, kind: 'service' })).toEqual({ mac: THEIRS });
    const elsewhere = [{ space: 'WeftGlobal' }, { pool: '10.81.0.0/24' as Cidr }];
    for (const change of elsewhere)
      expect(await world.lan.holderOfPooled({ ...question, kind: 'endpoint', ...change })).toBeUndefined();
    expect(probed()).toEqual(['eth0 10.80.0.5', 'eth0 10.80.0.5']);
    expect(world.conflicts.map(({ kind }) => kind)).toEqual(['endpoint', 'service']);
  });
});
