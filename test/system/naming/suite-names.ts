import type { Test } from 'tap';
import type { ServiceDetail } from '../../../core/control.ts';
import { until } from '../../lab/index.ts';
import { type OverlayScene, type Placed, placed } from '../overlay/overlay-scene.ts';
import { type Addresses, dig, resolves, unknown } from './asking.ts';
import { compose } from './compose.ts';
import { sharesByWeight } from './spread.ts';

/** What each host's `web` is to get of the requests, in the order of the hosts. */
const WEIGHTS = [1, 2, 3] as const;
const FOLLOW_MS = 10_000;

/** The Compose project over three hosts. */
interface Mall {
  readonly webs: readonly Placed[];
  readonly api: Placed;
  readonly db: Placed;
  /** One container on each host that only asks. */
  readonly clients: readonly Placed[];
  readonly vips: Addresses;
}

export function of(...places: readonly Placed[]): Addresses {
  return { v4: places.map(({ ip }) => ip), v6: places.map(({ ip6 }) => ip6) };
}

/** Starts `web` on every host, `api` on the second and `db` on the third. */
async function openMall(scene: OverlayScene): Promise<Mall> {
  await scene.dualNetwork('app');
  const more = [[], ['api'], ['db']];
  await Promise.all(
    scene.nodes.map(({ host }, n) =>
      compose({ host, weight: WEIGHTS[n] ?? 1 }, 'up', '-d', 'web', ...(more[n] ?? [])),
    ),
  );
  const [, two, three] = scene.three;
  const find = async (node: Placed['node'], name: string) =>
    placed(node, await node.docker.container(name), 'app');
  const webs = await Promise.all(scene.nodes.map((node) => find(node, `web-${node.name}`)));
  const clients = await Promise.all(
    scene.nodes.map(async (node) => {
      const container = await node.docker.runContainer({ name: `client-${node.name}`, network: 'app' });
      return placed(node, container, 'app');
    }),
  );
  const service = await until(
    'every host knows every backend',
    async () => {
      const seen = await Promise.all(
        scene.nodes.map((node) => node.weftJson<ServiceDetail>('service', 'inspect', 'shop')),
      );
      return seen.every(({ readyCount }) => readyCount === webs.length) && seen[0];
    },
    { timeoutMs: FOLLOW_MS },
  );
  const vips = { v4: [service.vip4 ?? ''], v6: [service.vip6 ?? ''] };
  return { webs, clients, api: await find(two, 'mall_api_1'), db: await find(three, 'mall_db_1'), vips };
}

async function namesOfCompose(t: Test, scene: OverlayScene): Promise<void> {
  const mall = await openMall(scene);
  const { webs, api, db, clients, vips } = mall;
  const [first] = webs;
  if (first === undefined) throw new Error('no web');
  const all: Readonly<Record<string, Addresses>> = {
    [first.name]: of(first),
    mall_api_1: of(api),
    [db.container.id.slice(0, 12)]: of(db),
    web: of(...webs),
    storefront: of(...webs),
    'STOREfront.App': of(...webs),
    backend: of(api),
    'old-api': of(api),
    'db.app': of(db),
    'tasks.web': of(...webs),
    shop: vips,
    'shop.app': vips,
    'tasks.shop': of(...webs),
    'tasks.shop.app': of(...webs),
  };
  for (const { node, container } of clients) {
    for (const [name, expected] of Object.entries(all))
      await resolves(t, container, name, expected, `a container of ${node.name}`);
    await servicesAndReverse(t, mall, container, node.name);
  }
  await sharesByWeight(t, {
    clients: clients.map(({ container }) => container),
    vip: vips.v4[0] ?? '',
    vip6: vips.v6[0] ?? '',
    weights: Object.fromEntries(scene.nodes.map(({ name }, n) => [name, WEIGHTS[n] ?? 1])),
  });
  await t.test('names go with their containers', (t) => namesGo(t, scene, mall));
}

