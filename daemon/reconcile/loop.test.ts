import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { type Mac, parseNetworkId } from '../../core/ids.ts';
import {
  type BridgeLink,
  type KernelObject,
  keyOf,
  type NeighbourObject,
  type VxlanLink,
} from '../../core/kernel-objects.ts';
import { linkName } from '../../core/names.ts';
import { bridgeDriver } from '../../drivers/bridge/index.ts';
import { aNetworkRequest, NETWORK_ID } from '../../test/fakes/builders.ts';
import { type HostWorld, startWorld } from '../../test/fakes/host-world.ts';
import { ReconcileLoop } from './loop.ts';

const TIMES = { gatherMs: 100, everyMs: 30_000, lookMs: 1000, againMs: 200 };
const NET = parseNetworkId(NETWORK_ID);
const WB = linkName('wb', NET);
const WX = linkName('wx', NET);
const vxlan: VxlanLink = {
  kind: 'link',
  type: 'vxlan',
  name: WX,
  vni: 42,
  local: '192.0.2.1' as Ip,
  port: 4789,
  alias: 'weft:n',
  master: WB,
  flood: false,
};

let world: HostWorld;
let loop: ReconcileLoop;
let silent: string[];
let wanted: BridgeLink;
let entries: Map<string, KernelObject>;
beforeEach(async () => {
  vi.useFakeTimers();
  world = await startWorld();
  await world.backend.createNetwork('weft-bridge', aNetworkRequest());
  const planned = [...world.repository.networks()].flatMap(bridgeDriver.planNetwork as never);
  wanted = planned[0] as BridgeLink;
  silent = [];
  entries = new Map();
  world.kernel.snapshots.length = 0;
  loop = new ReconcileLoop({
    reconciler: world.reconciler,
    kernel: world.kernel,
    concerns: (dev) => dev.startsWith('w'),
    wanted: (dev) => (dev === WB ? wanted : dev === WX ? vxlan : undefined),
    wantedObject: (key) => entries.get(key),
    standingOn: () => [],
    silent: async () => silent.splice(0),
    log: pino({ level: 'silent' }),
    times: TIMES,
  });
});
afterEach(async () => {
  await loop[Symbol.asyncDispose]();
  vi.useRealTimers();
});

/** Passes so far: `whole`, or the links looked at. */
function passes(): readonly string[] {
  return world.kernel.snapshots.map((only) => (only === undefined ? 'whole' : [...only].sort().join(' ')));
}

const elapse = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('notifications', () => {
  test('are gathered into one pass over the links they name', async () => {
    world.kernel.hint({ source: 'address', dev: WB });
    await elapse(60);
    world.kernel.hint({ source: 'address', dev: 'wv-a' });
    world.kernel.hint({ source: 'address', dev: WB });
    expect(passes()).toEqual([]);
    await elapse(40);
    expect(passes()).toEqual([`${WB} wv-a`]);
    await elapse(1000);
    expect(passes()).toHaveLength(1);
  });

  test('about links of others, neighbours and routes lead to nothing', async () => {
    world.kernel.hint({ source: 'link', dev: 'eth0' });
    world.kernel.hint({ source: 'neighbour', dev: WB });
    world.kernel.hint({ source: 'route', dev: WB });
    await elapse(1000);
    expect(passes()).toEqual([]);
  });

  test.each(['nft', 'overrun', 'netconf'] as const)('of %s lead to a whole pass', async (source) => {
    world.kernel.hint({ source });
    world.kernel.hint({ source: 'link', dev: WB });
    await elapse(100);
    expect(passes()).toEqual(['whole']);
  });

  test('that show a link as wanted cost no pass, and those that show another do', async () => {
    world.kernel.hint({ source: 'link', dev: WB, link: wanted });
    await elapse(1000);
    expect(passes()).toEqual([]);
    world.kernel.hint({ source: 'link', dev: WB, link: { ...wanted, down: true } });
    await elapse(100);
    expect(passes()).toEqual([WB]);
  });

  test('that show a link as wanted again take a look at it back', async () => {
    world.kernel.hint({ source: 'link', dev: WB, link: { ...wanted, down: true } });
    world.kernel.hint({ source: 'link', dev: WB, link: wanted });
    await elapse(1000);
    expect(passes()).toEqual([]);
  });

  test('that show a link as wanted do not hide that its addresses changed', async () => {
    world.kernel.hint({ source: 'address', dev: WB });
    world.kernel.hint({ source: 'link', dev: WB, link: wanted });
    await elapse(100);
    expect(passes()).toEqual([WB]);
  });

  test('of a link that is gone matter when it is wanted', async () => {
    world.kernel.hint({ source: 'link', dev: 'wv-a', gone: true });
    await elapse(1000);
    expect(passes()).toEqual([]);
    world.kernel.hint({ source: 'link', dev: WB, gone: true });
    await elapse(100);
    expect(passes()).toEqual([WB]);
  });

  test('lead to the repair', async () => {
    world.kernel.setLink(WB, { up: false });
    world.kernel.hint({ source: 'link', dev: WB });
    await elapse(100);
    expect(world.kernel.link(WB)?.up).toBe(true);
    expect(world.drift.totals()).toEqual(
      expect.arrayContaining([{ kind: 'link', cause: 'notification', count: 1 }]),
    );
  });
});

