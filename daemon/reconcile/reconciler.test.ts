import { beforeEach, describe, expect, test } from 'vitest';
import { creations } from '../../core/diff.ts';
import { parseEndpointId, parseNetworkId, parseSandboxKey } from '../../core/ids.ts';
import { linkName } from '../../core/names.ts';
import { BRIDGE } from '../../test/contract/kernel-objects.ts';
import {
  aMapping,
  aNetworkRequest,
  anEndpointRequest,
  ENDPOINT_ID,
  NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { type HostWorld, LIVE_SANDBOX, startWorld } from '../../test/fakes/host-world.ts';

const DRIVER = 'weft-bridge';
const NET = parseNetworkId(NETWORK_ID);
const EP = parseEndpointId(ENDPOINT_ID);
const VETH = linkName('wv', EP);
const WB = linkName('wb', NET);
const STRAY = BRIDGE.name;

let world: HostWorld;
let whole: string;
beforeEach(async () => {
  world = await startWorld();
  await world.backend.createNetwork(DRIVER, aNetworkRequest());
  await world.backend.createEndpoint(DRIVER, anEndpointRequest());
  await world.backend.join(DRIVER, {
    networkId: NET,
    endpointId: EP,
    sandboxKey: parseSandboxKey(LIVE_SANDBOX),
    mappings: [aMapping('8080:80/tcp')],
    exposed: [],
  });
  world.kernel.movePeer(linkName('wc', EP));
  world.kernel.sandboxes.add(LIVE_SANDBOX);
  await world.backend.programExternal(DRIVER, NET, EP, { mappings: [], exposed: [] });
  whole = world.kernel.render();
});

describe('a pass', () => {
  test('over a host that is as intended does nothing', async () => {
    world.kernel.applied.length = 0;
    expect(await world.reconciler.pass('timer')).toEqual({ again: false, repairs: 0 });
    expect(world.kernel.applied).toEqual([]);
  });

  test.each([
    ['a deleted bridge with its addresses and ports', () => world.kernel.removeLink(WB)],
    ['a bridge set down', () => world.kernel.setLink(WB, { up: false })],
    ['another MTU on a bridge', () => world.kernel.setLink(WB, { mac: '02:00:00:00:00:77' as never })],
    ['a port without its bridge', () => world.kernel.setLink(VETH, { master: '' })],
    ['a port with another alias', () => world.kernel.setLink(VETH, { alias: 'x' })],
    ['a port that is isolated', () => world.kernel.setLink(VETH, { isolated: true })],
    [
      'a flushed table',
      () =>
        world.kernel.tamper([
          { op: 'delete', object: { kind: 'table', family: 'ip', name: 'weft', fingerprint: '' } },
        ]),
    ],
    [
      'forwarding switched off',
      () =>
        world.kernel.tamper([
          { op: 'create', object: { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '0' } },
        ]),
    ],
  ])('repairs %s, and then does nothing', async (_name, damage) => {
    damage();
    expect(world.kernel.render()).not.toBe(whole);
    const { repairs } = await world.reconciler.pass('notification');
    expect(repairs).toBeGreaterThan(0);
    expect(world.kernel.render()).toBe(whole);
    expect(await world.reconciler.pass('timer')).toEqual({ again: false, repairs: 0 });
    expect(world.drift.repairs().at(-1)).toMatchObject({ cause: 'notification', at: 1000 });
  });

  test('over one link leaves the others alone', async () => {
    world.kernel.setLink(WB, { up: false });
    world.kernel.setLink(VETH, { up: false });
    await world.reconciler.pass('notification', new Set([VETH]));
    expect([world.kernel.link(WB)?.up, world.kernel.link(VETH)?.up]).toEqual([false, true]);
  });

  test('gives a container its lost link back, and leaves one alone whose sandbox is gone', async () => {
    world.kernel.removeLink(VETH);
    expect(await world.reconciler.pass('notification')).toMatchObject({ again: false });
    expect(world.kernel.replumbed.map(({ namespace }) => namespace)).toEqual([LIVE_SANDBOX]);
    expect(world.kernel.replumbed[0]).toMatchObject({ gateway: '10.80.0.1', prefix: 'eth' });
    expect(world.kernel.render()).toBe(whole);
    world.kernel.sandboxes.clear();
    world.kernel.removeLink(VETH);
    expect(await world.reconciler.pass('notification')).toEqual({ again: false, repairs: 0 });
  });

  test('that is refused one repair makes the others, and wants another pass', async () => {
    world.kernel.removeLink(WB);
    world.kernel.tamper([
      { op: 'create', object: { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '0' } },
    ]);
    world.kernel.refuse(({ object }) => object.kind === 'sysctl');
    expect(await world.reconciler.pass('notification')).toMatchObject({ again: true });
    expect(world.kernel.link(WB)?.up).toBe(true);
    world.kernel.refuse(() => false);
    await world.reconciler.pass('timer');
    expect(world.kernel.render()).toBe(whole);
  });

  test('that is refused a lost link wants another pass', async () => {
    world.kernel.removeLink(WB);
    world.kernel.removeLink(VETH);
    world.kernel.refuse(({ object }) => object.kind === 'link');
    expect(await world.reconciler.pass('notification')).toMatchObject({ again: true });
    world.kernel.refuse(() => false);
    await world.reconciler.pass('timer');
    expect(world.kernel.render()).toBe(whole);
  });
});

describe('what nobody wants', () => {
  beforeEach(() => world.kernel.tamper(creations([BRIDGE])));

  test('is deleted at the second sighting', async () => {
    expect(await world.reconciler.pass('timer')).toEqual({ again: true, repairs: 0 });
    expect(world.kernel.link(STRAY)).toBeDefined();
    expect(await world.reconciler.pass('timer')).toEqual({ again: false, repairs: 1 });
    expect(world.kernel.render()).toBe(whole);
    expect(world.drift.repairs().at(-1)).toMatchObject({ key: `link ${STRAY}`, action: 'deleted' });
  });

  test('is deleted at once at the start', async () => {
    await world.reconciler.pass('start');
    expect(world.kernel.render()).toBe(whole);
  });

  test('stays until Docker has been heard', async () => {
    world.docker.heard = false;
    await world.reconciler.pass('start');
    await world.reconciler.pass('timer');
    await world.reconciler.pass('timer');
    expect(world.kernel.link(STRAY)).toBeDefined();
    world.docker.heard = true;
    await world.reconciler.pass('timer');
    expect(world.kernel.link(STRAY)).toBeUndefined();
  });

  test('does not count links of the host', async () => {
    world.kernel.setLink('eth0', {});
    world.kernel.setLink('br0', { kind: 'bridge' });
    await world.reconciler.pass('start');
    expect(world.kernel.link('eth0')).toBeDefined();
    expect(world.kernel.link('br0')).toBeDefined();
  });
});

describe('what is being changed', () => {
  test('is not touched while it is in flight, nor if it changed during the snapshot', async () => {
    const change = Promise.withResolvers<void>();
    const during = world.repository.during(EP, () => change.promise);
    world.kernel.setLink(VETH, { up: false });
    world.kernel.setLink(WB, { up: false });
    expect(await world.reconciler.pass('timer')).toEqual({ again: true, repairs: 1 });
    expect([world.kernel.link(VETH)?.up, world.kernel.link(WB)?.up]).toEqual([false, true]);
    const overlapping = world.reconciler.pass('timer');
    change.resolve();
    await during;
    expect(await overlapping).toMatchObject({ again: true });
    expect(world.kernel.link(VETH)?.up).toBe(false);
    expect(await world.reconciler.pass('timer')).toEqual({ again: false, repairs: 1 });
    expect(world.kernel.render()).toBe(whole);
  });

  test('ports whose removal is on its way to the kernel are no orphans', async () => {
    const endpoint = world.repository.endpoint(EP);
    if (endpoint === undefined) throw new Error('the endpoint is gone');
    const change = Promise.withResolvers<void>();
    const during = world.repository.during(EP, async () => {
      await world.repository.putEndpoint({ ...endpoint, external: false, published: [] });
      await change.promise;
    });
    await Promise.resolve();
    for (let pass = 0; pass < 3; pass++)
      expect(await world.reconciler.pass('timer')).toMatchObject({ repairs: 0 });
    expect(world.kernel.render()).toBe(whole);
    change.resolve();
    await during;
    await world.reconciler.pass('timer');
    expect(await world.reconciler.pass('timer')).toMatchObject({ repairs: 1 });
    expect(world.kernel.render()).not.toContain('ports-any');
  });

  test('a link that Docker moves out after Leave stays until its endpoint is deleted', async () => {
    await world.backend.leave(DRIVER, NET, EP);
    for (let pass = 0; pass < 3; pass++) await world.reconciler.pass('timer');
    expect(world.kernel.link(VETH)).toBeDefined();
    await world.backend.deleteEndpoint(DRIVER, NET, EP);
    await world.kernel.discarded();
    expect(world.kernel.link(VETH)).toBeUndefined();
    expect(await world.reconciler.pass('timer')).toEqual({ again: false, repairs: 0 });
  });
});

describe('a start', () => {
  test('on a rebooted host makes everything but links into sandboxes', async () => {
    const { store } = world;
    const restarted = await startWorld({ store });
    const lines = whole.split('\n').filter((line) => !line.startsWith(`link ${VETH}`));
    expect(restarted.kernel.render().split('\n')).toEqual(lines);
    expect(restarted.ports.held()).toEqual(world.ports.held());
    expect(restarted.drift.totals().every(({ cause }) => cause === 'start')).toBe(true);
  });

  test('on a host that never stopped changes nothing', async () => {
    const { store, kernel } = world;
    kernel.applied.length = 0;
    await startWorld({ store, kernel });
    expect(kernel.applied).toEqual([]);
    expect(kernel.render()).toBe(whole);
  });
});
