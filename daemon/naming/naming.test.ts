import { beforeEach, describe, expect, test } from 'vitest';
import type { NameRecord } from '../../core/naming.ts';
import type { NamingCluster } from '../../test/fakes/naming-cluster.ts';
import { containerId, endpointId, type NamingHost } from '../../test/fakes/naming-host.ts';
import { twoHosts } from '../../test/fakes/two-hosts.ts';
import { until } from '../../test/lab/until.ts';

const NET = 'a1'.repeat(32);
const NET2 = 'b2'.repeat(32);

let cluster: NamingCluster;
let h1: NamingHost;
let h2: NamingHost;
twoHosts((...made) => {
  [cluster, h1, h2] = made;
});

const names = (host: NamingHost, network: string): readonly NameRecord[] => [...host.view.names(network)];
/** Names and states of a network as a host sees them. */
const shown = (host: NamingHost, network = 'app') =>
  names(host, network)
    .map(({ node, names: [own], state }) => `${node} ${own} ${state}`)
    .sort();
const sees = (host: NamingHost, expected: readonly string[], network = 'app') =>
  until(`${host.name} sees ${expected.join(', ')}`, () => {
    const now = shown(host, network);
    if (JSON.stringify(now) !== JSON.stringify(expected)) throw new Error(`it sees ${now.join(', ')}`);
    return true;
  });
const both = async (spec: Parameters<NamingHost['network']>[0]) => {
  await h1.network(spec);
  await h2.network(spec);
};

describe('names of an overlay network', () => {
  beforeEach(() => both({ id: NET, overlay: 'app' }));

  test('are known on all hosts when a container starts, and gone when it leaves', async () => {
    await h1.run({ name: 'web', networkId: NET, aliases: ['www'] });
    await sees(h2, ['h1 web ready']);
    expect(names(h2, 'app')[0]).toMatchObject({
      names: ['web', 'www', containerId('web').slice(0, 12)],
      networkName: 'app',
      ipv4: expect.stringMatching(/^10\.80\.0\./),
    });
    await h1.end('web');
    await sees(h2, []);
  });

  test('follow health, renaming and the signal that stops', async () => {
    await h1.run({ name: 'web', networkId: NET, health: 'starting', stopSignal: 'SIGQUIT' });
    await sees(h2, ['h1 web starting']);
    h1.docker.change(containerId('web'), { health: 'healthy' }, 'health_status: healthy');
    await sees(h2, ['h1 web ready']);
    h1.docker.change(containerId('web'), { name: 'front' }, 'rename');
    await sees(h2, ['h1 front ready']);
    h1.docker.signal(containerId('web'), 1);
    h1.docker.change(containerId('web'), { health: 'unhealthy' }, 'health_status: unhealthy');
    await sees(h2, ['h1 front failing']);
    h1.docker.signal(containerId('web'), 3);
    await sees(h2, ['h1 front draining']);
  });

  test('come to be when the container is known first, or the endpoint', async () => {
    await h1.attach('web', NET);
    await h1.naming.settled();
    expect(shown(h2)).toEqual([]);
    h1.docker.run({
      id: containerId('web'),
      name: 'web',
      networks: { app: { endpoint: endpointId('web') } },
    });
    await sees(h2, ['h1 web ready']);
    h1.docker.run({ id: containerId('db'), name: 'db', networks: { app: { endpoint: endpointId('db') } } });
    await until('it was inspected', () => h1.docker.inspected.includes(containerId('db')));
    await h1.attach('db', NET);
    await sees(h2, ['h1 db ready', 'h1 web ready']);
  });

  test('stay while Docker is away, and what was missed is found afterwards', async () => {
    await h1.run({ name: 'web', networkId: NET });
    await sees(h2, ['h1 web ready']);
    await h1.docker.down();
    const endpoint = await h1.attach('db', NET);
    h1.docker.run({ id: containerId('db'), name: 'db', networks: { app: { endpoint } } }, 'quietly');
    await h1.naming.settled();
    expect(shown(h2)).toEqual(['h1 web ready']);
    await h1.docker.up();
    await sees(h2, ['h1 db ready', 'h1 web ready']);
  });

  test('outlive a restart of weftd without Docker; those of endpoints that left meanwhile do not', async () => {
    await h1.run({ name: 'web', networkId: NET });
    await h1.run({ name: 'db', networkId: NET });
    await sees(h2, ['h1 db ready', 'h1 web ready']);
    const changes = h2.record();
    await h1.docker.down();
    await h1.stop();
    const orphan = { ...names(h2, 'app')[0], endpoint: 'f'.repeat(64), names: ['gone'] };
    await cluster.put(`name/app/h1/${'f'.repeat(64)}`, orphan);
    await sees(h2, ['h1 db ready', 'h1 gone ready', 'h1 web ready']);
    await h1.start();
    await sees(h2, ['h1 db ready', 'h1 web ready']);
    await h1.docker.up();
    await until('followed', () => h1.docker.followers === 1);
    h1.docker.change(containerId('web'), { name: 'front' }, 'rename');
    await sees(h2, ['h1 db ready', 'h1 front ready']);
    const touched = changes.flatMap((each) => (each.kind === 'name' ? [each.endpoint] : []));
    expect(touched).not.toContain(endpointId('db'));
  });

  test('of sandboxes that power took with it go at once, and come with the endpoints made anew', async () => {
    await h1.run({ name: 'web', networkId: NET });
    await sees(h2, ['h1 web ready']);
    await h1.docker.down();
    h1.isBare = true;
    await h1.restart();
    await sees(h2, []);
    await h1.docker.up();
    const again = await h1.attach('again', NET);
    h1.docker.run({ id: containerId('web'), name: 'web', networks: { app: { endpoint: again } } });
    await sees(h2, ['h1 web ready']);
  });

  test('of an endpoint that leaves before Docker was heard go too', async () => {
    await h1.run({ name: 'web', networkId: NET });
    await sees(h2, ['h1 web ready']);
    await h1.docker.down();
    await h1.restart();
    await h1.is.repository.deleteEndpoint(endpoint(h1, 'web'));
    await sees(h2, []);
  });

  test('of a dead host are not shown', async () => {
    await h1.run({ name: 'web', networkId: NET });
    await sees(h2, ['h1 web ready']);
    cluster.setDead('h1', true);
    expect(shown(h2)).toEqual([]);
    cluster.setDead('h1', false);
    expect(shown(h2)).toEqual(['h1 web ready']);
  });

  test('are told once this host may speak', async () => {
    h1.mayAct = false;
    await h1.run({ name: 'web', networkId: NET });
    await until('it was inspected', () => h1.docker.inspected.length > 0);
    await h1.naming.settled();
    expect(shown(h2)).toEqual([]);
    h1.mayAct = true;
    h1.naming.fenceChanged();
    await sees(h2, ['h1 web ready']);
  });

  test('put there wrongly by others are put right', async () => {
    await h1.run({ name: 'web', networkId: NET });
    await sees(h2, ['h1 web ready']);
    await cluster.put(`name/app/h1/${endpointId('web')}`, { ...names(h2, 'app')[0], names: ['wrong'] });
    await sees(h2, ['h1 web ready']);
    await cluster.shared.commit({ delete: [`name/app/h1/${endpointId('web')}`] });
    await sees(h2, ['h1 web ready']);
  });
});