describe('notifications of the tunnel port', () => {
  const port = { isolated: false, hairpin: false };

  test('cost no pass while its settings are as wanted', async () => {
    world.kernel.hint({ source: 'link', dev: WX, port: { ...port, flood: false } });
    world.kernel.hint({ source: 'netconf', dev: WX });
    await elapse(1000);
    expect(passes()).toEqual([]);
  });

  test.each([
    ['floods', { ...port, flood: true }],
    ['has other settings', port],
  ])('lead to a pass when it %s', async (_what, other) => {
    world.kernel.hint({ source: 'link', dev: WX, port: other });
    await elapse(100);
    expect(passes()).toEqual([WX]);
  });
});

describe('notifications of entries', () => {
  const neighbour: NeighbourObject = {
    kind: 'neighbour',
    dev: WB,
    ip: '10.80.0.9' as Ip,
    mac: '02:00:00:00:00:09' as Mac,
  };
  const fdb = { kind: 'fdb', dev: WX, mac: neighbour.mac, destination: '192.0.2.2' as Ip } as const;
  const want = (...objects: KernelObject[]) => objects.map((object) => entries.set(keyOf(object), object));
  const tell = (entry: NeighbourObject | typeof fdb, gone?: true) =>
    world.kernel.hint({ source: 'neighbour', dev: entry.dev, entry, ...(gone ? { gone } : {}) });

  test('that are as wanted, and that go because nobody wants them, cost no pass', async () => {
    want(neighbour, fdb);
    tell(neighbour);
    tell(fdb);
    tell({ ...neighbour, ip: '10.80.0.10' as Ip }, true);
    await elapse(1000);
    expect(passes()).toEqual([]);
  });

  test.each([
    ['is gone', [neighbour], neighbour, true, WB],
    ['has another MAC', [{ ...neighbour, mac: '02:00:00:00:00:0a' as Mac }], neighbour, undefined, WB],
    ['leads to another host', [{ ...fdb, destination: '192.0.2.3' as Ip }], fdb, undefined, WX],
    ['is nobody’s', [], fdb, undefined, WX],
  ] as const)('lead to a pass over its link when one %s', async (_what, wants, entry, gone, dev) => {
    want(...wants);
    tell(entry, gone);
    tell(entry, gone);
    await elapse(100);
    expect(passes()).toEqual([dev]);
  });

  test('count as they are when the pass is due', async () => {
    want(neighbour);
    tell(neighbour, true);
    tell(neighbour);
    tell(fdb);
    want(fdb);
    await elapse(1000);
    expect(passes()).toEqual([]);
  });

  test('on links of others lead to nothing', async () => {
    tell({ ...neighbour, dev: 'eth0' as never });
    await elapse(1000);
    expect(passes()).toEqual([]);
  });

  test('in thousands lead to one pass', async () => {
    for (let i = 0; i < 5000; i++) {
      const one = { ...neighbour, ip: `10.80.${i >> 8}.${i & 255}` as Ip };
      want(one);
      tell(one, true);
    }
    await elapse(1000);
    expect(passes()).toEqual([WB]);
  });
});

describe('time', () => {
  test('brings a whole pass at least every half a minute', async () => {
    expect(loop.lastWholePass).toBeUndefined();
    await elapse(30_000);
    expect(passes()).toEqual(['whole']);
    expect(loop.lastWholePass).toMatchObject({ at: Date.now(), repairs: 0 });
    await elapse(60_000);
    expect(passes()).toEqual(['whole', 'whole', 'whole']);
  });

  test('brings it also when notifications about single links never end', async () => {
    for (let second = 0; second < 65; second++) {
      world.kernel.hint({ source: 'address', dev: WB });
      await elapse(1000);
    }
    expect(passes().filter((pass) => pass === 'whole')).toHaveLength(2);
  });

  test('brings a look at settings that the kernel does not tell of', async () => {
    silent.push(WB);
    await elapse(1001);
    expect(passes()).toEqual([WB]);
  });
});

describe('a pass that could not repair everything', () => {
  test('is repeated, each time after twice as long, until it can', async () => {
    world.kernel.setLink(WB, { up: false });
    world.kernel.refuse(() => true);
    loop.request('test');
    const seen: number[] = [];
    for (const wait of [100, 200, 400, 800]) {
      await elapse(wait);
      seen.push(passes().length);
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    world.kernel.refuse(() => false);
    await elapse(1600);
    expect(passes()).toHaveLength(5);
    await elapse(20_000);
    expect(passes()).toHaveLength(5);
  });

  test('is repeated over the same links only', async () => {
    world.kernel.setLink(WB, { up: false });
    world.kernel.refuse(() => true);
    world.kernel.hint({ source: 'link', dev: WB });
    await elapse(100);
    world.kernel.refuse(() => false);
    await elapse(200);
    expect(passes()).toEqual([WB, WB]);
    expect(world.kernel.link(WB)?.up).toBe(true);
  });
});

describe('disposal', () => {
  test('ends everything: no pass follows', async () => {
    loop.request('test');
    await loop[Symbol.asyncDispose]();
    world.kernel.hint({ source: 'nft' });
    loop.request('test');
    await elapse(120_000);
    expect(passes()).toEqual([]);
  });
});
