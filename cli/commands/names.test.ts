import { describe, expect, it } from 'vitest';
import { commandSession } from '../../test/fakes/command-session.ts';
import { DB, WEB } from '../../test/fakes/control-scene.ts';
import { queryName } from './dns.ts';
import { inspectService, listServices } from './service.ts';
import { createService, removeService, updateService } from './service-changes.ts';
import { showStatus } from './status.ts';

const { session, scene, output } = commandSession();
const trunc = { trunc: true };
const naming = () => scene().naming;

describe('weft service ls', () => {
  it('lists', async () => {
    await createService(session, 'db', { network: '4f99', port: ['5432'], affinity: 'client' });
    output();
    expect(await listServices(session, trunc)).toBe(0);
    expect(output()).toMatchInlineSnapshot(`
      "SERVICE  NETWORK       VIP                        PORTS        AFFINITY            BACKENDS  MADE BY
      db       4f99aabb4f99  198.18.0.200               5432/tcp     client                0 of 0  hand
      shop     web           198.18.0.100,fd00:18::100  80:8080/tcp  client, 10 minutes    1 of 2  labels"
    `);
  });

  it('lists those of a network', async () => {
    await listServices(session, { ...trunc, network: '4f99' });
    expect(output()).toBe('no services');
    await listServices(session, { ...trunc, network: 'web', json: true });
    expect(JSON.parse(output())).toMatchObject([{ name: 'shop', backendCount: 2, readyCount: 1 }]);
  });

  it('exits 1 for a network that is not there', async () => {
    await expect(listServices(session, { ...trunc, network: 'nope' })).rejects.toMatchObject({
      exitCode: 1,
      message: 'no network has the id or name "nope"',
    });
  });
});

describe('weft service inspect', () => {
  it('shows backends with what they were sent', async () => {
    expect(await inspectService(session, 'Shop', {})).toBe(0);
    expect(output()).toMatchInlineSnapshot(`
      "service   shop
      network   web (4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e)
      vip       198.18.0.100, fd00:18::100
      ports     80:8080/tcp
      affinity  client, 10 minutes
      made by   labels of its containers
      created   1 minute ago
      backends  1 of 2

      BACKEND  NODE   IPV4        IPV6        STATE     WEIGHT  CONNECTIONS  PACKETS  TRAFFIC
      web-1    host1  198.18.0.2  fd00:18::2  ready          1           12      340  56.8 kB
      web-2    host2  198.18.0.7  -           starting       3            -        -        -"
    `);
  });

  it('shows what was set by hand', async () => {
    const options = { network: 'web', select: 'web', health: 'http:80/up', weight: ['web-2=0', 'gone=5'] };
    expect(await createService(session, 'front', options)).toBe(0);
    expect(output()).toMatchInlineSnapshot(`
      "service front of network web created, at 198.18.0.200
      it has no backend gone now: that weight waits for one"
    `);
    await inspectService(session, 'front', { network: WEB });
    expect(output()).toMatchInlineSnapshot(`
      "service   front
      network   web (4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e)
      vip       198.18.0.200
      ports     every
      affinity  none
      health    http:80/up
      select    web
      weights   web-2=0, gone=5
      made by   hand
      created   21916 days ago
      backends  1 of 2

      BACKEND  NODE   IPV4        IPV6        STATE     WEIGHT  CONNECTIONS  PACKETS  TRAFFIC
      web-1    host1  198.18.0.2  fd00:18::2  ready          1            -        -        -
      web-2    host2  198.18.0.7  -           starting       0            -        -        -"
    `);
  });

  it('asks for the network when several have the name, and only then', async () => {
    await createService(session, 'shop', { network: DB });
    output();
    for (const command of [
      () => inspectService(session, 'shop', {}),
      () => updateService(session, 'shop', { weight: ['web-1=0'] }),
      () => removeService(session, 'shop', {}),
    ]) {
      await expect(command()).rejects.toMatchObject({
        exitCode: 2,
        message: `service shop is on 2 networks: web, ${DB}`,
      });
    }
    await inspectService(session, 'shop', { network: 'web', json: true });
    expect(JSON.parse(output())).toMatchObject({ network: WEB, backends: [{ connections: 12 }, {}] });
  });

  it('exits 1 where there is none', async () => {
    const message = 'there is no service "nope"';
    await expect(inspectService(session, 'nope', {})).rejects.toMatchObject({ exitCode: 1, message });
    await expect(inspectService(session, 'nope', { network: 'web' })).rejects.toMatchObject({
      exitCode: 1,
      message: 'network web has no service nope',
    });
  });
});

