import { beforeEach, describe, expect, test } from 'vitest';
import { type Ip, parseIfAddress } from '../../core/address.ts';
import type { RemoteEndpoint } from '../../core/cluster.ts';
import { creations } from '../../core/diff.ts';
import { type EndpointId, type Mac, parseNetworkId } from '../../core/ids.ts';
import type { KernelObject } from '../../core/kernel-objects.ts';
import type { DriverName, Endpoint, Network, NetworkRequest } from '../../core/model.ts';
import { linkName } from '../../core/names.ts';
import { drivers, planTunnelSenders } from '../../drivers/index.ts';
import {
  aNetworkRequest,
  anAttachment,
  anEndpoint,
  anEndpointRequest,
  aSubnet,
} from '../../test/fakes/builders.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel.ts';
import { aNameRecord } from '../../test/fakes/memory-names.ts';
import { MemoryNaming } from '../../test/fakes/memory-naming.ts';
import { MemoryShared, type MemoryView } from '../../test/fakes/memory-shared.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { clusterKeys } from '../cluster/index.ts';
import { DockerNames } from '../docker/index.ts';
import { hostPlan } from '../reconcile/index.ts';
import { Repository } from '../state/index.ts';
import { type ExplainParts, explain } from './index.ts';

const APP = parseNetworkId('a1'.repeat(32));
const WEB = parseNetworkId('b2'.repeat(32));
const A = 'c1'.repeat(32) as EndpointId;
const B = 'c2'.repeat(32) as EndpointId;
const W = 'd1'.repeat(32) as EndpointId;
const FAR = 'ef'.repeat(32) as EndpointId;
const VTEP = '192.0.2.2' as Ip;
const REMOTE: RemoteEndpoint = {
  id: FAR,
  network: 'app',
  node: 'h2',
  mac: '02:00:00:00:00:99' as Mac,
  ipv4: '10.80.0.40' as Ip,
  ipv6: 'fd00:80::40' as Ip,
};
const TUNNEL = { name: 'app', id: 'net-1', vni: 77, local: '192.0.2.1' as Ip, port: 4789, underlayMtu: 1500 };

let kernel: FakeKernel;
let repository: Repository;
let shared: MemoryShared;
let view: MemoryView;
let answering: boolean;
let dead: Set<string>;
let fence: { readonly reason: string } | undefined;
let refusals: Map<string, string>;

function network(driver: DriverName, request: NetworkRequest, more: Partial<Network> = {}): Network {
  const options = drivers.get(driver)?.parseNetwork(request, { foreignLinks: new Map() }, []);
  return { driver, request, options, createdAt: 0, ...more };
}

const appRequest = aNetworkRequest({
  id: APP,
  enableIpv6: true,
  ipv6: [aSubnet('fd00:80::/64', 'fd00:80::1/64')],
});
const webRequest = (options: Record<string, string> = {}) =>
  aNetworkRequest({ id: WEB, options, ipv4: [aSubnet('10.90.0.0/24', '10.90.0.1/24')] });

function joined(id: EndpointId, networkId: string, ipv4: string, ipv6?: string): Endpoint {
  const request = anEndpointRequest({ id, networkId, ipv4, ...(ipv6 === undefined ? {} : { ipv6 }) });
  return anEndpoint({ request, attachment: anAttachment() });
}

/** What intent requires, as the reconciler would have it, remote endpoint included. */
function plan(): readonly KernelObject[] {
  const overlay = drivers.get('weft-overlay');
  const of = (each: Network) => drivers.get(each.driver);
  const app = repository.network(APP);
  return [
    ...hostPlan({ ipv6: true }),
    ...[...repository.networks()].flatMap((each) => of(each)?.planNetwork(each) ?? []),
    ...[...repository.endpoints()].flatMap((each) => {
      const its = repository.network(each.request.networkId);
      return its === undefined ? [] : (of(its)?.planEndpoint(its, each) ?? []);
    }),
    ...(app?.tunnel === undefined ? [] : (overlay?.planRemote?.(app, REMOTE, VTEP) ?? [])),
    ...(app?.tunnel === undefined ? [] : planTunnelSenders(app.tunnel, [VTEP])),
  ];
}