async function servicesAndReverse(
  t: Test,
  { webs, api, vips }: Mall,
  from: Placed['container'],
  who: string,
): Promise<void> {
  t.same(await dig(from, '_80._tcp.shop', 'SRV'), ['0 0 80 shop.'], `SRV of the service, on ${who}`);
  t.same(
    await dig(from, '_80._tcp.tasks.shop.app', 'SRV'),
    webs.map(({ name }) => `0 0 8080 ${name}.app.`).sort(),
    `SRV of its backends, on ${who}`,
  );
  t.same(await dig(from, '_81._tcp.shop', 'SRV'), [], `no SRV of a port it does not have, on ${who}`);
  for (const ip of [api.ip, api.ip6])
    t.same(await dig(from, '-x', ip), ['mall_api_1.app.'], `PTR of ${ip}, on ${who}`);
  for (const ip of [...vips.v4, ...vips.v6])
    t.same(await dig(from, '-x', ip), ['shop.'], `PTR of ${ip}, on ${who}`);
  t.equal(
    await from.exec(['wget', '-qO-', 'http://backend/']),
    'api\n',
    `a static client on ${who} gets a page`,
  );
}

async function namesGo(t: Test, scene: OverlayScene, { webs, clients, db, vips }: Mall): Promise<void> {
  const [one, two, three] = scene.three;
  await compose({ host: three.host }, 'rm', '-s', '-f', 'web', 'db');
  const left = webs.filter(({ node }) => node !== three);
  for (const { node, container } of clients) {
    await resolves(t, container, 'web', of(...left), `a container of ${node.name}, when one has gone`);
    await unknown(t, container, 'db', `a container of ${node.name}`);
    await unknown(t, container, `${db.container.id.slice(0, 12)}`, `a container of ${node.name}`);
    await resolves(t, container, 'shop', vips, `a container of ${node.name}, when one has gone`);
  }
  await Promise.all([one, two].map(({ host }) => compose({ host }, 'down')));
}

async function scope(t: Test, scene: OverlayScene): Promise<void> {
  const [one, two, three] = scene.three;
  await scene.dualNetwork('red');
  await scene.dualNetwork('blue');
  const labels = { 'weft.service': 'paint', 'weft.service.port': '80' };
  const red = await scene.server(one, 'red', { name: 'apple', labels });
  const blue = await scene.server(two, 'blue', { name: 'sky', labels });
  const onRed = await three.docker.runContainer({ name: 'ladybird', network: 'red' });
  const onBlue = await three.docker.runContainer({ name: 'whale', network: 'blue' });
  await resolves(t, onRed, 'apple', of(red), 'one on its network');
  await resolves(t, onBlue, 'sky', of(blue), 'one on its network');
  for (const name of ['sky', 'sky.blue', 'tasks.sky', '_80._tcp.tasks.paint.blue'])
    await unknown(t, onRed, name, 'one on another network');
  for (const name of ['apple', 'apple.red']) await unknown(t, onBlue, name, 'one on another network');
  t.same(await dig(onRed, '-x', blue.ip), [], 'nor is its address reversed');
  const redVip = await dig(onRed, 'paint');
  const blueVip = await dig(onBlue, 'paint');
  t.equal(redVip.length + blueVip.length, 2, 'a service has a virtual IP on each network');
  t.notSame(redVip, blueVip, 'each its own');
  await three.docker.connect('blue', onRed);
  await resolves(t, onRed, 'sky', of(blue), 'one that was connected');
  await resolves(t, onRed, 'apple', of(red), 'one that was connected, of its first network');
  t.same(await dig(onRed, 'paint.blue'), blueVip, 'it tells both services of one name apart');
  t.same(await dig(onRed, 'paint.red'), redVip);
  await three.docker.disconnect('blue', onRed);
  await until('it is no longer', async () => (await dig(onRed, 'sky')).length === 0);
  await unknown(t, onRed, 'sky', 'one that was disconnected');
}

/** What is found by name on an overlay over several hosts. */
export const NAMES = {
  'a Compose project over three hosts': namesOfCompose,
  'names of networks that a container is not on': scope,
} as const;
