import { beforeEach, describe, expect, test } from 'vitest';
import { AlreadyExists, Conflict, InvalidArgument, KernelError, NotFound } from '../../core/errors.ts';
import { parseEndpointId, parseNetworkId, parseSandboxKey } from '../../core/ids.ts';
import { linkName } from '../../core/names.ts';
import {
  aMapping,
  aNetworkRequest,
  anEndpointRequest,
  aSubnet,
  ENDPOINT_ID,
  NETWORK_ID,
  OTHER_NETWORK_ID,
} from '../../test/fakes/builders.ts';
import {
  DEAD_SANDBOX,
  type HostWorld,
  LIVE_SANDBOX,
  OTHER_LIVE_SANDBOX,
  startWorld,
} from '../../test/fakes/host-world.ts';

const DRIVER = 'weft-bridge';
const NET = parseNetworkId(NETWORK_ID);
const EP = parseEndpointId(ENDPOINT_ID);
const OTHER_EP = parseEndpointId('d4'.repeat(32));
const MAPPINGS = [aMapping('8080:80/tcp'), aMapping('5353:53/udp')];

let world: HostWorld;
beforeEach(async () => {
  world = await startWorld();
});

function join(
  mappings = MAPPINGS,
  { sandbox = LIVE_SANDBOX, endpointId = EP }: { sandbox?: string; endpointId?: typeof EP } = {},
) {
  return world.backend.join(DRIVER, {
    networkId: NET,
    endpointId,
    sandboxKey: parseSandboxKey(sandbox),
    mappings,
    exposed: [],
  });
}

function program(endpointId = EP): Promise<void> {
  return world.backend.programExternal(DRIVER, NET, endpointId, { mappings: [], exposed: [] });
}

async function published(): Promise<void> {
  await world.backend.createNetwork(DRIVER, aNetworkRequest());
  await world.backend.createEndpoint(DRIVER, anEndpointRequest());
  await join();
  await program();
}

/** Everything a call may change. */
async function everything(): Promise<string> {
  return [await world.stored(), world.kernel.render(), ...world.ports.held()].join('\n');
}

describe('a life of a network', () => {
  test('leaves the host as it was', async () => {
    const before = await everything();
    await published();
    expect(world.ports.held()).toEqual(['relay tcp [::]:8080', 'tcp 0.0.0.0:8080', 'udp 0.0.0.0:5353']);
    expect(world.kernel.keys().has(`link ${linkName('wv', EP)}`)).toBe(true);
    await world.backend.revokeExternal(DRIVER, NET, EP);
    expect(world.ports.held()).toEqual([]);
    await world.backend.leave(DRIVER, NET, EP);
    expect(world.kernel.keys().has(`link ${linkName('wv', EP)}`)).toBe(true);
    await world.backend.deleteEndpoint(DRIVER, NET, EP);
    await world.backend.deleteNetwork(DRIVER, NET);
    await world.kernel.discarded();
    expect(await everything()).toBe(before);
    expect(world.events.map(({ kind }) => kind)).toEqual([
      'network-create',
      'endpoint-create',
      'endpoint-delete',
      'network-delete',
    ]);
  });

  test('ends UDP flows of ports that come and go, and no others', async () => {
    await published();
    expect(world.kernel.forgotten.map(({ protocol, originalPort }) => [protocol, originalPort])).toEqual([
      ['udp', 5353],
    ]);
    await world.backend.revokeExternal(DRIVER, NET, EP);
    expect(world.kernel.forgotten).toHaveLength(2);
  });

  test('deleting the network takes its endpoints and their ports along', async () => {
    const before = await everything();
    await published();
    await world.backend.deleteNetwork(DRIVER, NET);
    await world.kernel.discarded();
    expect(await everything()).toBe(before);
  });

  test('Leave without a revocation takes the ports away too', async () => {
    await published();
    await world.backend.leave(DRIVER, NET, EP);
    expect(world.ports.held()).toEqual([]);
    expect(world.kernel.render()).not.toContain('8080');
  });

  test('Join says how to plumb, and says the same again', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await world.backend.createEndpoint(DRIVER, anEndpointRequest());
    const info = await join();
    expect(info).toMatchObject({
      link: { sourceName: linkName('wc', EP), destinationPrefix: 'eth' },
      gateway: '10.80.0.1',
    });
    expect(await join()).toEqual(info);
  });

  test('an endpoint reports the MAC weft chose, and none when it was asked for one', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    const chosen = await world.backend.createEndpoint(DRIVER, anEndpointRequest());
    expect(chosen.mac).toMatch(/^.[26ae]:/);
    expect(await world.backend.createEndpoint(DRIVER, anEndpointRequest())).toEqual(chosen);
    const asked = anEndpointRequest({ id: OTHER_EP, ipv4: '10.80.0.3/24', mac: '02:00:00:00:00:05' });
    expect(await world.backend.createEndpoint(DRIVER, asked)).toEqual({});
    expect(await world.backend.operInfo(DRIVER, NET, EP)).toMatchObject({ 'weft.mac': chosen.mac });
    expect(await world.backend.operInfo(DRIVER, NET, parseEndpointId('absent'))).toEqual({});
  });
});