async function settle(): Promise<void> {
  kernel = new FakeKernel();
  kernel.setLink('eth0', { mtu: 1500 });
  await kernel.apply([
    ...creations([{ kind: 'address', dev: 'eth0' as never, address: parseIfAddress('192.0.2.1/24', 'a') }]),
    ...creations(plan()),
  ]);
}

const put = (key: string, record: object) =>
  shared.commit({ put: [{ key, value: Buffer.from(JSON.stringify(record)) }] });

beforeEach(async () => {
  shared = new MemoryShared();
  view = shared.view();
  answering = true;
  dead = new Set();
  fence = undefined;
  refusals = new Map();
  repository = await Repository.load(new MemoryStore());
  await repository.putNetwork(network('weft-overlay', appRequest, { tunnel: TUNNEL }));
  await repository.putNetwork(network('weft-bridge', webRequest()));
  await repository.putEndpoint(joined(A, APP, '10.80.0.2/24', 'fd00:80::2/64'));
  await repository.putEndpoint(joined(B, APP, '10.80.0.3/24', 'fd00:80::3/64'));
  await repository.putEndpoint(joined(W, WEB, '10.90.0.2/24'));
  const member = { id: 'i2', name: 'h2', address: VTEP, vxlanPort: 4789, joinedAt: 1 };
  put(clusterKeys.member('h2'), member);
  put(clusterKeys.alive('h2'), { id: 'i2', version: '1', instance: 'x', since: 1 });
  put(clusterKeys.joined('app', 'h2'), { network: 'net-1' });
  put(clusterKeys.endpoint('app', 'h2', FAR), REMOTE);
  await settle();
});

function parts(): ExplainParts {
  const names = new DockerNames();
  const named = (id: string, name: string) => ({ id, container: name, name, mac: '', ipv4: '', ipv6: '' });
  names.update([
    { id: APP, name: 'app', endpoints: [named(A, 'a'), named(B, 'b')] },
    { id: WEB, name: 'web', endpoints: [named(W, 'w')] },
  ] as never);
  return {
    repository,
    drivers,
    names,
    kernel,
    shared: { shared: view, node: { name: 'h1' }, membership: { fence } },
    cluster: {
      binder: { refusalOf: (id) => refusals.get(id) },
      liveness: { isDead: (node) => dead.has(node) },
    },
    probe: async () => answering,
  };
}

const walk = (from: string, to: string) => explain(parts(), from, to);

/** Ids of the steps, those that fail in capitals, those that are notes in parentheses. */
async function ladder(from: string, to: string): Promise<string> {
  const shown = {
    ok: (id: string) => id,
    fail: (id: string) => id.toUpperCase(),
    note: (id: string) => `(${id})`,
  };
  return (await walk(from, to)).steps.map(({ id, state }) => shown[state](id)).join(' ');
}

const START = 'from cluster-network bridge from-sandbox from-link';

describe('the way that holds', () => {
  test.each([
    ['a', 'b', `${START} to same-network to-sandbox to-link icc`],
    ['a', 'b:80', `${START} to same-network to-sandbox to-link icc (port)`],
    [
      'a',
      '10.80.0.40:53/udp',
      `${START} to same-network node remote-network neighbour vxlan bridge-fdb vxlan-fdb underlay mtu senders (remote-host) (port)`,
    ],
    ['a', '10.80.0.1', `${START} to`],
    ['a', 'fd00:80::1', `${START} to`],
  ])('%s to %s', async (from, to, steps) => {
    expect(await ladder(from, to)).toBe(steps);
    expect((await walk(from, to)).holds).toBe(true);
  });

  test('is told with what is and what should be', async () => {
    const { steps, ...ends } = await walk('c1', 'efef:80');
    expect(ends).toEqual({
      from: 'a (10.80.0.2 and fd00:80::2)',
      to: '10.80.0.40 (10.80.0.40 and fd00:80::40)',
      port: '80/tcp',
      holds: true,
    });
    const wx = linkName('wx', APP);
    const wb = linkName('wb', APP);
    expect(Object.fromEntries(steps.map(({ id, found }) => [id, found]))).toMatchObject({
      from: 'c1c1c1c1c1c1 on network app, 10.80.0.2 and fd00:80::2',
      'cluster-network': 'app, VNI 77',
      neighbour: `10.80.0.40 has ${REMOTE.mac} on ${wb}; fd00:80::40 has ${REMOTE.mac} on ${wb}`,
      'bridge-fdb': `${REMOTE.mac} is behind port ${wx}`,
      vxlan: `${wx}, up, port of ${wb}, VNI 77, from 192.0.2.1, UDP port 4789, MTU 1450`,
      'vxlan-fdb': `${wx} sends ${REMOTE.mac} to 192.0.2.2`,
      underlay: '192.0.2.0/24 by eth0',
      mtu: 'MTU 1500',
      node: 'its weftd holds its lease; 192.0.2.2 answers',
    });
  });

  test('is of one family when an address of it was asked for', async () => {
    const { steps } = await walk('a', 'fd00:80::40');
    expect(steps.find(({ id }) => id === 'neighbour')?.found).not.toContain('10.80.0.40');
  });
});

