import { Agent } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, exchange } from './plugin-client.ts';
import { openFixture } from './plugin-fixture.ts';
import type { Recorded } from './recording-backend.ts';
import { RECORDINGS, type RecordedRequest, recordedRequests } from './recordings.ts';

/** What became of one recorded request: the answer, and the backend call it ended in. */
interface Replayed {
  readonly request: RecordedRequest;
  readonly answer: Answer;
  readonly call: Recorded | undefined;
}

const WITHOUT_ARGUMENTS = /^(Plugin\.Activate|.*\.GetCapabilities|IpamDriver\.GetDefaultAddressSpaces)$/;

async function replay(name: string): Promise<readonly Replayed[]> {
  await using fixture = await openFixture();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const results: Replayed[] = [];
  for (const request of recordedRequests(name)) {
    const before = fixture.recorder.calls.length;
    const socket = request.method.startsWith('IpamDriver.') ? fixture.ipam : fixture.bridge;
    const answer = await exchange(socket, {
      path: `/${request.method}`,
      headers: request.headers,
      body: request.body,
      agent,
    });
    results.push({ request, answer, call: fixture.recorder.calls[before] });
    expect(fixture.recorder.calls.length - before).toBeLessThanOrEqual(1);
  }
  agent.destroy();
  return results;
}

const replays = new Map<string, readonly Replayed[]>();

beforeAll(async () => {
  for (const name of RECORDINGS) replays.set(name, await replay(name));
}, 60_000);

/** Arguments of a backend method in one scenario of one recording. */
function decoded(name: string, mark: string, method: Recorded['method']): readonly unknown[] {
  return (replays.get(name) ?? [])
    .filter(({ request, call }) => request.mark === mark && call?.method === method)
    .map(({ call }) => call?.argument);
}

test('there is something to replay', () => {
  expect(RECORDINGS.length).toBeGreaterThanOrEqual(29);
  expect([...replays.values()].flat().length).toBeGreaterThanOrEqual(2600);
});

describe.each(RECORDINGS)('%s', (name) => {
  test('every request is answered 200, but for an empty one with arguments missing', () => {
    for (const { request, answer } of replays.get(name) ?? []) {
      const refused = request.body === '' && !WITHOUT_ARGUMENTS.test(request.method);
      expect(answer.status, `${request.mark} ${request.method} ${request.body} ${answer.text}`).toBe(
        refused ? 500 : 200,
      );
      if (refused) expect(answer.json?.['Err']).toContain('empty request body');
    }
  });

  test('every call with arguments reaches the backend, with its ids as they were sent', () => {
    for (const { request, answer, call } of replays.get(name) ?? []) {
      const calls = answer.status === 200 && !WITHOUT_ARGUMENTS.test(request.method);
      expect(call !== undefined).toBe(calls);
      const body = request.body === '' ? {} : JSON.parse(request.body);
      for (const id of [body.NetworkID, body.EndpointID, body.SandboxKey, body.PoolID]) {
        if (id !== undefined) expect(JSON.stringify(call?.argument)).toContain(id);
      }
    }
  });
});

describe.each(['20', '26', '28', '29'])('Engine %s', (engine) => {
  const tcp80 = { protocol: 'tcp', containerPort: 80, hostPort: 8080, hostPortEnd: 8080 };
  const udp = (port: number) => ({ protocol: 'udp', containerPort: port, hostPort: port, hostPortEnd: port });

  test('Join carries the port mappings and exposed ports of the sandbox', () => {
    const [join] = decoded(`basic-${engine}`, 'run', 'join');
    expect(join).toEqual({
      networkId: expect.stringMatching(/^[0-9a-f]{64}$/),
      endpointId: expect.stringMatching(/^[0-9a-f]{64}$/),
      sandboxKey: expect.stringMatching(/^(\/var)?\/run\/docker\/netns\/[0-9a-f]{12}$/),
      mappings: expect.arrayContaining([tcp80, udp(9000), udp(9001)]),
      exposed: expect.arrayContaining([
        { protocol: 'tcp', port: 80 },
        { protocol: 'tcp', port: 7777 },
        { protocol: 'udp', port: 9000 },
        { protocol: 'udp', port: 9001 },
      ]),
    });
  });

  test('an internal dual-stack network has its gateways and auxiliary addresses', () => {
    const [network] = decoded(`basic-${engine}`, 'connect-n2', 'createNetwork');
    expect(network).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      internal: true,
      enableIpv4: true,
      enableIpv6: true,
      options: {},
      ipv4: [
        {
          pool: '10.9.0.0/16',
          gateway: { ip: '10.9.0.254', prefix: 16 },
          aux: { a: '10.9.5.7', b: '10.9.200.7' },
        },
      ],
      ipv6: [{ pool: 'fd00:9::/64', gateway: { ip: 'fd00:9::1', prefix: 64 }, aux: {} }],
    });
  });

  test('a MAC comes from Interface; its base64 twin and the DNS servers are no driver options', () => {
    const [endpoint] = decoded(`basic-${engine}`, 'mac', 'createEndpoint');
    expect(endpoint).toMatchObject({ mac: '02:42:ac:11:00:99', ipv4: { ip: '10.101.0.4', prefix: 24 } });
    expect(endpoint).toHaveProperty('options', {});
  });

  test('a MAC that was asked for is not repeated in the answer, one that was not is given', () => {
    const created = (replays.get(`basic-${engine}`) ?? []).filter(
      ({ call }) => call?.method === 'createEndpoint',
    );
    expect(created.length).toBeGreaterThan(3);
    for (const { request, answer } of created) {
      const asked = JSON.parse(request.body).Interface.MacAddress !== '';
      if (asked) expect(answer.json).toEqual({});
      else {
        expect(answer.json).toEqual({
          Interface: { Address: '', AddressIPv6: '', MacAddress: expect.stringMatching(/^[0-9a-f:]{17}$/) },
        });
      }
    }
  });

  test('the pool of the null IPAM driver is passed on without a gateway', () => {
    const [network] = decoded(`basic-${engine}`, 'null-ipam', 'createNetwork');
    expect(network).toMatchObject({ ipv4: [{ pool: '0.0.0.0/0', aux: {} }], ipv6: [] });
    expect(network).not.toHaveProperty('ipv4.0.gateway');
  });

  test('driver options of an endpoint are kept as text', () => {
    const endpoints = decoded(`join-variants-${engine}`, 'ifname-opt', 'createEndpoint');
    expect(endpoints).toContainEqual(
      expect.objectContaining({
        options: {
          'com.docker.network.endpoint.ifname': 'foo9',
          'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.ifname.log_martians=1',
        },
      }),
    );
  });

  test('every Join of the variants is decoded', () => {
    const joins = (replays.get(`join-variants-${engine}`) ?? []).filter(
      ({ call }) => call?.method === 'join',
    );
    expect(joins.length).toBeGreaterThanOrEqual(12);
    for (const { answer } of joins) expect(answer.json).toHaveProperty('InterfaceName.SrcName');
  });
});