describe('a repeated call', () => {
  const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['CreateNetwork', () => world.backend.createNetwork(DRIVER, aNetworkRequest())],
    ['CreateEndpoint', () => world.backend.createEndpoint(DRIVER, anEndpointRequest())],
    ['Join', () => join()],
    ['ProgramExternalConnectivity', () => program()],
    ['RevokeExternalConnectivity', () => world.backend.revokeExternal(DRIVER, NET, EP)],
    ['Leave', () => world.backend.leave(DRIVER, NET, EP)],
    ['DeleteEndpoint', () => world.backend.deleteEndpoint(DRIVER, NET, EP)],
    ['DeleteNetwork', () => world.backend.deleteNetwork(DRIVER, NET)],
  ];
  test.each(steps.map(([name], index) => [name, index] as const))(
    'of %s changes nothing',
    async (_, index) => {
      for (const [, step] of steps.slice(0, index + 1)) await step();
      await world.kernel.discarded();
      const state = await everything();
      await steps[index]?.[1]();
      await world.kernel.discarded();
      expect(await everything()).toBe(state);
    },
  );

  test('of CreateNetwork brings back what is missing in the kernel', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    const whole = world.kernel.render();
    world.kernel.removeLink(linkName('wb', NET));
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    expect(world.kernel.render()).toBe(whole);
  });
});

describe('a call out of order', () => {
  test.each([
    ['CreateEndpoint', () => world.backend.createEndpoint(DRIVER, anEndpointRequest())],
    ['Join', () => join()],
    ['ProgramExternalConnectivity', () => program()],
  ])('%s is refused without its network', async (_name, call) => {
    const before = await everything();
    await expect(call()).rejects.toThrow(NotFound);
    expect(await everything()).toBe(before);
  });

  test.each([
    ['Join', () => join()],
    ['ProgramExternalConnectivity', () => program()],
  ])('%s is refused without its endpoint', async (_name, call) => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await expect(call()).rejects.toThrow(`endpoint ${EP} does not exist in network ${NET}`);
  });

  test.each([
    ['revocation', () => world.backend.revokeExternal(DRIVER, NET, EP)],
    ['Leave', () => world.backend.leave(DRIVER, NET, EP)],
    ['DeleteEndpoint', () => world.backend.deleteEndpoint(DRIVER, NET, EP)],
    ['DeleteNetwork', () => world.backend.deleteNetwork(DRIVER, NET)],
  ])('%s of what never was succeeds', async (_name, call) => {
    const before = await everything();
    await call();
    expect(await everything()).toBe(before);
  });

  test('publishing before Join is refused and holds nothing', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await world.backend.createEndpoint(DRIVER, anEndpointRequest());
    await expect(program()).rejects.toThrow(/has not joined/);
    expect(world.ports.held()).toEqual([]);
  });

  test('DeleteEndpoint while joined and published takes everything', async () => {
    await published();
    await world.backend.deleteEndpoint(DRIVER, NET, EP);
    await world.kernel.discarded();
    expect(world.ports.held()).toEqual([]);
    expect(world.kernel.render()).not.toMatch(/wv-|8080/);
  });

  test('a network of another driver is refused by name', async () => {
    await world.backend.createNetwork('weft-none', aNetworkRequest());
    await expect(world.backend.createEndpoint(DRIVER, anEndpointRequest())).rejects.toThrow(
      `network ${NET} belongs to weft-none, not to weft-bridge`,
    );
    await expect(world.backend.createNetwork(DRIVER, aNetworkRequest())).rejects.toThrow(Conflict);
    await expect(world.backend.deleteNetwork(DRIVER, NET)).rejects.toThrow(Conflict);
    await expect(world.backend.createNetwork('weft-other' as never, aNetworkRequest())).rejects.toThrow(
      'this weftd has no driver weft-other',
    );
  });
});

