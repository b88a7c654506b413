import { beforeEach, describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { parseEndpointId, parseNetworkId, parseSandboxKey } from '../../core/ids.ts';
import type { Network } from '../../core/model.ts';
import { linkName } from '../../core/names.ts';
import { drivers } from '../../drivers/index.ts';
import {
  aMapping,
  aNetworkRequest,
  anEndpointRequest,
  ENDPOINT_ID,
  NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { type HostWorld, LIVE_SANDBOX, startWorld } from '../../test/fakes/host-world.ts';
import { MemoryShared } from '../../test/fakes/memory-shared.ts';
import { DockerNames } from '../docker/index.ts';
import {
  type ClusterSources,
  nodeList,
  ownCluster,
  remoteEndpoints,
  remoteEndpointView,
} from './cluster-views.ts';
import { endpointView, networkView, portViews, type ViewSources } from './control-views.ts';
import { poolDetail, poolView } from './ipam-views.ts';

const DRIVER = 'weft-bridge';
const NET = parseNetworkId(NETWORK_ID);
const EP = parseEndpointId(ENDPOINT_ID);

let world: HostWorld;
let sources: ViewSources & ClusterSources;
let shared: MemoryShared;
let refusals: Map<string, string>;
let dead: Set<string>;

/** A cluster of which this host, h1, is a member with its lease. */
function aCluster(): ClusterSources {
  shared = new MemoryShared();
  refusals = new Map();
  dead = new Set();
  const node = { id: 'i1', name: 'h1', address: '192.0.2.1' as Ip, vxlanPort: 4789 };
  tell('member/h1', { ...node, joinedAt: 1000 });
  tell('alive/h1', { id: 'i1', version: '0.1.0', instance: 'x', since: 2000 });
  return {
    config: { store: 'etcd' },
    shared: { shared: shared.view(), node, membership: { fence: undefined, registered: true } },
    cluster: {
      binder: { refusalOf: (id) => refusals.get(id) },
      liveness: { isDead: (name) => dead.has(name) },
    },
  };
}

function tell(key: string, record: object | string): void {
  const value = Buffer.from(typeof record === 'string' ? record : JSON.stringify(record));
  shared.commit({ put: [{ key, value }] });
}

function tellMember(name: string, ip: string): void {
  tell(`member/${name}`, { id: `i-${name}`, name, address: ip, vxlanPort: 4789, joinedAt: 1000 });
}

beforeEach(async () => {
  world = await startWorld();
  const names = new DockerNames();
  sources = { repository: world.repository, drivers, names, ...aCluster() };
  const endpoints = [{ id: EP, container: 'c', name: 'web', mac: '', ipv4: '', ipv6: '' }];
  names.update([{ id: NET, name: 'app', endpoints } as never]);
  const options = { 'com.docker.network.driver.mtu': '1400' };
  await world.backend.createNetwork(DRIVER, aNetworkRequest({ options }));
  await world.backend.createEndpoint(DRIVER, anEndpointRequest());
});

const network = () => [...world.repository.networks()].map((each) => networkView(sources, each))[0];
const endpoint = () => [...world.repository.endpoints()].map((each) => endpointView(sources, each))[0];

async function publish(): Promise<void> {
  const mappings = [aMapping('8080:80/tcp'), aMapping('0:53/udp')];
  const ids = { networkId: NET, endpointId: EP, sandboxKey: parseSandboxKey(LIVE_SANDBOX) };
  await world.backend.join(DRIVER, { ...ids, mappings, exposed: [] });
  await world.backend.programExternal(DRIVER, NET, EP, { mappings, exposed: [] });
}

test('a network is shown with name, bridge, subnets and MTU', () => {
  expect(network()).toEqual({
    id: NET,
    name: 'app',
    driver: DRIVER,
    bridge: linkName('wb', NET),
    subnets: [{ subnet: '10.80.0.0/24', gateway: '10.80.0.1' }],
    mtu: 1400,
    options: { 'com.docker.network.driver.mtu': '1400' },
    internal: false,
    endpoints: 1,
    state: 'ready',
    createdAt: '1970-01-01T00:00:01.000Z',
  });
});

test('a network that is being changed is pending', async () => {
  await world.repository.during(NET, async () => {
    expect(network()?.state).toBe('pending');
  });
});

describe('an endpoint', () => {
  test('is created, joined, external and created again', async () => {
    expect(endpoint()).toMatchObject({
      state: 'created',
      name: 'web',
      networkName: 'app',
      ipv4: '10.80.0.2/24',
    });
    expect(endpoint()).not.toHaveProperty('link');
    await publish();
    expect(endpoint()).toMatchObject({ state: 'external', link: linkName('wv', EP), sandbox: LIVE_SANDBOX });
    expect(endpoint()?.ports).toHaveLength(3);
    await world.backend.revokeExternal(DRIVER, NET, EP);
    expect(endpoint()).toMatchObject({ state: 'joined', ports: [] });
    await world.backend.leave(DRIVER, NET, EP);
    expect(endpoint()).toMatchObject({ state: 'created' });
  });
});

test('ports are in order, and tell which of them weft chose', async () => {
  await publish();
  expect(
    portViews(sources).map(({ hostPort, protocol, hostIp, ephemeral, endpointName, networkName }) =>
      [hostPort, protocol, hostIp, ephemeral, endpointName, networkName].join(' '),
    ),
  ).toEqual([
    '8080 tcp 0.0.0.0 false web app',
    '8080 tcp :: false web app',
    '50000 udp 0.0.0.0 true web app',
  ]);
});

test('a pool is shown with its leases, and without what it has not', () => {
  const lease = { ip: '10.0.0.2', kind: 'endpoint', createdAt: 1000 };
  const view = {
    poolId: 'weft-local/10.0.0.0/24',
    space: 'weft-local',
    pool: '10.0.0.0/24',
    used: 1,
    resting: 0,
    conflicts: [],
    size: 253n,
    leases: [lease],
  };
  expect(poolView(view as never)).toEqual({
    id: 'weft-local/10.0.0.0/24',
    space: 'weft-local',
    subnet: '10.0.0.0/24',
    used: 1,
    resting: 0,
    conflicts: 0,
    usable: 253n,
  });
  expect(poolDetail({ ...view, gateway: '10.0.0.1', subPool: '10.0.0.0/25' } as never)).toMatchObject({
    gateway: '10.0.0.1',
    range: '10.0.0.0/25',
    leases: [{ address: '10.0.0.2', kind: 'endpoint', since: '1970-01-01T00:00:01.000Z' }],
  });
});

describe('an overlay network', () => {
  const overlay = (change: Partial<Network>): Network => {
    const request = aNetworkRequest({ id: 'b2'.repeat(32) });
    const options = drivers.get('weft-overlay')?.parseNetwork(request, { foreignLinks: new Map() }, []);
    return { driver: 'weft-overlay', request, options, createdAt: 1000, ...change };
  };
  const tunnel = { name: 'app', id: 'n1', vni: 77, local: '192.0.2.1' as Ip, port: 4789, underlayMtu: 1400 };

  test('is shown with VNI, what it carries and who has it', () => {
    tell('joined/app/h1', { network: 'n1' });
    tell('joined/app/h2', { network: 'n1', refused: 'overlaps eth1' });
    tell('left/app/h3', 'n1');
    tell('joined/apple/h4', { network: 'n2' });
    const record = { id: 'ee', network: 'app', node: 'h1', mac: '02:00:00:00:00:01', ipv4: '10.80.0.2' };
    tell('endpoint/app/h1/ee', record);
    tell('endpoint/app/h1/ef', record);
    const view = networkView(sources, overlay({ tunnel }));
    expect(view).toMatchObject({ mtu: 1350, bridge: linkName('wb', 'b2'.repeat(32)) });
    expect(view.cluster).toEqual({
      state: 'bound',
      name: 'app',
      vni: 77,
      members: [
        { node: 'h1', self: true, state: 'joined', endpoints: 2 },
        { node: 'h2', self: false, state: 'refused', reason: 'overlaps eth1', endpoints: 0 },
        { node: 'h3', self: false, state: 'left', endpoints: 0 },
      ],
    });
  });

  test('waits for its name, or is refused', () => {
    expect(networkView(sources, overlay({})).cluster).toEqual({ state: 'waiting', members: [] });
    refusals.set('b2'.repeat(32), 'internal differs');
    expect(networkView(sources, overlay({})).cluster).toEqual({
      state: 'refused',
      reason: 'internal differs',
      members: [],
    });
  });

  test('of one host is no business of other drivers', () => {
    expect(network()).not.toHaveProperty('cluster');
  });
});

describe('nodes', () => {
  const states = () => nodeList(sources).nodes.map(({ name, state }) => `${name} ${state}`);

  test('are ready, without a lease, or dead', () => {
    for (const [index, name] of ['h2', 'h3'].entries()) tellMember(name, `192.0.2.${index + 2}`);
    tell('alive/h2', { id: 'i-h2', version: '0.2.0', instance: 'y', since: 5000 });
    expect(states()).toEqual(['h1 ready', 'h2 ready', 'h3 no-lease']);
    dead.add('h3');
    expect(states()).toEqual(['h1 ready', 'h2 ready', 'h3 dead']);
  });

  test('are shown with what they have and how old that is', () => {
    tellMember('h2', '192.0.2.2');
    tell('joined/app/h1', { network: 'n1' });
    tell('joined/web/h1', { network: 'n2', refused: 'no' });
    tell('endpoint/app/h1/ee', {});
    const { nodes, store } = nodeList(sources);
    expect(nodes[0]).toEqual({
      name: 'h1',
      id: 'i1',
      self: true,
      address: '192.0.2.1',
      vxlanPort: 4789,
      state: 'ready',
      version: '0.1.0',
      since: '1970-01-01T00:00:02.000Z',
      joinedAt: '1970-01-01T00:00:01.000Z',
      networks: 1,
      refused: 1,
      endpoints: 1,
    });
    expect(nodes[1]).not.toHaveProperty('version');
    expect(store).toMatchObject({ kind: 'etcd', connected: true, ageMs: 0 });
    expect(ownCluster(sources)).toEqual({ state: 'ready', address: '192.0.2.1', nodes: 2 });
  });

  test('include this host when it is fenced and the cluster has forgotten it', () => {
    tellMember('h2', '192.0.2.2');
    shared.commit({ delete: ['member/h1', 'alive/h1'] });
    const membership = { fence: { reason: 'removed' }, registered: false };
    sources = { ...sources, shared: { ...sources.shared, membership } };
    expect(nodeList(sources).nodes[0]).toMatchObject({
      name: 'h1',
      self: true,
      state: 'fenced',
      reason: 'removed',
    });
    expect(ownCluster(sources)).toEqual({
      state: 'fenced',
      reason: 'removed',
      address: '192.0.2.1',
      nodes: 2,
    });
  });
});

test('endpoints of other hosts are shown under the network that this host has', () => {
  const record = { id: 'ee', network: 'elsewhere', node: 'h2', mac: '02:00:00:00:00:01', ipv4: '10.80.0.9' };
  tell('endpoint/elsewhere/h2/ee', record);
  tell('endpoint/elsewhere/h1/ef', { ...record, id: 'ef', node: 'h1' });
  tell('endpoint/elsewhere/h2/bad', { id: 'bad' });
  const shown = remoteEndpoints(sources).map((each) => remoteEndpointView(sources, each));
  expect(shown).toEqual([
    {
      id: 'ee',
      node: 'h2',
      network: 'elsewhere',
      networkName: 'elsewhere',
      ipv4: '10.80.0.9',
      mac: '02:00:00:00:00:01',
      ports: [],
      state: 'remote',
    },
  ]);
});
