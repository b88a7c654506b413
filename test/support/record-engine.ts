import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CHECKOUT,
  createHost,
  createUnderlay,
  ENGINES,
  EngineRefused,
  type EngineSeries,
  type Host,
  until,
} from '../lab/index.ts';

/*
 * Writes test/golden/engine/SERIES.json: what real engines answer to the requests that weftd makes of them, with
 * networks of weft and of Docker, containers that run and one that does not. As root: `node test/support/record-engine.ts`.
 */

interface Recorded {
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

async function ask(host: Host, path: string): Promise<Recorded> {
  try {
    return { path, status: 200, body: await host.docker.api.json({ method: 'GET', path }) };
  } catch (error) {
    if (!(error instanceof EngineRefused)) throw error;
    const message = error.message.replace(/^.*?: \d{3}: /, '');
    return { path, status: error.status, body: { message } };
  }
}

async function build(host: Host): Promise<readonly string[]> {
  const { docker } = host;
  const app = await docker.createNetwork({ name: 'app', driver: 'weft-bridge', ipamDriver: 'weft' });
  const dual = await docker.createNetwork({
    name: 'dual',
    driver: 'weft-bridge',
    ipamDriver: 'weft',
    ipv6: true,
    subnets: [
      {
        subnet: '10.81.0.0/24',
        ipRange: '10.81.0.128/25',
        gateway: '10.81.0.254',
        aux: { nas: '10.81.0.5' },
      },
      { subnet: 'fd00:81::/64' },
    ],
    options: { 'com.docker.network.driver.mtu': '1400', 'weft.isolate': 'false' },
  });
  const inner = await docker.createNetwork({
    name: 'inner',
    driver: 'weft-bridge',
    ipamDriver: 'weft',
    internal: true,
  });
  const web = await docker.runContainer({
    name: 'web',
    network: 'app',
    ports: ['8080:80', '127.0.0.1:5353:53/udp', ':443', '9000-9002:9000'],
    expose: ['9090/tcp'],
  });
  await docker.connect('dual', web, { ip: '10.81.0.200' });
  const quiet = await docker.runContainer({ name: 'quiet', network: 'dual' });
  const stopped = await docker.createContainer({ name: 'stopped', network: 'inner', ports: ['8081:80'] });
  const plain = await docker.runContainer({ name: 'plain' });
  return [
    '/version',
    '/networks',
    ...[app, dual, inner].map((id) => `/networks/${id}`),
    ...[web, quiet, stopped, plain].map(({ id }) => `/containers/${id}/json`),
    `/networks/${'0'.repeat(64)}`,
    `/containers/${'0'.repeat(64)}/json`,
  ];
}

async function record(engine: EngineSeries): Promise<void> {
  await using underlay = await createUnderlay();
  const host = await createHost({ underlay, engine, name: 'golden' });
  const weftd = await host.startWeftd(['--log-level', 'warn']);
  await until('weftd to answer', async () => (await host.weft(['status'])).code === 0);
  const paths = await build(host);
  const answers: Recorded[] = [];
  for (const path of paths) answers.push(await ask(host, path));
  const listed = answers.find(({ path }) => path === '/networks')?.body as readonly { readonly Id: string }[];
  for (const { Id } of listed) {
    if (!paths.includes(`/networks/${Id}`)) answers.push(await ask(host, `/networks/${Id}`));
  }
  const folder = join(CHECKOUT, 'test/golden/engine');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${engine}.json`), `${JSON.stringify({ engine, answers }, null, 1)}\n`);
  await weftd.stop();
}

for (const engine of ENGINES) await record(engine);
