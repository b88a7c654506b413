import { beforeEach, describe, expect, test } from 'vitest';
import type { Cidr, Ip } from '../core/address.ts';
import { Conflict, NotFound, Unavailable } from '../core/errors.ts';
import type { Mac } from '../core/ids.ts';
import type { AddressHolder } from '../core/ports.ts';
import { anIpam } from '../test/contract/ipam.ts';
import { MemoryStore } from '../test/fakes/memory-store.ts';
import type { AddressQuestion } from './index.ts';

const CIDR = '10.9.0.0/29' as Cidr;
const THEIRS = '02:00:00:00:00:99' as Mac;
const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' };

/** Who has which address on the LAN. */
let lan: Map<string, AddressHolder>;
let asked: AddressQuestion[];
/** Called while the LAN is asked. */
let meanwhile: (question: AddressQuestion) => Promise<void>;
let store: MemoryStore;
let ipam: Awaited<ReturnType<typeof anIpam>>;
let poolId: string;

beforeEach(async () => {
  lan = new Map();
  asked = [];
  meanwhile = async () => undefined;
  store = new MemoryStore();
  ipam = await anIpam(store, {
    holderOf: async (question) => {
      asked.push(question);
      await meanwhile(question);
      return lan.get(question.ip);
    },
  });
  poolId = (await ipam.pool(CIDR)).poolId;
});

const has = (...ips: readonly string[]): void => {
  for (const ip of ips) lan.set(ip, { mac: THEIRS });
};
const conflicts = () =>
  ipam.service.list().flatMap((pool) => pool.conflicts.map(({ ip, mac }) => `${ip} ${mac}`));
const ask = async (address?: string) => (await ipam.ask(poolId, address)).ip;

describe('an address that somebody else has', () => {
  test('is passed over, set aside and shown, over restarts', async () => {
    has('10.9.0.1', '10.9.0.2');
    expect(await ask()).toBe('10.9.0.3');
    const aside = [`10.9.0.1 ${THEIRS}`, `10.9.0.2 ${THEIRS}`];
    expect(conflicts()).toEqual(aside);
    lan.clear();
    await ipam.restart();
    expect(conflicts()).toEqual(aside);
    expect(ipam.service.list()[0]).toMatchObject({ used: 1, resting: 0 });
    expect([await ask(), await ask(), await ask()]).toEqual(['10.9.0.4', '10.9.0.5', '10.9.0.6']);
    expect(asked.map(({ ip }) => ip.slice(-1)).join('')).toBe('123456');
  });

  test('is given once it has been aside for ten minutes, and nobody has it', async () => {
    has('10.9.0.1');
    await ask();
    lan.clear();
    ipam.time.now += 600_000;
    for (const ip of ['10.9.0.3', '10.9.0.4', '10.9.0.5', '10.9.0.6', '10.9.0.1'])
      expect(await ask()).toBe(ip);
    expect(conflicts()).toEqual([]);
    expect((await store.list('lease/')).entries).toHaveLength(6);
  });

  test('is tried before that when the pool would be full, the one found first first', async () => {
    has('10.9.0.1', '10.9.0.2');
    for (const ip of ['10.9.0.3', '10.9.0.4', '10.9.0.5', '10.9.0.6']) expect(await ask()).toBe(ip);
    await ipam.restart();
    lan.delete('10.9.0.2');
    asked = [];
    expect(await ask()).toBe('10.9.0.2');
    expect(asked.map(({ ip }) => ip)).toEqual(['10.9.0.1', '10.9.0.2']);
    await expect(ask()).rejects.toThrow(
      'pool 10.9.0.0/29 is full: 5 of 6 usable addresses in use (5 endpoints, 0 gateways), 1 in use by others on the LAN, 0 resting',
    );
    expect(conflicts()).toEqual([`10.9.0.1 ${THEIRS}`]);
  });

  test('is refused when it is asked for, naming who has it, and given when nobody has it any more', async () => {
    has('10.9.0.5');
    const refused = ask('10.9.0.5');
    await expect(refused).rejects.toThrow(Conflict);
    await expect(refused).rejects.toThrow(
      `address 10.9.0.5 of pool 10.9.0.0/29 is in use on the LAN by ${THEIRS}`,
    );
    expect(conflicts()).toEqual([`10.9.0.5 ${THEIRS}`]);
    lan.clear();
    expect(await ask('10.9.0.5')).toBe('10.9.0.5');
    expect(conflicts()).toEqual([]);
    await ipam.restart();
    expect(ipam.service.list()[0]).toMatchObject({ used: 1, conflicts: [] });
  });

  test('may be this host itself', async () => {
    lan.set('10.9.0.1', { mac: THEIRS, dev: 'eth0' });
    await expect(ask('10.9.0.1')).rejects.toThrow(`by ${THEIRS}, this host’s eth0`);
    await ipam.restart();
    expect(ipam.service.list()[0]?.conflicts).toMatchObject([{ ip: '10.9.0.1', dev: 'eth0' }]);
  });

  test('is no virtual IP either', async () => {
    has('10.9.0.1');
    expect(await ipam.service.services.hold(CIDR, 'web')).toBe('10.9.0.2');
    has('10.9.0.3');
    expect(await ipam.service.services.holdThis(CIDR, '10.9.0.3' as Ip, 'api')).toBe(false);
    expect(asked.map(({ kind }) => kind)).toEqual(['service', 'service', 'service']);
  });

  test('may be a gateway’s, and one of a container that runs', async () => {
    has('10.9.0.1', '10.9.0.2');
    expect((await ipam.ask(poolId, undefined, GATEWAY)).ip).toBe('10.9.0.1');
    await ipam.service.requestAddress({ poolId, address: '10.9.0.2' as Ip, options: null, isInUse: true });
    expect(asked).toEqual([]);
  });

  test('one after the other ends a request in time, and the next one goes on behind them', async () => {
    has('10.9.0.1', '10.9.0.2');
    meanwhile = async () => {
      ipam.time.now += 2_500;
    };
    await expect(ask()).rejects.toThrow(Unavailable);
    expect(await ask()).toBe('10.9.0.3');
  });
});

describe('while the LAN is asked', () => {
  test('no other request gets the address', async () => {
    const given = await Promise.all(Array.from({ length: 6 }, () => ask()));
    expect(new Set(given).size).toBe(6);
    await expect(ask()).rejects.toThrow('6 of 6');
  });

  test('nothing is stored', async () => {
    let stored: readonly string[] = [];
    meanwhile = async () => {
      stored = (await store.list('lease/')).entries.map(({ key }) => key);
    };
    await ask();
    expect(stored).toEqual([]);
  });

  test.each([
    ['a free address', false],
    ['one that others have', true],
  ])('the pool may go, and nothing is left of it: %s', async (_, taken) => {
    if (taken) has('10.9.0.1');
    meanwhile = () => ipam.service.releasePool(poolId);
    await expect(ask()).rejects.toThrow(NotFound);
    expect((await store.list('')).entries.map(({ key }) => key)).toEqual(['ula']);
  });

  test('an address that cannot be set aside is as it was', async () => {
    has('10.9.0.1');
    store.failCommits(new Unavailable('disk full'));
    await expect(ask()).rejects.toThrow('disk full');
    store.failCommits(undefined);
    expect(ipam.service.list()[0]).toMatchObject({ used: 0, resting: 0, conflicts: [] });
  });
});

test('a released pool takes along what was set aside', async () => {
  has('10.9.0.1');
  await ask();
  await ipam.service.releasePool(poolId);
  expect((await store.list('')).entries.map(({ key }) => key)).toEqual(['ula']);
});