type Change = () => void | Promise<void>;
const gone = (matches: (object: KernelObject) => boolean) => () =>
  kernel.tamper(
    kernel
      .objects()
      .filter(matches)
      .map((object) => ({ op: 'delete', object }) as const),
  );

const BROKEN: readonly (readonly [what: string, to: string, change: Change, first: string, said: RegExp])[] =
  [
    [
      'bridge gone',
      'b',
      () => kernel.removeLink(linkName('wb', APP)),
      'bridge',
      /is no link wb-|no link wb-/,
    ],
    ['link of the sender gone', 'b', () => kernel.removeLink(linkName('wv', A)), 'from-link', /no link wv-/],
    ['link down', 'b', () => kernel.setLink(linkName('wv', B), { up: false }), 'to-link', /down/],
    [
      'not started',
      'b',
      () =>
        repository.putEndpoint(
          anEndpoint({ request: anEndpointRequest({ id: B, networkId: APP, ipv4: '10.80.0.3/24' }) }),
        ),
      'to-sandbox',
      /docker start b/,
    ],
    [
      'neighbour entry gone',
      '10.80.0.40',
      gone((each) => each.kind === 'neighbour' && each.ip === '10.80.0.40'),
      'neighbour',
      /no neighbour wb-\S+ 10\.80\.0\.40/,
    ],
    [
      'bridge entry gone',
      '10.80.0.40',
      gone((each) => each.kind === 'fdb' && each.destination === undefined),
      'bridge-fdb',
      /no fdb wx-/,
    ],
    [
      'tunnel entry gone',
      '10.80.0.40',
      gone((each) => each.kind === 'fdb' && each.destination !== undefined),
      'vxlan-fdb',
      /no fdb wx-\S+ 02:00:00:00:00:99 192\.0\.2\.2/,
    ],
    [
      'tunnel entry leads elsewhere',
      '10.80.0.40',
      () => {
        gone((each) => each.kind === 'fdb' && each.destination !== undefined)();
        const object = {
          kind: 'fdb',
          dev: linkName('wx', APP),
          mac: REMOTE.mac,
          destination: '192.0.2.66' as Ip,
        } as const;
        kernel.tamper([{ op: 'create', object }]);
      },
      'vxlan-fdb',
      /sends 02:00:00:00:00:99 to 192\.0\.2\.66/,
    ],
    [
      'sender not let in',
      '10.80.0.40',
      gone((each) => each.kind === 'element' && each.set === 'tunnel-ends'),
      'senders',
      /tunnel-ends/,
    ],
    ['no way on the underlay', '10.80.0.40', () => kernel.removeLink('eth0'), 'underlay', /no route/],
    [
      'node dead',
      '10.80.0.40',
      () => void dead.add('h2'),
      'node',
      /does not answer: its endpoints are withdrawn/,
    ],
    [
      'node removed',
      '10.80.0.40',
      () => void shared.commit({ delete: [clusterKeys.member('h2')] }),
      'node',
      /no member of that name/,
    ],
    [
      'network refused there',
      '10.80.0.40',
      () => void put(clusterKeys.joined('app', 'h2'), { network: 'net-1', refused: 'overlaps eth1' }),
      'remote-network',
      /overlaps eth1/,
    ],
    [
      'another network of that name there',
      '10.80.0.40',
      () => void put(clusterKeys.joined('app', 'h2'), { network: 'net-0' }),
      'remote-network',
      /network net-0/,
    ],
    [
      'this host fenced',
      '10.80.0.40',
      () => {
        fence = { reason: 'node h1 was removed' };
      },
      'member',
      /was removed/,
    ],
    ['nobody has the address', '10.80.0.77', () => undefined, 'to', /no endpoint has it/],
  ];

