import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diff } from '../../core/diff.ts';
import { WeftError } from '../../core/errors.ts';
import { parseEndpointId, parseNetworkId, parseSandboxKey } from '../../core/ids.ts';
import { hostState, type KernelObject } from '../../core/kernel-objects.ts';
import { drivers } from '../../drivers/index.ts';
import { aMapping, aNetworkRequest, anEndpointRequest, aSubnet } from '../../test/fakes/builders.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel.ts';
import { FakePorts } from '../../test/fakes/fake-ports.ts';
import { type HostWorld, LIVE_SANDBOX, startWorld } from '../../test/fakes/host-world.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { hostPlan } from './host-plan.ts';

const DRIVER = 'weft-bridge';
const INTENTS = ['create', 'connect', 'leave', 'disconnect', 'remove'] as const;
const DAMAGES = ['delete object', 'delete link', 'set down', 'detach', 'stray', 'foreign', 'rename'] as const;

type Move =
  | {
      readonly kind: 'intent';
      readonly what: (typeof INTENTS)[number];
      readonly n: number;
      readonly m: number;
    }
  | { readonly kind: 'damage'; readonly what: (typeof DAMAGES)[number]; readonly at: number }
  | { readonly kind: 'refuse'; readonly nth: number }
  | { readonly kind: 'pass' | 'restart' };

const anyMove: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('intent' as const),
      what: fc.constantFrom(...INTENTS),
      n: fc.integer({ min: 0, max: 2 }),
      m: fc.integer({ min: 0, max: 2 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('damage' as const),
      what: fc.constantFrom(...DAMAGES),
      at: fc.nat(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('refuse' as const), nth: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('pass' as const, 'restart' as const) }) },
);

async function intend(
  { backend, kernel }: HostWorld,
  move: Extract<Move, { kind: 'intent' }>,
): Promise<void> {
  const { what, n, m } = move;
  const networkId = parseNetworkId(`${n}a`.repeat(32));
  const endpointId = parseEndpointId(`${n}${m}`.repeat(32));
  switch (what) {
    case 'create': {
      const ipv4 = [aSubnet(`10.${n}.0.0/24`, `10.${n}.0.1/24`)];
      const options = n === 2 ? { 'com.docker.network.driver.mtu': '1400' } : {};
      return backend.createNetwork(DRIVER, aNetworkRequest({ id: networkId, ipv4, options }));
    }
    case 'connect': {
      const ipv4 = `10.${n}.0.${m + 2}/24`;
      await backend.createEndpoint(DRIVER, anEndpointRequest({ id: endpointId, networkId, ipv4 }));
      const ports = { mappings: [aMapping(`${8000 + m}:80/tcp`)], exposed: [] };
      const sandboxKey = parseSandboxKey(LIVE_SANDBOX);
      const { link } = await backend.join(DRIVER, { networkId, endpointId, sandboxKey, ...ports });
      if (link !== undefined) kernel.movePeer(link.sourceName);
      return backend.programExternal(DRIVER, networkId, endpointId, ports);
    }
    case 'leave':
      return backend.leave(DRIVER, networkId, endpointId);
    case 'disconnect':
      return backend.deleteEndpoint(DRIVER, networkId, endpointId);
    case 'remove':
      return backend.deleteNetwork(DRIVER, networkId);
  }
}

/** Somebody else on the host breaks something of weft's, or leaves something behind that looks like weft's. */
function damage(kernel: FakeKernel, { what, at }: Extract<Move, { kind: 'damage' }>): void {
  const links = kernel.objects().flatMap((object) => (object.kind === 'link' ? [object.name as string] : []));
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[at % Math.max(1, items.length)];
  const name = pick(links);
  switch (what) {
    case 'delete object': {
      const object = pick(kernel.objects().filter(({ kind }) => kind !== 'link' && kind !== 'sysctl'));
      if (object !== undefined) kernel.tamper([{ op: 'delete', object }]);
      return;
    }
    case 'stray':
      kernel.setLink(`wb-stray${'abcdefghij'.charAt(at % 10)}aaaa`, {
        kind: 'bridge',
        alias: 'weft:weft-bridge:old',
      });
      return;
    case 'delete link':
      if (name !== undefined) kernel.removeLink(name);
      return;
    case 'set down':
      if (name !== undefined) kernel.setLink(name, { up: false });
      return;
    case 'detach':
      if (name !== undefined) kernel.setLink(name, { master: '' });
      return;
    case 'rename':
      if (name !== undefined) kernel.setLink(name, { alias: 'somebody’s' });
      return;
    case 'foreign':
      if (name === undefined) return;
      kernel.removeLink(name);
      kernel.setLink(name, { kind: 'vxlan' });
  }
}

function plan({ repository }: HostWorld): readonly KernelObject[] {
  return [
    ...hostPlan({ ipv6: true }),
    ...[...repository.networks()].flatMap(
      (network) => drivers.get(network.driver)?.planNetwork(network) ?? [],
    ),
    ...[...repository.endpoints()].flatMap((endpoint) => {
      const network = repository.network(endpoint.request.networkId);
      return (network && drivers.get(network.driver)?.planEndpoint(network, endpoint)) ?? [];
    }),
  ];
}

async function move(
  world: HostWorld,
  host: Parameters<typeof startWorld>[0],
  each: Move,
): Promise<HostWorld> {
  switch (each.kind) {
    case 'intent':
      await intend(world, each).catch((error: unknown) => {
        if (!(error instanceof WeftError)) throw error;
      });
      return world;
    case 'damage':
      damage(world.kernel, each);
      return world;
    case 'refuse':
      world.kernel.refuseNth(each.nth);
      return world;
    case 'pass':
      await world.reconciler.pass('timer');
      return world;
    case 'restart':
      // What was to be discarded later is forgotten with the process; so are the ports it held.
      await world.kernel.discarded();
      return startWorld({ ...host, ports: new FakePorts() });
  }
}

test('any walk of intents, damage, refusals and restarts ends where intent says', async () => {
  const walk = fc.asyncProperty(fc.array(anyMove, { minLength: 10, maxLength: 60 }), async (moves) => {
    const host = { store: new MemoryStore(), kernel: new FakeKernel() };
    host.kernel.sandboxes.add(LIVE_SANDBOX);
    let world = await startWorld(host);
    for (const each of moves) world = await move(world, host, each);
    host.kernel.refuse(() => false);
    await host.kernel.discarded();
    for (let pass = 0; pass < 3; pass++) await world.reconciler.pass('timer');
    const wanted = plan(world);
    const left = new Set(
      [...world.repository.endpoints()]
        .filter((each) => each.attachment === undefined)
        .map(({ request }) => request.id as string),
    );
    const steps = diff(hostState(wanted), await host.kernel.snapshot(wanted)).filter(
      // After Leave, a link stays for Docker to move.
      ({ op, object }) =>
        !(
          op === 'delete' &&
          object.kind === 'link' &&
          object.type === 'veth' &&
          left.has(object.alias.split(':')[3] ?? '')
        ),
    );
    expect(steps).toEqual([]);
    host.kernel.applied.length = 0;
    expect(await world.reconciler.pass('timer')).toMatchObject({ repairs: 0 });
    expect(host.kernel.applied).toEqual([]);
  });
  await fc.assert(walk, { numRuns: 100 });
});