describe('a call with other content', () => {
  test('is refused, naming the field and both values, and changes nothing', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await world.backend.createEndpoint(DRIVER, anEndpointRequest());
    const before = await everything();
    const network = world.backend.createNetwork(DRIVER, aNetworkRequest({ internal: true }));
    await expect(network).rejects.toThrow(/already with other content: internal is false, asked for true/);
    await expect(network).rejects.toBeInstanceOf(AlreadyExists);
    const endpoint = world.backend.createEndpoint(DRIVER, anEndpointRequest({ ipv4: '10.80.0.9/24' }));
    await expect(endpoint).rejects.toThrow(/ipv4 is .*10\.80\.0\.2.*asked for .*10\.80\.0\.9/);
    await expect(endpoint).rejects.toBeInstanceOf(AlreadyExists);
    expect(await everything()).toBe(before);
  });

  test('Join into another sandbox is refused', async () => {
    await published();
    const before = await everything();
    await expect(join(MAPPINGS, { sandbox: OTHER_LIVE_SANDBOX })).rejects.toThrow(
      `endpoint ${EP} is in sandbox ${LIVE_SANDBOX} already`,
    );
    expect(await everything()).toBe(before);
  });

  test('an overlapping subnet is refused, naming the other network', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    const before = await everything();
    const overlapping = aNetworkRequest({ id: OTHER_NETWORK_ID, ipv4: [aSubnet('10.80.0.0/16')] });
    await expect(world.backend.createNetwork(DRIVER, overlapping)).rejects.toThrow(/of network a1a1a1a1a1a1/);
    expect(await everything()).toBe(before);
  });

  test('an unknown option is refused, naming it', async () => {
    const before = await everything();
    const typo = world.backend.createNetwork(DRIVER, aNetworkRequest({ options: { 'weft.isolat': '1' } }));
    await expect(typo).rejects.toThrow(/no option "weft\.isolat"; the nearest is "weft\.isolate"/);
    await expect(typo).rejects.toBeInstanceOf(InvalidArgument);
    expect(await everything()).toBe(before);
  });

  test('a bridge of the host’s is refused under a name the user chose', async () => {
    world.kernel.setLink('br0', { kind: 'veth' });
    const request = aNetworkRequest({ options: { 'com.docker.network.bridge.name': 'br0' } });
    await expect(world.backend.createNetwork(DRIVER, request)).rejects.toThrow(/br0/);
    expect(await world.stored()).toBe('');
  });
});

describe('an address', () => {
  beforeEach(async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await world.backend.createEndpoint(DRIVER, anEndpointRequest());
  });

  test('belongs to one endpoint while its sandbox lives', async () => {
    await join();
    const before = await everything();
    await expect(world.backend.createEndpoint(DRIVER, anEndpointRequest({ id: OTHER_EP }))).rejects.toThrow(
      `address 10.80.0.2 belongs to endpoint ${EP}`,
    );
    expect(await everything()).toBe(before);
  });

  test.each([
    ['never joined', undefined],
    ['was in a sandbox that is gone', DEAD_SANDBOX],
  ])('is taken over from an endpoint that %s', async (_name, sandbox) => {
    if (sandbox !== undefined) await join(MAPPINGS, { sandbox });
    await world.backend.createEndpoint(DRIVER, anEndpointRequest({ id: OTHER_EP }));
    expect([...world.repository.endpoints()].map(({ request }) => request.id)).toEqual([OTHER_EP]);
  });
});