test.each(BROKEN)('%s: to %s', async (_what, to, change, first, said) => {
  await change();
  const { holds, steps } = await walk('a', to);
  const failed = steps.find(({ state }) => state === 'fail');
  expect({ holds, first: failed?.id }).toEqual({ holds: false, first });
  expect(JSON.stringify(failed)).toMatch(said);
  expect(failed?.remedy).toBeTruthy();
});

test('the VXLAN device gone is told before what was on it', async () => {
  kernel.removeLink(linkName('wx', APP));
  const { steps } = await walk('a', '10.80.0.40');
  const failed = steps.filter(({ state }) => state === 'fail').map(({ id }) => id);
  expect(failed).toEqual(['vxlan', 'bridge-fdb', 'vxlan-fdb']);
});

test('a network that the cluster refuses', async () => {
  const { tunnel: _, ...unbound } = network('weft-overlay', appRequest, { tunnel: TUNNEL });
  await repository.putNetwork(unbound);
  expect(await ladder('a', 'b')).toMatch(/^from CLUSTER-NETWORK/);
  refusals.set(APP, 'network app differs: internal');
  const { steps } = await walk('a', 'b');
  expect(steps.find(({ state }) => state === 'fail')).toMatchObject({
    found: 'network app differs: internal',
  });
});

describe('what works at a cost, or is not seen', () => {
  test('a node without a lease that answers', async () => {
    shared.commit({ delete: [clusterKeys.alive('h2')] });
    expect(await ladder('a', '10.80.0.40')).toContain('(node)');
    expect((await walk('a', '10.80.0.40')).holds).toBe(true);
  });

  test('an underlay that carries less than the network', async () => {
    kernel.setLink('eth0', { mtu: 1400 });
    const { steps, holds } = await walk('a', '10.80.0.40');
    expect(steps.find(({ id }) => id === 'mtu')).toMatchObject({
      state: 'note',
      intent: 'MTU 1500 or more',
      found: 'MTU 1400',
    });
    expect(holds).toBe(true);
  });

  test('a view that is old', async () => {
    Object.defineProperty(view, 'status', { value: { connected: false, ageMs: 42_000, revision: 4n } });
    const { steps } = await walk('a', '10.80.0.40');
    expect(steps.find(({ id }) => id === 'remote-network')?.found).toMatch(/as of 42 s ago/);
  });
});

describe('between networks', () => {
  const across = 'from bridge from-sandbox from-link to (same-network) gateway forwarding';
  const remake = async (options: Record<string, string>, change: Partial<NetworkRequest> = {}) => {
    await repository.putNetwork(network('weft-bridge', { ...webRequest(options), ...change }));
    await settle();
  };

  test('the other end is isolated', async () => {
    const { steps } = await walk('a', 'w:80');
    const failed = steps.find(({ state }) => state === 'fail');
    expect(failed).toMatchObject({ id: 'entering', intent: expect.stringContaining('isolated') as string });
    expect(failed?.remedy).toContain('docker network connect web a');
  });

  test('its published port is named', async () => {
    const published = [
      { protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080, containerIp: '10.90.0.2', containerPort: 80 },
    ] as never;
    await repository.putEndpoint({ ...joined(W, WEB, '10.90.0.2/24'), published });
    const { steps } = await walk('a', 'w:80');
    expect(steps.find(({ id }) => id === 'entering')?.remedy).toContain('published port, 8080/tcp');
  });

  test('the other end is open to them', async () => {
    await remake({ 'weft.isolate': 'false' });
    expect(await ladder('a', 'w')).toBe(
      'from cluster-network bridge from-sandbox from-link to (same-network) gateway forwarding entering bridge to-sandbox to-link',
    );
  });

  test('the host does not forward', async () => {
    await remake({ 'weft.isolate': 'false' });
    kernel.tamper([{ op: 'create', object: { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '0' } }]);
    const { steps } = await walk('a', 'w');
    expect(steps.find(({ state }) => state === 'fail')).toMatchObject({
      id: 'forwarding',
      found: 'net.ipv4.ip_forward = 0',
    });
  });

  test('internal networks', async () => {
    await remake({}, { internal: true });
    expect(await ladder('w', 'b')).toBe(
      `${across} LEAVING ENTERING cluster-network bridge to-sandbox to-link`,
    );
    const { steps } = await walk('a', 'w');
    expect(steps.find(({ state }) => state === 'fail')?.intent).toBe(
      'network web is internal: nothing enters it',
    );
  });

  test('answers from another host do not come back', async () => {
    const open = aNetworkRequest({ ...appRequest, options: { 'weft.isolate': 'false' } });
    await repository.putNetwork(network('weft-overlay', open, { tunnel: TUNNEL }));
    await settle();
    expect(await ladder('w', '10.80.0.40')).toMatch(
      new RegExp(`^${across.replaceAll(/[()]/g, '\\$&')} entering ANSWERS`),
    );
  });

  test('families that do not meet', async () => {
    expect(await ladder('w', 'fd00:80::3')).toBe('from bridge from-sandbox from-link to FAMILY');
    expect(await ladder('w', '2001:db8::1')).toMatch(/FAMILY$/);
  });
});

