import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { Entry } from '../../core/ports.ts';
import { IpamHost } from '../../test/fakes/ipam-host.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { SharedWorld } from '../../test/fakes/shared-world.ts';
import { VirtualClock } from '../../test/fakes/virtual-clock.ts';
import { NO_BLOCK, withOwner } from './block-record.ts';
import { Doubts } from './doubts.ts';

const CIDR = '10.1.0.0/24';
const POOL = `WeftLocal/${CIDR}`;

async function twoHosts() {
  const clock = new VirtualClock();
  const world = new SharedWorld(clock);
  const [a, b] = ['a', 'b'].map((name) => new IpamHost(name, world, () => true));
  if (a === undefined || b === undefined) return expect.fail();
  for (const host of [a, b]) {
    await host.start();
    await host.join(CIDR, 'app', ['10.1.0.1']);
    await clock.advance(50);
  }
  return { clock, world, a, b };
}

/** Starts a host again that cannot reach the store and whose copy shows an older state. */
async function comeBackAlone(host: IpamHost, copy: ReadonlyMap<string, Entry>): Promise<void> {
  host.kill(copy);
  await host.start();
  host.link.cut();
}

async function everyAddress(clock: VirtualClock, host: IpamHost): Promise<readonly Ip[]> {
  const given: Ip[] = [];
  for (;;) {
    try {
      given.push(await clock.until(host.ask(POOL)));
    } catch {
      return given;
    }
  }
}

test('an address given to another host is not given again after a kill, by an old copy and without the store', async () => {
  const { clock, world, a, b } = await twoHosts();
  const held = await clock.until(a.ask(POOL));
  const single = held.replace(/\d+$/, (last) => String(Number(last) + 2));
  const before = world.snapshot();
  await clock.until(b.ask(POOL, single));
  await comeBackAlone(a, before);
  const given = await everyAddress(clock, a);
  expect(given.length).toBeGreaterThan(8);
  expect(given).not.toContain(single);
});

test('a block given back is not used after a kill, by an old copy and without the store', async () => {
  const { clock, world, a } = await twoHosts();
  const given = await Promise.all(Array.from({ length: 14 }, () => a.ask(POOL)));
  await clock.advance(100);
  const blocks = a.view(CIDR).blocks.map(({ cidr }) => cidr);
  expect(blocks.length).toBe(2);
  for (const ip of given) await a.free(POOL, ip);
  const before = world.snapshot();
  await clock.advance(150_000);
  const [kept] = a.view(CIDR).blocks.map(({ cidr }) => cidr);
  expect(a.view(CIDR).blocks.length).toBe(1);
  await comeBackAlone(a, before);
  expect(a.view(CIDR).blocks.map(({ cidr }) => cidr)).toEqual([kept]);
  a.link.heal();
  await clock.advance(100);
  expect(a.view(CIDR).blocks.map(({ cidr }) => cidr)).toEqual([kept]);
});

test('a block whose return was refused after all is used again', async () => {
  const { clock, a } = await twoHosts();
  await Promise.all(Array.from({ length: 14 }, () => a.ask(POOL)).map(async (ip) => a.free(POOL, await ip)));
  await clock.advance(89_000);
  a.link.cut();
  await clock.advance(10_000);
  expect(a.view(CIDR).blocks.length).toBe(1);
  a.link.heal();
  await clock.advance(10_000);
  expect(a.view(CIDR)).toMatchObject({ blocks: [{}], others: [{ node: 'b', blocks: 1 }], unowned: 14 });
});

test('an address whose granting is made long after the store seemed away is not given meanwhile', async () => {
  const { clock, a, b } = await twoHosts();
  const held = await clock.until(a.ask(POOL));
  const single = held.replace(/\d+$/, (last) => String(Number(last) + 2));
  a.link.next('made late');
  const asked = b.ask(POOL, single);
  await clock.advance(20);
  const given = await everyAddress(clock, a);
  expect(given).not.toContain(single);
  expect(await clock.until(asked)).toBe(single);
});

test('notes are forgotten when they were settled long ago, not before', async () => {
  const store = new MemoryStore();
  const doubts = await Doubts.load(store, expect.fail);
  const record = withOwner(NO_BLOCK, 'b');
  await doubts.add('block/app/x', { base: 5n, record }, 5n, 0);
  expect(doubts.about('block/app/x', 5n)).toEqual([record]);
  expect(doubts.about('block/app/x', 6n)).toEqual([]);
  await doubts.prune(599_999, () => 6n);
  await doubts.prune(700_000, () => 5n);
  expect((await Doubts.load(store, expect.fail)).about('block/app/x', 4n)).toEqual([record]);
  await doubts.prune(700_000, () => 6n);
  expect((await store.list('')).entries).toEqual([]);
});

test('a note that cannot be read is reported', async () => {
  const store = new MemoryStore();
  await store.commit({ put: [{ key: 'undecided/block/app/x', value: new TextEncoder().encode('{') }] });
  const reported: string[] = [];
  await Doubts.load(store, (key) => reported.push(key));
  expect(reported).toEqual(['undecided/block/app/x']);
});

test('nothing is offered when the note cannot be written', async () => {
  const store = new MemoryStore();
  const doubts = await Doubts.load(store, expect.fail);
  store.failCommits(new Error('disk full'));
  await expect(doubts.add('block/app/x', { base: 5n, record: NO_BLOCK }, 5n, 0)).rejects.toThrow('disk full');
  expect(doubts.about('block/app/x', 5n)).toEqual([]);
});
