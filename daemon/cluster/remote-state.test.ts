import pino from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { parseNetworkId } from '../../core/ids.ts';
import type { Network } from '../../core/model.ts';
import { drivers, planTunnelSenders } from '../../drivers/index.ts';
import { aNetworkRequest, anAttachment, anEndpoint, aSubnet, NETWORK_ID } from '../../test/fakes/builders.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel.ts';
import { MemoryShared, type MemoryView } from '../../test/fakes/memory-shared.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { DesiredState, hostPlan } from '../reconcile/index.ts';
import { Repository } from '../state/index.ts';
import { encodeClusterRecord, keys } from './records.ts';
import { RemoteState } from './remote-state.ts';

const NET = parseNetworkId(NETWORK_ID);
const MAC_A = '02:00:00:00:00:0a';
const MAC_B = '02:00:00:00:00:0b';
const MAC_C = '02:00:00:00:00:0c';

let shared: MemoryShared;
let view: MemoryView;
let repository: Repository;
let kernel: FakeKernel;
let remote: RemoteState;
let compared: number;
const dead = new Set<string>();

function overlay(options: Record<string, string> = {}): Network {
  const request = aNetworkRequest({ options, ipv4: [aSubnet('10.80.0.0/24', '10.80.0.1/24')] });
  const driver = drivers.get('weft-overlay');
  if (driver === undefined) throw new Error('no overlay driver');
  return {
    driver: 'weft-overlay',
    request,
    options: driver.parseNetwork(request, { foreignLinks: new Map() }, []),
    tunnel: { name: 'app', id: 'net-1', vni: 5000, local: '192.0.2.1' as Ip, port: 4789 },
    createdAt: 0,
  };
}

function member(name: string, address: string) {
  const record = { id: `id-${name}`, name, address: address as Ip, vxlanPort: 4789, joinedAt: 0 };
  return { key: keys.member(name), value: encodeClusterRecord('member', record) };
}

function endpoint(node: string, id: string, ipv4: string, mac: string) {
  const record = { id, network: 'app', node, mac, ipv4 } as never;
  return { key: keys.endpoint('app', node, id), value: encodeClusterRecord('endpoint', record) };
}

/** What is for other hosts, a line each. */
function entries(): readonly string[] {
  const lines = kernel.render().split('\n');
  return lines.filter((line) => /^(fdb|neighbour)|tunnel-/.test(line));
}

async function world(network: Network = overlay()): Promise<void> {
  shared = new MemoryShared();
  view = shared.view();
  shared.commit({ put: [member('h1', '192.0.2.1'), member('h2', '192.0.2.2'), member('h3', '192.0.2.3')] });
  repository = await Repository.load(new MemoryStore());
  kernel = new FakeKernel();
  compared = 0;
  dead.clear();
  const desired = new DesiredState(hostPlan({ ipv6: true }), repository, drivers);
  await repository.putNetwork(network);
  remote = new RemoteState({
    shared: view,
    repository,
    drivers,
    desired,
    kernel,
    liveness: { isDead: (node) => dead.has(node) },
    self: 'h1',
    planSenders: (addresses) => planTunnelSenders({ local: '192.0.2.1' as Ip, port: 4789 }, addresses),
    compare: () => {
      compared += 1;
    },
    log: pino({ level: 'silent' }),
  });
  await kernel.apply([...desired.now().values()].map(({ object }) => ({ op: 'create', object })));
  remote.start();
}

async function tell(...put: ReturnType<typeof endpoint>[]): Promise<void> {
  shared.commit({ put });
  await remote.settled();
}