describe('single engines', () => {
  test.each(['28', '29'])('Engine %s: a network without IPv4', (engine) => {
    const [network] = decoded(`liverestore-ipam-${engine}`, 'ipv6only', 'createNetwork');
    expect(network).toMatchObject({
      enableIpv4: false,
      enableIpv6: true,
      ipv4: [],
      ipv6: [{ gateway: { prefix: 64 } }],
    });
    const [endpoint] = decoded(`liverestore-ipam-${engine}`, 'ipv6only', 'createEndpoint');
    expect(endpoint).toHaveProperty('ipv6.prefix', 64);
    expect(endpoint).not.toHaveProperty('ipv4');
  });

  test('swarm: ids of 25 characters and null arrays, and the options come back', () => {
    const allocations = [...replays.values()].flat().filter(({ call }) => call?.method === 'allocateNetwork');
    expect(allocations).toHaveLength(11);
    for (const { request, answer, call } of allocations) {
      expect(call?.argument).toMatchObject({
        id: expect.stringMatching(/^[0-9a-z]{25}$/),
        ipv4: [{ gateway: { prefix: 24 }, aux: {} }],
        ipv6: [],
      });
      expect(answer.json).toEqual({ Options: JSON.parse(request.body).Options });
    }
  });

  test('swarm: null options of a pool stay null, a user’s are a record', () => {
    const pools = [...replays.values()].flat().filter(({ call }) => call?.method === 'requestPool');
    for (const { request, call } of pools) {
      expect(call?.argument).toHaveProperty('options', JSON.parse(request.body).Options);
    }
    expect(pools.filter(({ request }) => request.body.includes('"Options":null'))).toHaveLength(9);
  });

  test('IPAM: a pool by size, a pool with a sub-pool, an address with its prefix', () => {
    expect([...replays.values()].flat().map(({ call }) => call?.argument)).toEqual(
      expect.arrayContaining([
        { space: 'L', pool: '0.0.0.0/26', options: {}, v6: false },
        { space: 'L', pool: '10.9.0.0/16', subPool: '10.9.5.0/24', options: { io: '1' }, v6: false },
        { space: 'L', pool: 'fd00:9::/64', options: { io: '1' }, v6: true },
        {
          poolId: 'p-10.9.0.0/16',
          address: '10.9.0.254',
          options: { RequestAddressType: 'com.docker.network.gateway' },
        },
        { poolId: 'p-10.9.0.0/16', address: '10.9.5.22' },
      ]),
    );
  });

  test('ProgramExternalConnectivity: keys that engines keep for themselves are ignored', () => {
    const programmed = [...replays.values()]
      .flat()
      .filter(({ request }) => request.body.includes('no_proxy_6to4'));
    expect(programmed.length).toBeGreaterThan(10);
    for (const { call } of programmed) {
      expect(Object.keys(call?.argument ?? {}).sort()).toEqual([
        'endpointId',
        'exposed',
        'mappings',
        'networkId',
      ]);
    }
  });

  test('discovery: what the engine tells of a node is passed on', () => {
    const nodes = [...replays.values()].flat().filter(({ call }) => call?.method === 'discover');
    expect(nodes).toHaveLength(11);
    expect(nodes[0]?.call?.argument).toEqual({
      kind: 'new',
      data: { Address: '10.200.0.1', BindAddress: '10.200.0.1', Self: true },
    });
  });
});