test('names of a network of one host stay there', async () => {
  await h1.network({ id: NET });
  await h1.run({ name: 'web', networkId: NET });
  await sees(h1, ['h1 web ready'], NET);
  expect([...h2.view.networks()]).toEqual([]);
  expect((await cluster.shared.list('name/')).entries).toEqual([]);
  await h1.restart();
  expect(shown(h1, NET)).toEqual(['h1 web ready']);
  await h1.end('web');
  await sees(h1, [], NET);
});

test('an overlay network that gets its name in the cluster late is told of then', async () => {
  await h1.network({ id: NET, overlay: 'app' });
  const bound = h1.is.repository.network(NET as never);
  if (bound === undefined) throw new Error('no network');
  const { tunnel: _, ...unbound } = bound;
  await h1.is.repository.putNetwork(unbound);
  await h1.run({ name: 'web', networkId: NET });
  await h1.naming.settled();
  expect((await cluster.shared.list('name/')).entries).toEqual([]);
  await h1.is.repository.putNetwork(bound);
  await sees(h2, ['h1 web ready']);
});

test('a container on two networks is told of on both', async () => {
  await h1.network({ id: NET, overlay: 'app' });
  await h1.network({ id: NET2, ipv4: '10.81.0.0/24' });
  const one = await h1.attach('web', NET);
  const two = await h1.attach('web2', NET2);
  const networks = { app: { endpoint: one }, lan: { endpoint: two, aliases: ['inside'] } };
  h1.docker.run({ id: containerId('web'), name: 'web', networks });
  await sees(h1, ['h1 web ready'], 'app');
  await sees(h1, ['h1 web ready'], NET2);
  expect(names(h1, NET2)[0]).toMatchObject({
    networkName: 'lan',
    names: ['web', 'inside', expect.anything()],
  });
});

test('a network that a running container joins later', async () => {
  await h1.network({ id: NET, overlay: 'app' });
  await h1.network({ id: NET2, ipv4: '10.81.0.0/24' });
  const one = await h1.run({ name: 'web', networkId: NET });
  await sees(h1, ['h1 web ready']);
  const two = await h1.attach('web2', NET2);
  h1.docker.reconnect(containerId('web'), { app: { endpoint: one }, lan: { endpoint: two } });
  await sees(h1, ['h1 web ready'], NET2);
});

test('labels that are not accepted are said for as long as the endpoint is there', async () => {
  await h1.network({ id: NET, overlay: 'app' });
  await h1.run({ name: 'web', networkId: NET, labels: { 'weft.service': 'web', 'weft.service.port': 'x' } });
  await sees(h1, ['h1 web ready']);
  expect(names(h1, 'app')[0]?.service).toBeUndefined();
  expect(h1.naming.problems).toEqual([
    expect.stringMatching(/^container web: weft\.service\.port "x": expected PORT or PORT:TARGET/),
  ]);
  await h1.end('web');
  await until('nothing is wrong', () => h1.naming.problems.length === 0);
});

function endpoint(host: NamingHost, name: string) {
  const found = host.is.repository.endpoint(endpointId(name) as never);
  if (found === undefined) throw new Error(`no endpoint ${name}`);
  return found;
}