describe('endpoints of other hosts', () => {
  beforeEach(() => world());

  test('are in the kernel as they are told, and gone when they go', async () => {
    const before = entries();
    expect(before.filter((line) => line.includes('tunnel-ends'))).toHaveLength(2);
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A));
    const added = entries().filter((line) => !before.includes(line));
    expect(added.map((line) => line.replace(/w[bx]-[a-z2-7]{10}/, 'DEV')).sort()).toEqual([
      expect.stringMatching(/^fdb DEV 02:00:00:00:00:0a/),
      expect.stringMatching(/^fdb DEV 02:00:00:00:00:0a 192\.0\.2\.2/),
      expect.stringMatching(/^neighbour DEV 10\.80\.0\.7.*02:00:00:00:00:0a/),
    ]);
    shared.commit({ delete: [keys.endpoint('app', 'h2', 'e1')] });
    await remote.settled();
    expect(entries()).toEqual(before);
  });

  test('of this host itself, of other networks and of unknown hosts are not', async () => {
    const before = entries();
    await tell(endpoint('h1', 'e1', '10.80.0.7', MAC_A), endpoint('h9', 'e2', '10.80.0.8', MAC_B));
    expect(entries()).toEqual(before);
    shared.commit({ put: [member('h9', '192.0.2.9')] });
    await remote.settled();
    expect(entries().join()).toContain('192.0.2.9');
  });

  test('that move take their address along, whatever comes first', async () => {
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A));
    await tell(endpoint('h3', 'e2', '10.80.0.7', MAC_B));
    expect(entries().join()).toContain(MAC_B);
    expect(entries().join()).not.toContain(MAC_A);
    expect(remote.holder('app', '10.80.0.7' as Ip)?.node).toBe('h3');
    shared.commit({ delete: [keys.endpoint('app', 'h2', 'e1')] });
    await remote.settled();
    expect(entries().join()).toContain(MAC_B);
    shared.commit({ delete: [keys.endpoint('app', 'h3', 'e2')] });
    await remote.settled();
    expect(entries().join()).not.toContain(MAC_B);
  });

  test('that come back elsewhere are announced to the containers of this host', async () => {
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A), endpoint('h2', 'e3', '10.80.0.8', MAC_C));
    expect(kernel.announced).toEqual([]);
    shared.commit({ delete: [keys.endpoint('app', 'h2', 'e1')] });
    await remote.settled();
    await tell(endpoint('h3', 'e2', '10.80.0.7', MAC_B));
    expect(kernel.announced).toEqual([{ dev: expect.any(String), ip: '10.80.0.7', mac: MAC_B }]);
  });

  test('that keep their MAC when they move are sent to the new host', async () => {
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A));
    await tell(endpoint('h3', 'e2', '10.80.0.7', MAC_A));
    shared.commit({ delete: [keys.endpoint('app', 'h2', 'e1')] });
    await remote.settled();
    const self = entries().filter((line) => line.startsWith('fdb') && line.includes('192.0.2'));
    expect(self).toHaveLength(1);
    expect(self[0]).toContain('192.0.2.3');
  });

  test('give way to an endpoint of this host with the same address', async () => {
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A));
    const local = anEndpoint({ attachment: anAttachment() });
    const request = { ...local.request, networkId: NET, ipv4: { ip: '10.80.0.7' as Ip, prefix: 24 } };
    await repository.putEndpoint({ ...local, request });
    await remote.settled();
    expect(entries().join()).not.toContain(MAC_A);
    await repository.deleteEndpoint({ ...local, request });
    await remote.settled();
    expect(entries().join()).toContain(MAC_A);
  });

  test('of a dead host go, and come back with it', async () => {
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A));
    dead.add('h2');
    remote.nodeChanged('h2');
    await remote.settled();
    expect(entries().join()).not.toContain(MAC_A);
    dead.clear();
    remote.nodeChanged('h2');
    await remote.settled();
    expect(entries().join()).toContain(MAC_A);
  });

  test('follow their host to another address', async () => {
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A));
    shared.commit({ put: [member('h2', '192.0.2.77')] });
    await remote.settled();
    expect(entries().join()).toContain('192.0.2.77');
    expect(entries().join()).not.toContain('192.0.2.2,');
  });

  test('come with the network that this host makes later, and go with it', async () => {
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A));
    await repository.deleteNetwork(NET);
    await remote.settled();
    expect(entries()).toEqual([]);
  });

  test('that the kernel refuses lead to a comparison', async () => {
    kernel.refuse(({ object }) => object.kind === 'neighbour');
    await tell(endpoint('h2', 'e1', '10.80.0.7', MAC_A));
    expect(compared).toBe(1);
  });

  test('that cannot be read are left out', async () => {
    const before = entries();
    await tell({ key: keys.endpoint('app', 'h2', 'e1'), value: Buffer.from('{"id":1}') });
    await tell({ key: keys.endpoint('app', 'h2', 'e2'), value: Buffer.from('not JSON') });
    expect(entries()).toEqual(before);
  });
});

test('what is sent to everybody goes to hosts that have joined', async () => {
  await world(overlay({ 'weft.multicast': 'true' }));
  const joined = (node: string, refused?: string) => ({
    key: keys.joined('app', node),
    value: encodeClusterRecord('joined', { network: 'net-1', ...(refused === undefined ? {} : { refused }) }),
  });
  await tell(joined('h1'), joined('h2'), joined('h3', 'subnet taken'));
  const flood = entries().filter((line) => line.includes('00:00:00:00:00:00'));
  expect(flood).toHaveLength(1);
  expect(flood[0]).toContain('192.0.2.2');
  shared.commit({ delete: [keys.joined('app', 'h2')] });
  await remote.settled();
  expect(entries().join()).not.toContain('00:00:00:00:00:00');
});

test.each([1, 2, 3])('random changes end as if only the last state had been told (seed %i)', async (seed) => {
  await world();
  let state = seed * 7919;
  const random = (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
  for (let step = 0; step < 300; step++) {
    const node = `h${2 + random(2)}`;
    const id = `e${random(6)}`;
    const ip = `10.80.0.${10 + random(4)}`;
    const mac = `02:00:00:00:00:0${1 + random(4)}`;
    if (random(3) === 0) shared.commit({ delete: [keys.endpoint('app', node, id)] });
    else shared.commit({ put: [endpoint(node, id, ip, mac)] });
    if (random(4) === 0) await remote.settled();
    if (random(10) === 0) {
      if (!dead.delete('h2')) dead.add('h2');
      remote.nodeChanged('h2');
    }
  }
  await remote.settled();
  const live = entries();
  const fresh = new FakeKernel();
  const desired = new DesiredState(hostPlan({ ipv6: true }), repository, drivers);
  await using _other = new RemoteState({
    shared: shared.view(),
    repository,
    drivers,
    desired,
    kernel: fresh,
    liveness: { isDead: (node) => dead.has(node) },
    self: 'h1',
    planSenders: (addresses) => planTunnelSenders({ local: '192.0.2.1' as Ip, port: 4789 }, addresses),
    compare: () => undefined,
    log: pino({ level: 'silent' }),
  });
  await fresh.apply([...desired.now().values()].map(({ object }) => ({ op: 'create', object })));
  const afresh = fresh
    .render()
    .split('\n')
    .filter((line) => /^(fdb|neighbour)|tunnel-/.test(line));
  expect([...live].sort()).toEqual([...afresh].sort());
  expect(compared).toBe(0);
});