describe('weft service create', () => {
  it('tells the virtual IP', async () => {
    const options = {
      network: 'web',
      port: ['80:8080', '53/udp'],
      affinity: 'client',
      affinityTimeout: '2h',
    };
    expect(await createService(session, 'API', options)).toBe(0);
    expect(output()).toBe('service api of network web created, at 198.18.0.200');
    expect(naming().service(WEB, 'api')).toMatchObject({
      origin: 'api',
      ports: [
        { protocol: 'tcp', port: 80, target: 8080 },
        { protocol: 'udp', port: 53, target: 53 },
      ],
      affinity: { timeoutSeconds: 7200 },
    });
  });

  it.each([
    [{ port: ['80x'] }, 'ports "80x": expected PORT or PORT:TARGET'],
    [{ affinity: 'sticky' }, 'affinity "sticky": expected "none" or "client"'],
    [{ affinityTimeout: '10m' }, 'affinityTimeout "10m": expected beside affinity=client'],
    [{ affinity: 'client', affinityTimeout: '2d' }, 'affinityTimeout "2d": expected seconds, or a number'],
    [{ health: 'udp:53' }, 'health "udp:53": expected tcp:PORT or http:PORT/PATH'],
    [{ select: 'a b' }, 'select "a b": expected a container name or endpoint id'],
    [{ weight: ['web-1=x'] }, 'weights.web-1 "x": expected a number from 1 to 1000, or 0 to drain'],
    [{ weight: ['web-1'] }, '--weight "web-1": expected CONTAINER=N, such as web-1=0'],
  ])('exits 2 for %j', async (options, message) => {
    await expect(createService(session, 'api', { network: 'web', ...options })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message),
    });
    expect(naming().service(WEB, 'api')).toBeUndefined();
  });

  it('exits 1 for one that is there', async () => {
    await expect(createService(session, 'shop', { network: 'web' })).rejects.toMatchObject({ exitCode: 1 });
  });
});

describe('weft service update', () => {
  it('changes only what is given', async () => {
    const options = {
      network: 'web',
      port: ['80'],
      affinity: 'client',
      affinityTimeout: '10m',
      health: 'tcp:80',
    };
    await createService(session, 'api', options);
    await updateService(session, 'api', { affinityTimeout: '20m', weight: ['web-1=0'] });
    const now = naming().service(WEB, 'api');
    expect(now).toMatchObject({
      ports: [{ port: 80 }],
      affinity: { timeoutSeconds: 1200 },
      health: { kind: 'tcp', port: 80 },
      weights: { 'web-1': 0 },
    });
    await updateService(session, 'api', { affinity: 'none', port: [''], health: '', weight: ['web-1='] });
    const { ports, affinity, health, weights } = { ...now, ...naming().service(WEB, 'api') };
    expect({ ports, affinity, health, weights }).toMatchObject({ ports: [] });
    expect(naming().service(WEB, 'api')).not.toHaveProperty('affinity');
    expect(naming().service(WEB, 'api')).not.toHaveProperty('health');
    expect(naming().service(WEB, 'api')).not.toHaveProperty('weights');
  });

  it('drains a backend of a service that labels declare', async () => {
    expect(await updateService(session, 'shop', { weight: ['web-1=0'] })).toBe(0);
    expect(output()).toBe('service shop of network web changed');
    await inspectService(session, 'shop', { json: true });
    expect(JSON.parse(output())).toMatchObject({ readyCount: 0, backends: [{ weight: 0 }, { weight: 3 }] });
  });

  it('leaves to labels what they decide', async () => {
    await expect(updateService(session, 'shop', { port: ['81'] })).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('ports of service shop cannot be set by hand'),
    });
  });

  it('exits 2 without anything to change', async () => {
    await expect(updateService(session, 'shop', {})).rejects.toMatchObject({ exitCode: 2 });
  });
});

