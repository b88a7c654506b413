import { beforeEach, describe, expect, test } from 'vitest';
import type { DriverName } from '../../core/model.ts';
import {
  aNetworkRequest,
  anAttachment,
  anEndpointRequest,
  aSubnet,
  OTHER_NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { DEAD_SANDBOX, type HostWorld, LIVE_SANDBOX, startWorld } from '../../test/fakes/host-world.ts';

const MACVLAN: DriverName = 'weft-macvlan';
const NET = aNetworkRequest().id;
const EP = anEndpointRequest().id;
const OTHER = { id: OTHER_NETWORK_ID, ipv4: [aSubnet('10.81.0.0/24')] };

let world: HostWorld;

beforeEach(async () => {
  world = await startWorld();
  world.kernel.setLink('eth0', { up: true });
});

function create(options: Record<string, string>, change: Parameters<typeof aNetworkRequest>[0] = {}) {
  return world.backend.createNetwork(MACVLAN, aNetworkRequest({ ...change, options }));
}

/** Joins, and lets Docker move the link. */
async function join(sandboxKey: string = LIVE_SANDBOX): Promise<string> {
  await world.backend.createEndpoint(MACVLAN, anEndpointRequest());
  const { link } = await world.backend.join(MACVLAN, {
    networkId: NET,
    endpointId: EP,
    ...anAttachment(),
    sandboxKey: sandboxKey as never,
  });
  const name = link?.sourceName ?? '';
  world.kernel.moveLink(name);
  world.kernel.sandboxes.add(LIVE_SANDBOX);
  return name;
}

const pass = () => world.reconciler.pass('test');

describe('a network on a LAN', () => {
  test('makes the container’s link on the parent, which is left alone in its sandbox', async () => {
    await create({ parent: 'eth0' });
    const name = await join();
    expect(world.kernel.link(name)).toMatchObject({ kind: 'macvlan', child: { parent: 'eth0' }, away: true });
    expect(await pass()).toEqual({ again: false, repairs: 0 });
    await world.backend.deleteEndpoint(MACVLAN, NET, EP);
    await world.backend.deleteNetwork(MACVLAN, NET);
    expect(world.kernel.link('eth0')).toBeDefined();
  });

  test('that has room for one container has one, until its sandbox has ended', async () => {
    await create({ parent: 'eth0', macvlan_mode: 'passthru' });
    await join();
    const second = anEndpointRequest({ id: 'd4'.repeat(32), ipv4: '10.80.0.3/24' });
    await world.backend.createEndpoint(MACVLAN, second);
    const joinSecond = () =>
      world.backend.join(MACVLAN, { networkId: NET, endpointId: second.id, ...anAttachment() });
    await expect(joinSecond()).rejects.toThrow(
      /network a1a1a1a1a1a1 with macvlan_mode=passthru has one container at a time: endpoint \w{12} is in sandbox /,
    );
    await world.backend.leave(MACVLAN, NET, EP);
    expect(await joinSecond()).toMatchObject({ link: { sourceName: expect.stringMatching(/^wl-/) } });
  });

  test('that has room for one container gives it when Docker has lost one without a word', async () => {
    await create({ parent: 'eth0', macvlan_mode: 'passthru' });
    await join(DEAD_SANDBOX);
    const second = anEndpointRequest({ id: 'd4'.repeat(32), ipv4: '10.80.0.3/24' });
    await world.backend.createEndpoint(MACVLAN, second);
    const endpoint = { networkId: NET, endpointId: second.id, ...anAttachment() };
    expect(await world.backend.join(MACVLAN, endpoint)).toHaveProperty('link');
    expect(world.repository.endpoint(EP)).toBeUndefined();
  });

  test('without its parent waits, and is made again with it', async () => {
    await create({ parent: 'eth0' });
    const name = await join();
    world.kernel.removeLink('eth0');
    expect(world.kernel.link(name)).toBeUndefined();
    expect(await pass()).toMatchObject({ again: false, repairs: 0 });
    world.kernel.setLink('eth0', { up: true });
    expect(await pass()).toMatchObject({ repairs: 1 });
    expect(world.kernel.link(name)).toMatchObject({ away: true, child: { parent: 'eth0' } });
    expect(world.kernel.replumbed).toMatchObject([{ prefix: 'eth', addresses: [{ ip: '10.80.0.2' }] }]);
  });

  test('does not bring back the link of a sandbox that is gone', async () => {
    await create({ parent: 'eth0' });
    const name = await join(DEAD_SANDBOX);
    world.kernel.removeLink(name);
    expect(await pass()).toMatchObject({ again: false, repairs: 0 });
  });

  test('a repeated Join takes the link out of the sandbox again', async () => {
    await create({ parent: 'eth0' });
    const name = await join();
    const attachment = { ...anAttachment(), sandboxKey: LIVE_SANDBOX as never };
    await world.backend.join(MACVLAN, { networkId: NET, endpointId: EP, ...attachment });
    expect(world.kernel.link(name)).not.toHaveProperty('away');
  });

  test('is Docker’s to move back at Leave, and nobody’s once its container has ended', async () => {
    await create({ parent: 'eth0' });
    const name = await join();
    await world.backend.leave(MACVLAN, NET, EP);
    expect(world.kernel.link(name)).toMatchObject({ away: true });
    await world.backend.join(MACVLAN, { networkId: NET, endpointId: EP, ...anAttachment() });
    world.kernel.moveLink(name);
    world.kernel.ended.add(anAttachment().sandboxKey);
    await world.backend.leave(MACVLAN, NET, EP);
    expect(world.kernel.link(name)).toBeUndefined();
  });

  test('has the host’s routes from Join to Leave, and they are repaired', async () => {
    await create({ parent: 'eth0', 'weft.host_access': 'true' });
    await join();
    const route = 'route wh-gsipqbabrb 10.80.0.2/32';
    expect(world.kernel.keys()).toContain(route);
    const object = world.kernel.objects().find(({ kind }) => kind === 'route');
    if (object === undefined) throw new Error('no route');
    world.kernel.tamper([{ op: 'delete', object }]);
    expect(await pass()).toMatchObject({ repairs: 1 });
    expect(world.kernel.keys()).toContain(route);
    await world.backend.leave(MACVLAN, NET, EP);
    expect(world.kernel.keys()).not.toContain(route);
  });
});

describe('a VLAN sub-interface', () => {
  test('is shared, and goes with the last network', async () => {
    await create({ parent: 'eth0.5' });
    await create({ parent: 'eth0.5' }, OTHER);
    expect(world.kernel.link('eth0.5')).toMatchObject({ kind: 'vlan', alias: 'weft:vlan', up: true });
    await world.backend.deleteNetwork(MACVLAN, OTHER.id as never);
    await world.kernel.discarded();
    expect(await pass()).toEqual({ again: false, repairs: 0 });
    world.kernel.removeLink('eth0.5');
    expect(await pass()).toMatchObject({ repairs: 1 });
    await world.backend.deleteNetwork(MACVLAN, NET);
    await world.kernel.discarded();
    expect(world.kernel.link('eth0.5')).toBeUndefined();
    expect(await pass()).toEqual({ again: false, repairs: 0 });
  });

  test('of somebody else’s is used and stays', async () => {
    world.kernel.setLink('eth0.5', { kind: 'vlan', up: true });
    await create({ parent: 'eth0.5' });
    await world.backend.deleteNetwork(MACVLAN, NET);
    await world.kernel.discarded();
    expect(world.kernel.link('eth0.5')).toMatchObject({ alias: '' });
  });

  test('waits for its device', async () => {
    await create({ parent: 'eth0.5' });
    world.kernel.removeLink('eth0');
    await pass();
    expect(world.kernel.link('eth0.5')).toBeUndefined();
    world.kernel.setLink('eth0', { up: true });
    expect(await pass()).toMatchObject({ again: false, repairs: 1 });
  });
});

describe('MACs', () => {
  test('are told where weft chooses them', async () => {
    await create({ parent: 'eth0' });
    const { mac } = await world.backend.createEndpoint(MACVLAN, anEndpointRequest());
    expect(world.repository.endpoint(EP)?.mac).toBe(mac);
    expect(await world.backend.createEndpoint(MACVLAN, anEndpointRequest())).toEqual({ mac });
  });

  test('are not told of links that have their parent’s', async () => {
    await create({ parent: 'eth0', macvlan_mode: 'passthru' });
    expect(await world.backend.createEndpoint(MACVLAN, anEndpointRequest())).toEqual({});
  });
});
