import { beforeEach, describe, expect, test } from 'vitest';
import { Conflict, DecodeError } from '../../core/errors.ts';
import type { EndpointId, NetworkId } from '../../core/ids.ts';
import type { Network } from '../../core/model.ts';
import {
  aNetworkRequest,
  anEndpoint,
  anEndpointRequest,
  ENDPOINT_ID,
  NETWORK_ID,
  OTHER_NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { decodeEndpoint, decodeNetwork, encodeRecord } from './records.ts';
import { Repository } from './repository.ts';

const NET = NETWORK_ID as NetworkId;
const EP = ENDPOINT_ID as EndpointId;

function aNetwork(id = NETWORK_ID): Network {
  return {
    driver: 'weft-bridge',
    request: aNetworkRequest({ id }),
    options: { bridge: 'wb-x' },
    createdAt: 7,
  };
}

function shown(repository: Repository): unknown {
  const owners = ['10.80.0.2', '10.80.0.3', '10.80.0.4'].map((ip) =>
    repository.addressOwner(NET, ip as never),
  );
  return structuredClone({
    networks: [...repository.networks()],
    endpoints: [...repository.endpoints()],
    of: repository.endpointsOf(NET),
    count: repository.endpointCount(NET),
    owners,
  });
}

let store: MemoryStore;
let repository: Repository;
beforeEach(async () => {
  store = new MemoryStore();
  repository = await Repository.load(store);
});

describe('intent', () => {
  test('is the same after a restart', async () => {
    await repository.putNetwork(aNetwork());
    await repository.putEndpoint(anEndpoint());
    expect(repository.addressOwner(NET, '10.80.0.2' as never)).toBe(EP);
    const again = await Repository.load(store);
    expect(shown(again)).toEqual(shown(repository));
    expect(again.problems).toEqual([]);
  });

  test('is in memory from the call on', () => {
    const done = repository.putNetwork(aNetwork());
    expect(repository.network(NET)).toBeDefined();
    return done;
  });

  test('loses a network with all its endpoints in one transaction', async () => {
    await repository.putNetwork(aNetwork());
    await repository.putEndpoint(anEndpoint());
    const { revision } = await store.list('');
    await repository.deleteNetwork(NET);
    expect(await store.list('')).toEqual({ entries: [], revision: revision + 1n });
    expect(repository.endpoint(EP)).toBeUndefined();
    await repository.deleteNetwork(NET);
  });

  test('refuses an endpoint of an unknown network, and one that is in another', async () => {
    await expect(repository.putEndpoint(anEndpoint())).rejects.toBeInstanceOf(DecodeError);
    await repository.putNetwork(aNetwork());
    await repository.putNetwork(aNetwork(OTHER_NETWORK_ID));
    await repository.putEndpoint(anEndpoint());
    const moved = anEndpoint({ request: anEndpointRequest({ networkId: OTHER_NETWORK_ID }) });
    await expect(repository.putEndpoint(moved)).rejects.toBeInstanceOf(Conflict);
    expect(repository.endpointCount(OTHER_NETWORK_ID as NetworkId)).toBe(0);
  });
});

describe('a change the store refuses', () => {
  const other = anEndpoint({ request: anEndpointRequest({ id: 'd4'.repeat(32), ipv4: '10.80.0.3/24' }) });
  test.each([
    ['a new network', () => repository.putNetwork(aNetwork(OTHER_NETWORK_ID))],
    ['a changed network', () => repository.putNetwork({ ...aNetwork(), createdAt: 8 })],
    ['a deleted network', () => repository.deleteNetwork(NET)],
    ['a new endpoint', () => repository.putEndpoint(other)],
    ['a changed endpoint', () => repository.putEndpoint(anEndpoint({ external: true }))],
    ['a deleted endpoint', () => repository.deleteEndpoint(anEndpoint())],
  ])('is taken back: %s', async (_name, change) => {
    await repository.putNetwork(aNetwork());
    await repository.putEndpoint(anEndpoint());
    const observed = new Map<string, unknown>();
    repository.observe({
      put: (record) => observed.set(record.request.id, record),
      drop: (id) => observed.delete(id),
    });
    const before = shown(repository);
    const told = new Map(observed);
    store.failCommits(new Error('disk full'));
    await expect(change()).rejects.toThrow('disk full');
    expect(shown(repository)).toEqual(before);
    expect(observed).toEqual(told);
  });
});

describe('versions', () => {
  test('tell finished changes of an owner, and what is in flight', async () => {
    const gate = Promise.withResolvers<void>();
    expect([repository.version(EP), repository.inFlight(EP)]).toEqual([0, false]);
    const during = repository.during(EP, () => gate.promise);
    expect([repository.version(EP), repository.inFlight(EP)]).toEqual([0, true]);
    gate.resolve();
    await during;
    expect([repository.version(EP), repository.inFlight(EP), repository.version(NET)]).toEqual([1, false, 0]);
    await expect(repository.during(EP, () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect([repository.version(EP), repository.inFlight(EP)]).toEqual([2, false]);
  });
});

describe('records that cannot be read', () => {
  test('are told, left alone and keep none of the others', async () => {
    const text = (value: string): Uint8Array => Buffer.from(value);
    await repository.putNetwork(aNetwork());
    await store.commit({
      put: [
        { key: 'network/broken', value: text('{') },
        { key: 'network/half', value: text('{"driver":"weft-bridge"}') },
        {
          key: `endpoint/${OTHER_NETWORK_ID}/${EP}`,
          value: encodeRecord(anEndpoint({ request: anEndpointRequest({ networkId: OTHER_NETWORK_ID }) })),
        },
      ],
    });
    const again = await Repository.load(store);
    expect([...again.networks()]).toHaveLength(1);
    expect([...again.endpoints()]).toEqual([]);
    expect(again.problems).toEqual([
      'store record network/broken is not JSON',
      expect.stringMatching(/^store record network\/half: /),
      expect.stringMatching(/names network b2b2.*, which is not stored$/),
    ]);
    expect((await store.list('')).entries).toHaveLength(4);
  });

  test('survive the way through the store', () => {
    const network = aNetwork();
    const endpoint = anEndpoint({ external: true });
    expect(decodeNetwork('k', encodeRecord(network))).toEqual(network);
    expect(decodeEndpoint('k', encodeRecord(endpoint))).toEqual(endpoint);
  });

  test.each([
    ['a text for a number', { ...aNetwork(), createdAt: 'now' }],
    ['a subnet without a pool', { ...aNetwork(), request: { ...aNetworkRequest(), ipv4: [{ aux: {} }] } }],
    ['a list', []],
    ['nothing', null],
  ])('name the field: %s', (_name, record) => {
    const read = () => decodeNetwork('network/x', Buffer.from(JSON.stringify(record)));
    expect(read).toThrow(DecodeError);
    expect(read).toThrow(/^store record network\/x: /);
  });
});