describe('weft service rm', () => {
  it('removes one made by hand', async () => {
    await createService(session, 'api', { network: 'web', weight: ['gone=1'] });
    output();
    expect(await removeService(session, 'api', {})).toBe(0);
    expect(output()).toBe('service api of network web removed');
    expect(naming().service(WEB, 'api')).toBeUndefined();
  });

  it('exits 1 for one that labels declare', async () => {
    await expect(removeService(session, 'shop', {})).rejects.toMatchObject({ exitCode: 1 });
  });
});

describe('weft dns query', () => {
  it('shows addresses of a service, and of everybody with a name', async () => {
    expect(await queryName(session, 'shop', {})).toBe(0);
    expect(output()).toMatchInlineSnapshot(`
      "NAME  TTL  TYPE  ANSWER        NETWORK  FROM
      shop    5  A     198.18.0.100  web      service shop
      shop    5  AAAA  fd00:18::100  web      service shop"
    `);
    await queryName(session, 'web', { network: 'web', type: 'A' });
    expect(output()).toMatchInlineSnapshot(`
      "NAME  TTL  TYPE  ANSWER      NETWORK  FROM
      web     5  A     198.18.0.2  web      container web-1 on node host1
      web     5  A     198.18.0.7  web      container web-2 on node host2"
    `);
  });

  it.each([
    ['198.18.0.7', undefined, '7.0.18.198.in-addr.arpa', 'web-2.web', 'container web-2 on node host2'],
    ['fd00:18::100', undefined, expect.stringContaining('.ip6.arpa'), 'shop', 'service shop'],
    ['_80._tcp.shop', undefined, '_80._tcp.shop', '0 0 80 shop', 'service shop'],
    ['_80._tcp.shop.web', 'SRV', '_80._tcp.shop.web', '0 0 80 shop.web', 'service shop'],
    ['tasks.shop', 'A', 'tasks.shop', '198.18.0.2', 'container web-1 on node host1'],
  ])('answers %s %s', async (asked, type, name, data, from) => {
    expect(await queryName(session, asked, { json: true, ...(type === undefined ? {} : { type }) })).toBe(0);
    expect(JSON.parse(output())).toMatchObject({
      known: true,
      records: [{ name, data, from, ttl: 5, network: WEB, networkName: 'web' }],
    });
  });

  it('exits 1 when there is nothing, and says what there is not', async () => {
    await expect(queryName(session, 'nope', {})).rejects.toMatchObject({
      exitCode: 1,
      message: '"nope" is on no network of weft that this host knows',
    });
    await expect(queryName(session, 'web-2', { type: 'AAAA' })).rejects.toMatchObject({
      exitCode: 1,
      message: '"web-2" has no AAAA record',
    });
    expect(await queryName(session, 'nope', { json: true })).toBe(1);
    expect(JSON.parse(output())).toEqual({ name: 'nope', types: ['A', 'AAAA'], known: false, records: [] });
  });

  it('exits 2 for a type that is none, or not one of an address', async () => {
    await expect(queryName(session, 'web', { type: 'MX' })).rejects.toMatchObject({ exitCode: 2 });
    await expect(queryName(session, '198.18.0.7', { type: 'A' })).rejects.toMatchObject({ exitCode: 2 });
  });
});

describe('the resolver in weft status', () => {
  const shown = async (resolver: object): Promise<string | undefined> => {
    Object.assign(scene().status, { resolver });
    await showStatus(session, {});
    return /^resolver +(.*)$/m.exec(output())?.[1];
  };

  it('is on, off or restarting', async () => {
    expect(await shown({ state: 'on', sandboxes: 1, restarts: 2 })).toBe('on, 1 sandbox, restarted 2 times');
    expect(await shown({ state: 'off', sandboxes: 0, restarts: 0 })).toBe('off');
    const lastError = 'exited with code 1';
    expect(await shown({ state: 'on', sandboxes: 2, restarts: 1, lastError })).toBe(
      'on, 2 sandboxes, restarted 1 time: exited with code 1',
    );
    expect(await shown({ state: 'restarting', sandboxes: 3, restarts: 1, lastError })).toBe(
      'restarting: exited with code 1',
    );
  });
});
