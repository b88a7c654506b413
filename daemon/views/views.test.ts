import { beforeEach, describe, expect, test } from 'vitest';
import { parseEndpointId, parseNetworkId, parseSandboxKey } from '../../core/ids.ts';
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
import { DockerNames } from '../docker/index.ts';
import { endpointView, networkView, portViews, type ViewSources } from './control-views.ts';
import { poolDetail, poolView } from './ipam-views.ts';

const DRIVER = 'weft-bridge';
const NET = parseNetworkId(NETWORK_ID);
const EP = parseEndpointId(ENDPOINT_ID);

let world: HostWorld;
let sources: ViewSources;
beforeEach(async () => {
  world = await startWorld();
  const names = new DockerNames();
  sources = { repository: world.repository, drivers, names };
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
    size: 253n,
    leases: [lease],
  };
  expect(poolView(view as never)).toEqual({
    id: 'weft-local/10.0.0.0/24',
    space: 'weft-local',
    subnet: '10.0.0.0/24',
    used: 1,
    resting: 0,
    usable: 253n,
  });
  expect(poolDetail({ ...view, gateway: '10.0.0.1', subPool: '10.0.0.0/25' } as never)).toMatchObject({
    gateway: '10.0.0.1',
    range: '10.0.0.0/25',
    leases: [{ address: '10.0.0.2', kind: 'endpoint', since: '1970-01-01T00:00:01.000Z' }],
  });
});