test('the way out', async () => {
  expect(await ladder('w', '192.0.2.9:443')).toBe(
    'from bridge from-sandbox from-link (to) gateway forwarding masquerade route (outside)',
  );
  expect(await ladder('w', '203.0.113.9')).toContain('ROUTE');
});

describe('names', () => {
  const walkNamed = async (to: string, change: (naming: MemoryNaming) => void = () => undefined) => {
    const naming = new MemoryNaming();
    naming.putName(aNameRecord({ endpoint: FAR, network: 'app', names: ['far'], node: 'h2' }));
    const shop = { ports: [{ protocol: 'tcp' as const, port: 80, target: 8080 }], select: 'far' };
    naming.putService({ network: 'app', name: 'shop', ...shop, origin: 'api', createdAt: 1 });
    change(naming);
    const discovery = { naming: { view: naming }, resolver: { status: { process: {} } } };
    return explain({ ...parts(), discovery }, 'a', to);
  };
  const ids = ({ steps }: Awaited<ReturnType<typeof walkNamed>>) => steps.map(({ id }) => id).join(' ');

  test('lead over a service to a backend of another host, and its own port', async () => {
    const way = await walkNamed('shop:80');
    expect(ids(way)).toMatch(/^resolver name service-port backend from .* vxlan-fdb .* port$/);
    expect(way).toMatchObject({ holds: true, port: '80/tcp' });
    expect(way.to).toBe('shop, that is far (10.80.0.40 and fd00:80::40)');
    expect(way.steps.at(-1)?.title).toContain('8080');
  });

  test('of another network cannot be reached, ids and addresses can', async () => {
    const put = (naming: MemoryNaming) =>
      naming.putService({ network: WEB, name: 'other', ports: [], origin: 'api', createdAt: 1 });
    const way = await walkNamed('other', put);
    expect(way.steps).toMatchObject([{ id: 'name', state: 'fail', remedy: 'docker network connect web a' }]);
    expect(ids(await walkNamed('w', put))).toMatch(/^from /);
    expect(ids(await walkNamed('10.80.0.40'))).toMatch(/^from /);
  });
});

describe('who is meant', () => {
  test.each([
    ['nope', 'b', /no endpoint on this host/],
    ['a', 'nope', /no endpoint that this host knows of/],
    ['a', 'c', /"c" names 2 endpoints: c1/],
    ['10.80.0.40', 'a', /is on node h2: run weft explain there/],
    ['a', 'b:0', /names no end of a way/],
  ])('%s to %s', async (from, to, message) => {
    await expect(walk(from, to)).rejects.toThrow(message);
  });

  test('a container on two networks sends from the one that both are on', async () => {
    const second = 'd9'.repeat(32) as EndpointId;
    await repository.putEndpoint(joined(second, WEB, '10.90.0.9/24'));
    const both = parts();
    const { names } = both;
    const two = {
      ...both,
      names: {
        ...names,
        network: (id: string) => names.network(id),
        container: (id: string) => (id === second ? 'a' : names.container(id)),
      },
    };
    expect((await explain(two, 'a', 'w')).from).toBe('a (10.90.0.9)');
    expect((await explain(two, 'a', 'b')).from).toBe('a (10.80.0.2 and fd00:80::2)');
  });
});
