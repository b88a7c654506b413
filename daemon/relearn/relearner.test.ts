import { pino } from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import { parseEndpointId, parseNetworkId, parseSandboxKey } from '../../core/ids.ts';
import { KeyedMutex } from '../../core/keyed-mutex.ts';
import { drivers } from '../../drivers/index.ts';
import {
  aMapping,
  aNetworkRequest,
  anEndpointRequest,
  anEngineNetwork,
  ENDPOINT_ID,
  NETWORK_ID,
} from '../../test/fakes/builders.ts';
import { type HostWorld, LIVE_SANDBOX, startWorld } from '../../test/fakes/host-world.ts';
import type { EngineContainer } from '../docker/index.ts';
import { Relearner } from './relearner.ts';

const DRIVER = 'weft-bridge';
const NET = parseNetworkId(NETWORK_ID);
const EP = parseEndpointId(ENDPOINT_ID);

/** The network and endpoint of the builders, as an engine shows them. */
const SHOWN = anEngineNetwork({
  driver: DRIVER,
  subnets: [{ subnet: '10.80.0.0/24', gateway: '10.80.0.1', aux: {} }],
  endpoints: [{ id: EP, container: 'c1', name: 'web', mac: '', ipv4: '10.80.0.2/24', ipv6: '' }],
});

const CONTAINER: EngineContainer = {
  sandboxKey: LIVE_SANDBOX,
  networks: 1,
  bindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }], '53/udp': [{ hostIp: '', hostPort: '' }] },
  exposed: ['80/tcp', '53/udp'],
  dns: [],
};

/** A host on which containers run, and a store that has lost everything. */
async function forgetful(): Promise<HostWorld> {
  const before = await startWorld();
  await before.backend.createNetwork(DRIVER, aNetworkRequest());
  await before.backend.createEndpoint(DRIVER, anEndpointRequest());
  const ports = { mappings: [aMapping('8080:80/tcp'), aMapping('0:53/udp')], exposed: [] };
  const ids = { networkId: NET, endpointId: EP, sandboxKey: parseSandboxKey(LIVE_SANDBOX) };
  await before.backend.join(DRIVER, { ...ids, ...ports });
  await before.backend.programExternal(DRIVER, NET, EP, ports);
  return startWorld({ kernel: before.kernel, reconcile: false });
}

let world: HostWorld;
let learned: string[];
let containers: Record<string, EngineContainer>;
let relearner: Relearner;
beforeEach(async () => {
  world = await forgetful();
  learned = [];
  containers = { c1: CONTAINER };
  relearner = new Relearner({
    engine: {
      network: async () => undefined,
      createNetwork: () => Promise.reject(new Error('not asked for')),
      removeNetwork: () => Promise.reject(new Error('not asked for')),
      version: async () => '1',
      networks: async () => [],
      container: async (id) => containers[id],
      labelled: async () => [],
      async *nameEvents() {},
      [Symbol.asyncDispose]: async () => undefined,
    },
    repository: world.repository,
    drivers,
    kernel: world.kernel,
    locks: new KeyedMutex(),
    createNetwork: world.backend.createNetwork,
    adoptAddresses: async () => 0,
    learned: (kind, id) => learned.push(`${kind} ${id.slice(0, 4)}`),
    clock: { now: () => 5 },
    log: pino({ level: 'silent' }),
  });
});

describe('learning from Docker', () => {
  test('makes intent of what runs, so that the kernel needs no change', async () => {
    const before = world.kernel.render();
    await relearner.learn([SHOWN]);
    expect(learned).toEqual(['network a1a1', 'endpoint c3c3']);
    expect(world.repository.endpoint(EP)).toMatchObject({
      external: true,
      attachment: { sandboxKey: LIVE_SANDBOX },
      request: { ipv4: { ip: '10.80.0.2', prefix: 24 } },
    });
    const ports = world.repository
      .endpoint(EP)
      ?.published.map(({ hostPort, hostIp }) => `${hostIp} ${hostPort}`);
    expect(ports?.sort()).toEqual(['0.0.0.0 50000', '0.0.0.0 8080']);
    await world.reconciler.pass('start');
    expect(world.kernel.render()).toBe(before);
  });

  test('leaves out what was deleted after Docker had listed it', async () => {
    await relearner.learn([SHOWN]);
    await world.backend.deleteEndpoint(DRIVER, NET, EP);
    learned.length = 0;
    await relearner.learn([SHOWN]);
    expect(learned).toEqual([]);
    await world.backend.deleteNetwork(DRIVER, NET);
    await relearner.learn([SHOWN]);
    expect(learned).toEqual([]);
    expect(await world.stored()).toBe('');
  });

  test('a second time finds nothing', async () => {
    await relearner.learn([SHOWN]);
    learned.length = 0;
    const stored = await world.stored();
    await relearner.learn([SHOWN]);
    expect(learned).toEqual([]);
    expect(await world.stored()).toBe(stored);
  });

  test('leaves out networks of others and containers that are gone', async () => {
    containers = {};
    await relearner.learn([{ ...SHOWN, driver: 'bridge', ipamDriver: 'default' }, SHOWN]);
    expect(learned).toEqual(['network a1a1']);
  });

  test('is kept from no network by one that cannot be understood', async () => {
    const odd = { ...SHOWN, id: 'b2'.repeat(32), subnets: [{ subnet: 'nonsense', aux: {} }] };
    await relearner.learn([odd, SHOWN]);
    expect(learned).toEqual(['network a1a1', 'endpoint c3c3']);
  });
});
