import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diff } from '../../core/diff.ts';
import { WeftError } from '../../core/errors.ts';
import { parseEndpointId, parseNetworkId, parseSandboxKey } from '../../core/ids.ts';
import { hostState } from '../../core/kernel-objects.ts';
import { drivers } from '../../drivers/index.ts';
import { aMapping, aNetworkRequest, anEndpointRequest, aSubnet } from '../../test/fakes/builders.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel.ts';
import { type HostWorld, LIVE_SANDBOX, startWorld } from '../../test/fakes/host-world.ts';

const DRIVER = 'weft-bridge';
const CALLS = [
  'createNetwork',
  'createEndpoint',
  'join',
  'program',
  'revoke',
  'leave',
  'deleteEndpoint',
  'deleteNetwork',
] as const;

interface Call {
  readonly call: (typeof CALLS)[number];
  readonly network: number;
  readonly endpoint: number;
}

const anyCall: fc.Arbitrary<Call> = fc.record({
  call: fc.constantFrom(...CALLS),
  network: fc.integer({ min: 0, max: 2 }),
  endpoint: fc.integer({ min: 0, max: 2 }),
});

function networkId(n: number) {
  return parseNetworkId(`${n}a`.repeat(32));
}

function make({ backend }: HostWorld, { call, network, endpoint }: Call): Promise<unknown> {
  const id = networkId(network);
  const endpointId = parseEndpointId(`${network}${endpoint}`.repeat(32));
  switch (call) {
    case 'createNetwork': {
      const ipv4 = [aSubnet(`10.${network}.0.0/24`, `10.${network}.0.1/24`)];
      return backend.createNetwork(DRIVER, aNetworkRequest({ id, ipv4 }));
    }
    case 'createEndpoint': {
      const ipv4 = `10.${network}.0.${endpoint + 2}/24`;
      return backend.createEndpoint(DRIVER, anEndpointRequest({ id: endpointId, networkId: id, ipv4 }));
    }
    case 'join': {
      // The same host port for one endpoint of every network: they have to fight for it.
      const mappings = [aMapping(`${8000 + endpoint}:80/tcp`), aMapping('0:53/udp')];
      const sandboxKey = parseSandboxKey(LIVE_SANDBOX);
      return backend.join(DRIVER, { networkId: id, endpointId, sandboxKey, mappings, exposed: [] });
    }
    case 'program':
      return backend.programExternal(DRIVER, id, endpointId, { mappings: [], exposed: [] });
    case 'revoke':
      return backend.revokeExternal(DRIVER, id, endpointId);
    case 'leave':
      return backend.leave(DRIVER, id, endpointId);
    case 'deleteEndpoint':
      return backend.deleteEndpoint(DRIVER, id, endpointId);
    case 'deleteNetwork':
      return backend.deleteNetwork(DRIVER, id);
  }
}

/** Lets other calls run before the kernel answers, a different number of times for each. */
function unevenPause(seed: number): () => Promise<void> {
  let state = seed;
  return async () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    for (let turn = 0; turn < state % 7; turn++) await Promise.resolve();
  };
}

async function checkInvariants({ repository, kernel, ports, store }: HostWorld): Promise<void> {
  const plan = [...repository.networks()].flatMap((network) => [
    ...(drivers.get(network.driver)?.planNetwork(network) ?? []),
    ...repository
      .endpointsOf(network.request.id)
      .flatMap((endpoint) => drivers.get(network.driver)?.planEndpoint(network, endpoint) ?? []),
  ]);
  const missing = diff(hostState(plan), await kernel.snapshot(plan)).filter(({ op }) => op !== 'delete');
  expect(missing).toEqual([]);
  const published = [...repository.endpoints()].flatMap((each) => each.published);
  const places = published.map(({ protocol, hostIp, hostPort }) => `${protocol} ${hostIp} ${hostPort}`);
  expect(new Set(places).size).toBe(places.length);
  expect(ports.held()).toHaveLength(places.length);
  const { entries } = await store.list('');
  const records = [...repository.networks(), ...repository.endpoints()].map((each) => JSON.stringify(each));
  expect(entries.map(({ value }) => Buffer.from(value).toString()).sort()).toEqual(records.sort());
  for (const { request } of repository.endpoints()) {
    expect(repository.network(request.networkId)).toBeDefined();
    expect(repository.inFlight(request.id)).toBe(false);
  }
}

test('50 calls at once on several networks end in order, whatever their order', async () => {
  const property = fc.asyncProperty(
    fc.array(anyCall, { minLength: 50, maxLength: 50 }),
    fc.integer({ min: 1, max: 1_000_000 }),
    async (calls, seed) => {
      const world = await startWorld({ kernel: new FakeKernel(unevenPause(seed)) });
      const outcomes = await Promise.allSettled(calls.map((call) => make(world, call)));
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(WeftError);
      }
      await world.kernel.discarded();
      await checkInvariants(world);
    },
  );
  await fc.assert(property, { numRuns: 40 });
});