describe('a busy host port', () => {
  const other =
    (port = '8080:80/tcp') =>
    async () => {
      await world.backend.createEndpoint(DRIVER, anEndpointRequest({ id: OTHER_EP, ipv4: '10.80.0.3/24' }));
      await join([aMapping(port)], { endpointId: OTHER_EP, sandbox: OTHER_LIVE_SANDBOX });
      return program(OTHER_EP);
    };

  test('is refused, naming the endpoint that holds it, and nothing of the call stays', async () => {
    await published();
    const held = world.ports.held();
    await expect(other()()).rejects.toThrow(
      /host port 8080\/tcp on 0\.0\.0\.0 is held by endpoint c3c3c3c3c3c3/,
    );
    expect(world.ports.held()).toEqual(held);
    expect(world.repository.endpoint(OTHER_EP)).toMatchObject({ external: false, published: [] });
  });

  test('is refused, naming the process that holds it', async () => {
    world.ports.occupy({ protocol: 'tcp', ip: '0.0.0.0' as never, port: 8080 }, 'nginx (pid 7)');
    await expect(published()).rejects.toThrow('host port 8080/tcp on 0.0.0.0 is held by nginx (pid 7)');
    expect(world.ports.held()).toEqual([]);
  });

  test.each([
    ['is gone', () => world.kernel.removeLink(linkName('wv', EP))],
    ['is being cleared away', () => world.kernel.movePeer(linkName('wc', EP))],
  ])('is taken over from an endpoint whose container %s', async (_name, go) => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await world.backend.createEndpoint(DRIVER, anEndpointRequest());
    await join(MAPPINGS, { sandbox: DEAD_SANDBOX });
    await program();
    go();
    await other()();
    expect(world.repository.endpoint(EP)).toBeUndefined();
    expect(world.repository.endpoint(OTHER_EP)?.external).toBe(true);
  });

  test('is not taken over while the link of its holder is there, for a sandbox may still come', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await world.backend.createEndpoint(DRIVER, anEndpointRequest());
    await join(MAPPINGS, { sandbox: DEAD_SANDBOX });
    await program();
    await expect(other()()).rejects.toThrow(Conflict);
    expect(world.repository.endpoint(EP)).toBeDefined();
  });
});

describe('when the kernel refuses a step', () => {
  test.each([1, 2, 3, 4, 5, 6])('number %i of CreateNetwork, nothing is left of it', async (n) => {
    const before = await everything();
    world.kernel.refuseNth(n);
    await expect(world.backend.createNetwork(DRIVER, aNetworkRequest())).rejects.toThrow(KernelError);
    expect(await everything()).toBe(before);
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
  });

  test('of Join, the endpoint is as before', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await world.backend.createEndpoint(DRIVER, anEndpointRequest());
    const before = await everything();
    world.kernel.refuseNth(1);
    await expect(join()).rejects.toThrow(KernelError);
    expect(await everything()).toBe(before);
    await join();
  });

  test('of publishing, no port is held', async () => {
    await world.backend.createNetwork(DRIVER, aNetworkRequest());
    await world.backend.createEndpoint(DRIVER, anEndpointRequest());
    await join();
    const before = await everything();
    world.kernel.refuseNth(2);
    await expect(program()).rejects.toThrow(KernelError);
    expect(await everything()).toBe(before);
    await program();
  });

  test('of taking ports away, the call succeeds and the next pass finishes it', async () => {
    await published();
    world.kernel.refuse(({ op }) => op === 'delete');
    await world.backend.leave(DRIVER, NET, EP);
    world.kernel.refuse(() => false);
    expect(world.ports.held()).toEqual([]);
    expect(world.kernel.render()).toContain('8080');
    await world.reconciler.pass('timer');
    await world.reconciler.pass('timer');
    expect(world.kernel.render()).not.toContain('8080');
  });
});

describe('when the store refuses', () => {
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['CreateNetwork', () => world.backend.createNetwork(DRIVER, aNetworkRequest())],
    ['CreateEndpoint', () => world.backend.createEndpoint(DRIVER, anEndpointRequest())],
    ['Join', () => join()],
    ['ProgramExternalConnectivity', () => program()],
    ['RevokeExternalConnectivity', () => world.backend.revokeExternal(DRIVER, NET, EP)],
    ['Leave', () => world.backend.leave(DRIVER, NET, EP)],
    ['DeleteEndpoint', () => world.backend.deleteEndpoint(DRIVER, NET, EP)],
    ['DeleteNetwork', () => world.backend.deleteNetwork(DRIVER, NET)],
  ];
  test.each(calls.map(([name], index) => [name, index] as const))(
    'the commit of %s, everything is as before and the call can be repeated',
    async (_name, index) => {
      for (const [, call] of calls.slice(0, index)) await call();
      await world.kernel.discarded();
      const before = await everything();
      const memory = JSON.stringify([[...world.repository.networks()], [...world.repository.endpoints()]]);
      world.store.failCommits(new Error('disk full'));
      await expect(calls[index]?.[1]()).rejects.toThrow('disk full');
      world.store.failCommits(undefined);
      await world.kernel.discarded();
      expect(await everything()).toBe(before);
      expect(JSON.stringify([[...world.repository.networks()], [...world.repository.endpoints()]])).toBe(
        memory,
      );
      await calls[index]?.[1]();
    },
  );
});
