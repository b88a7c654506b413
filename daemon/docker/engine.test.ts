import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Unavailable } from '../../core/errors.ts';
import { knownToDocker } from '../gc/collector.ts';
import { type Engine, openEngine } from './engine.ts';
import { DockerNames } from './names.ts';

interface Recorded {
  readonly answers: readonly { readonly path: string; readonly status: number; readonly body: unknown }[];
}

/** What real engines answered (test/support/record-engine.ts). */
function recorded(engine: string): Recorded {
  const path = new URL(`../../test/golden/engine/${engine}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8'));
}

let folder: string;
let server: Server | undefined;
let engine: Engine | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-engine-'));
});
afterEach(async () => {
  await engine?.[Symbol.asyncDispose]();
  server?.closeAllConnections();
  server?.close();
  engine = undefined;
  server = undefined;
  rmSync(folder, { recursive: true });
});

type Answer = (path: string) => { readonly status: number; readonly text: string } | undefined;

/** An engine behind a socket that answers as told; `undefined` drops the connection. */
async function serve(answer: Answer): Promise<Engine> {
  const path = join(folder, 'docker.sock');
  server = createServer((request, response) => {
    const found = answer(request.url ?? '');
    if (found === undefined) request.socket.destroy();
    else response.writeHead(found.status, { 'content-type': 'application/json' }).end(found.text);
  });
  server.listen(path);
  await once(server, 'listening');
  engine = openEngine(path);
  return engine;
}

function replay({ answers }: Recorded): Answer {
  const known = new Map(answers.map((each) => [each.path, each]));
  return (path) => {
    const found = known.get(path);
    return found && { status: found.status, text: JSON.stringify(found.body) };
  };
}

function containerId({ answers }: Recorded, name: string): string {
  const detail = answers.find(
    ({ path, body }) => path.startsWith('/containers/') && (body as { Name?: string }).Name === `/${name}`,
  );
  if (detail === undefined) throw new Error(`no container ${name} was recorded`);
  return (detail.body as { readonly Id: string }).Id;
}

describe.each(['20.10', '26.1', '28.5'])('engine %s', (series) => {
  const golden = recorded(series);

  test('tells its version', async () => {
    expect(await (await serve(replay(golden))).version()).toMatch(new RegExp(`^${series}`));
  });

  test('tells networks with subnets, options and live endpoints', async () => {
    const networks = new Map(
      (await (await serve(replay(golden))).networks()).map((each) => [each.name, each]),
    );
    expect([...networks.keys()].sort()).toEqual(['app', 'bridge', 'dual', 'host', 'inner', 'none']);
    expect(networks.get('dual')).toMatchObject({
      driver: 'weft-bridge',
      ipamDriver: 'weft',
      internal: false,
      enableIpv4: true,
      enableIpv6: true,
      options: { 'com.docker.network.driver.mtu': '1400', 'weft.isolate': 'false' },
      subnets: [
        {
          subnet: '10.81.0.0/24',
          gateway: '10.81.0.254',
          ipRange: '10.81.0.128/25',
          aux: { nas: '10.81.0.5' },
        },
        { subnet: 'fd00:81::/64', aux: {} },
      ],
    });
    expect(
      networks
        .get('dual')
        ?.endpoints.map(({ name }) => name)
        .sort(),
    ).toEqual(['quiet', 'web']);
    expect(networks.get('dual')?.endpoints.find(({ name }) => name === 'web')).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      container: containerId(golden, 'web'),
      mac: expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
      ipv4: '10.81.0.200/24',
      ipv6: expect.stringMatching(/^fd00:81::[0-9a-f:]+\/64$/),
    });
    expect(networks.get('inner')).toMatchObject({ internal: true, enableIpv6: false, endpoints: [] });
    expect(networks.get('host')).toMatchObject({ driver: 'host', subnets: [], options: {} });
    expect(networks.get('bridge')?.endpoints.map(({ name }) => name)).toEqual(['plain']);
  });

  test('tells a container’s sandbox, ports and networks', async () => {
    const docker = await serve(replay(golden));
    expect(await docker.container(containerId(golden, 'web'))).toEqual({
      sandboxKey: expect.stringMatching(/^\/(var\/)?run\/docker\/netns\/[0-9a-f]+$/),
      networks: 2,
      bindings: {
        '80/tcp': [{ hostIp: '', hostPort: '8080' }],
        '53/udp': [{ hostIp: '127.0.0.1', hostPort: '5353' }],
        '443/tcp': [{ hostIp: '', hostPort: '' }],
        '9000/tcp': [{ hostIp: '', hostPort: '9000-9002' }],
      },
      exposed: expect.arrayContaining(['80/tcp', '53/udp', '443/tcp', '9000/tcp', '9090/tcp']),
      dns: [],
    });
    expect(await docker.container(containerId(golden, 'stopped'))).toMatchObject({ sandboxKey: '' });
    expect(await docker.container('0'.repeat(64))).toBeUndefined();
  });

  test('knows weft’s subnets and addresses, and everybody’s networks and endpoints', async () => {
    const networks = await (await serve(replay(golden))).networks();
    const known = knownToDocker(networks);
    expect(known.networks.size).toBe(6);
    expect(known.endpoints.size).toBe(4);
    expect(known.subnets.has('10.81.0.0/24')).toBe(true);
    expect([...known.subnets].some((subnet) => subnet.startsWith('172.17.'))).toBe(false);
    for (const ip of ['10.81.0.254', '10.81.0.5', '10.81.0.200']) {
      expect(known.addresses.has(`10.81.0.0/24 ${ip}`), ip).toBe(true);
    }
    expect(known.addresses.has('10.81.0.0/24 10.81.0.6')).toBe(false);
  });

  test('gives names to networks and endpoints', async () => {
    const networks = await (await serve(replay(golden))).networks();
    const names = new DockerNames();
    names.update(networks);
    const app = networks.find(({ name }) => name === 'app');
    expect(names.network(app?.id ?? '')).toBe('app');
    expect(names.container(app?.endpoints[0]?.id ?? '')).toBe('web');
    names.update([]);
    expect(names.network(app?.id ?? '')).toBeUndefined();
  });
});

describe('an engine that does not answer well', () => {
  test('is unavailable: nobody behind the socket', async () => {
    engine = openEngine(join(folder, 'absent.sock'));
    expect(await engine.version()).toBeUndefined();
    await expect(engine.networks()).rejects.toBeInstanceOf(Unavailable);
    await expect(engine.networks()).rejects.toThrow(/Docker API \/networks on .*absent\.sock: /);
    await expect(engine.container('c')).rejects.toBeInstanceOf(Unavailable);
  });

  test.each([
    ['an error status', { status: 500, text: '{"message":"restoring"}' }, /status 500: .*restoring/],
    ['no JSON', { status: 200, text: '<html>' }, /Docker API \/networks/],
    ['a dropped connection', undefined, /Docker API \/networks/],
  ])('is unavailable: %s', async (_name, answer, message) => {
    const docker = await serve(() => answer);
    await expect(docker.networks()).rejects.toBeInstanceOf(Unavailable);
    await expect(docker.networks()).rejects.toThrow(message);
    expect(await docker.version()).toBeUndefined();
  });

  test('and a network that goes while it is asked for is left out', async () => {
    const list = [{ Id: 'a' }, { Id: 'gone' }];
    const docker = await serve((path) => {
      if (path === '/networks') return { status: 200, text: JSON.stringify(list) };
      if (path === '/networks/a') return { status: 200, text: '{"Id":"a","Name":"a","Driver":"bridge"}' };
      return { status: 404, text: '{"message":"network gone not found"}' };
    });
    expect(await docker.networks()).toEqual([
      {
        id: 'a',
        name: 'a',
        driver: 'bridge',
        ipamDriver: 'default',
        subnets: [],
        options: {},
        internal: false,
        enableIpv4: true,
        enableIpv6: false,
        endpoints: [],
      },
    ]);
  });
});

test('containers are found by a label, with their network mode', async () => {
  const listed = [
    { Id: 'a', Names: ['/web'], HostConfig: { NetworkMode: 'app' } },
    { Id: 'b', Names: ['/host'], HostConfig: { NetworkMode: 'host' } },
  ];
  const docker = await serve((path) => {
    const asked = new URL(path, 'http://docker');
    const isList = asked.pathname === '/containers/json';
    const isFiltered = asked.searchParams.get('filters') === '{"label":["weft.service"]}';
    return { status: 200, text: JSON.stringify(isList && isFiltered ? listed : []) };
  });
  expect(await docker.labelled('weft.service')).toEqual([
    { id: 'a', name: 'web', networkMode: 'app' },
    { id: 'b', name: 'host', networkMode: 'host' },
  ]);
});
