import { describe, expect, it } from 'vitest';
import { commandSession } from '../../test/fakes/command-session.ts';
import { WEB, WEB_1 } from '../../test/fakes/control-scene.ts';
import { runDoctor } from './doctor.ts';
import { showDrift } from './drift.ts';
import { inspectEndpoint, listEndpoints } from './endpoint.ts';
import { inspectPool, listPools } from './ipam.ts';
import { inspectNetwork, listNetworks } from './network.ts';
import { listPorts } from './port.ts';
import { showStatus } from './status.ts';

const { session, scene, output } = commandSession();
const json = () => JSON.parse(output()) as unknown;
const trunc = { trunc: true };

describe('weft status', () => {
  it('says what there is', async () => {
    expect(await showStatus(session, {})).toBe(0);
    expect(output()).toMatchInlineSnapshot(`
      "weftd       0.1.0, up 2 hours 5 minutes
      state       ready
      node        host1, 192.0.2.1
      cluster     1 node
      store       embedded
      docker      reachable, version 29.0.1
      resolver    on, 1 sandbox
      networks    2
      endpoints   1
      ports       1
      pools       2
      services    1
      reconciled  12 seconds ago, in 14 ms, 0 repairs
      repaired    3 objects (3 route missing)"
    `);
  });

  it('says what is missing, and exits 1', async () => {
    Object.assign(scene().status, {
      ready: false,
      engine: { configured: true, reachable: false },
      lastReconcile: undefined,
      drift: [],
    });
    expect(await showStatus(session, {})).toBe(1);
    expect(output()).toMatchInlineSnapshot(`
      "weftd       0.1.0, up 2 hours 5 minutes
      state       not ready
      node        host1, 192.0.2.1
      cluster     1 node
      store       embedded
      docker      not reachable
      resolver    on, 1 sandbox
      networks    2
      endpoints   1
      ports       1
      pools       2
      services    1
      reconciled  not yet
      repaired    nothing"
    `);
  });
});

describe('weft network', () => {
  it('lists', async () => {
    await listNetworks(session, trunc);
    expect(output()).toMatchInlineSnapshot(`
      "NETWORK ID    NAME  DRIVER       VNI  SUBNETS                     BRIDGE          MTU  ENDPOINTS  STATE    CREATED
      4f1c2d3e4f1c  web   weft-bridge    -  198.18.0.0/24,fd00:18::/64  wb-abcdefghij  1500          1  ready    1 hour ago
      4f99aabb4f99  -     weft-none      -  -                           -                 -          0  pending  1 minute ago"
    `);
  });

  it('lists whole ids with --no-trunc', async () => {
    await listNetworks(session, { trunc: false });
    expect(output()).toContain(WEB);
  });

  it('fits a terminal, but not with --no-trunc', async () => {
    const narrow = { ...session, terminal: { ...session.terminal, width: 110 } };
    await listNetworks(narrow, trunc);
    expect(
      output()
        .split('\n')
        .every((line) => line.length <= 110),
    ).toBe(true);
    await listNetworks(narrow, { trunc: false });
    expect(output()).toContain('198.18.0.0/24,fd00:18::/64');
  });

  it('says that there are none', async () => {
    scene().networks = [];
    await listNetworks(session, trunc);
    expect(output()).toBe('no networks');
  });

  it("prints the API's JSON", async () => {
    await listNetworks(session, { json: true, trunc: true });
    expect(json()).toEqual(scene().networks);
    scene().networks = [];
    await listNetworks(session, { json: true, trunc: true });
    expect(json()).toEqual([]);
  });

  it('inspects one with its endpoints', async () => {
    await inspectNetwork(session, 'web', {});
    expect(output()).toMatchInlineSnapshot(`
      "network    web
      id         4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e
      driver     weft-bridge
      state      ready
      internal   no
      bridge     wb-abcdefghij
      mtu        1500
      subnet     198.18.0.0/24, gateway 198.18.0.1
      subnet     fd00:18::/64, gateway fd00:18::1
      option     com.docker.network.driver.mtu=1500
      endpoints  1
      created    1 hour ago

      ENDPOINT ID   NAME   NETWORK  IPV4           IPV6           SERVICES  PORTS                 STATE     CREATED
      a0b1c2d3a0b1  web-1  web      198.18.0.2/24  fd00:18::2/64  shop      0.0.0.0:8080->80/tcp  external  1 minute ago"
    `);
  });

  it('inspects one of which little is known', async () => {
    await inspectNetwork(session, '4f99', {});
    expect(output()).toMatchInlineSnapshot(`
      "network    (name not known)
      id         4f99aabb4f99aabb4f99aabb4f99aabb4f99aabb4f99aabb4f99aabb4f99aabb
      driver     weft-none
      state      pending
      internal   yes
      endpoints  0
      created    1 minute ago"
    `);
  });
});

describe('weft endpoint', () => {
  it('lists', async () => {
    await listEndpoints(session, trunc);
    expect(output()).toMatchInlineSnapshot(`
      "ENDPOINT ID   NAME   NETWORK  IPV4           IPV6           SERVICES  PORTS                 STATE     CREATED
      a0b1c2d3a0b1  web-1  web      198.18.0.2/24  fd00:18::2/64  shop      0.0.0.0:8080->80/tcp  external  1 minute ago"
    `);
  });

  it('lists those of a network', async () => {
    await listEndpoints(session, { ...trunc, network: '4f99' });
    expect(output()).toBe('no endpoints');
  });

  it('inspects', async () => {
    await inspectEndpoint(session, WEB_1.slice(0, 3), {});
    expect(output()).toMatchInlineSnapshot(`
      "endpoint  web-1
      id        a0b1c2d3a0b1c2d3a0b1c2d3a0b1c2d3a0b1c2d3a0b1c2d3a0b1c2d3a0b1c2d3
      network   web (4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e)
      state     external
      names     web-1, web
      service   shop (ready)
      ipv4      198.18.0.2/24
      ipv6      fd00:18::2/64
      mac       02:00:00:00:00:02
      link      wv-abcdefghij
      sandbox   /var/run/docker/netns/0123456789ab
      port      0.0.0.0:8080->80/tcp
      created   1 minute ago"
    `);
    await inspectEndpoint(session, 'web-1', { json: true });
    expect(json()).toEqual(scene().endpoints[0]);
  });
});

describe('weft ipam', () => {
  it('lists', async () => {
    await listPools(session, trunc);
    expect(output()).toMatchInlineSnapshot(`
      "POOL                RANGE            GATEWAY     USED  RESTING  USABLE  USE
      weft/198.18.0.0/24  198.18.0.128/25  198.18.0.1     2        1     254   1%
      weft/fd00:18::/64   -                fd00:18::1     2        0  1.8e19  <1%"
    `);
  });

  it('inspects by id and by CIDR', async () => {
    await inspectPool(session, 'weft/198.18.0.0/24', {});
    const byId = output();
    expect(byId).toMatchInlineSnapshot(`
      "pool       weft/198.18.0.0/24
      range      198.18.0.128/25
      gateway    198.18.0.1
      used       2 of 254
      resting    1
      conflicts  1

      ADDRESS     KIND      NAME   MAC                SINCE         FREE
      198.18.0.1  gateway   -      -                  1 hour ago    -
      198.18.0.2  endpoint  web-1  02:00:00:00:00:02  1 minute ago  -
      198.18.0.3  resting   -      -                  -             in 20 seconds
      198.18.0.4  conflict  -      02:00:00:00:00:99  1 minute ago  in 9 minutes"
    `);
    await inspectPool(session, '198.18.0.0/24', {});
    expect(output()).toBe(byId);
  });
});

describe('weft port, drift and doctor', () => {
  it('lists ports', async () => {
    await listPorts(session, trunc);
    expect(output()).toMatchInlineSnapshot(`
      "HOST          PROTOCOL  CONTAINER      NAME   ENDPOINT ID   NETWORK  CHOSEN BY
      0.0.0.0:8080  tcp       198.18.0.2:80  web-1  a0b1c2d3a0b1  web      user"
    `);
  });

  it('shows repairs', async () => {
    await showDrift(session, trunc);
    expect(output()).toMatchInlineSnapshot(`
      "3 repairs since weftd started: 3 route missing

      WHEN           OBJECT                             CAUSE    ACTION
      5 minutes ago  route wb-abcdefghij 198.18.9.0/24  missing  created"
    `);
  });

  it('says that there were no repairs', async () => {
    scene().drift = { totals: [], repairs: [] };
    await showDrift(session, trunc);
    expect(output()).toBe('nothing has needed repair since weftd started');
  });

  it('tells findings with their remedies', async () => {
    expect(await runDoctor(session, {})).toBe(0);
    expect(output()).toMatchInlineSnapshot(`
      "ok    the kernel has every module weft needs [kernel]
      info  dockerd 29.0.1 uses the iptables backend [docker]
      warn  the neighbour table holds at most 1024 entries [gc-thresh]
            net.ipv4.neigh.default.gc_thresh3 = 1024
            → sysctl -w net.ipv4.neigh.default.gc_thresh3=16384

      3 checks, 1 warning, 0 failures"
    `);
  });

  it('exits 1 when a check fails, with --json too', async () => {
    scene().findings.push({ id: 'caps', level: 'fail', title: 'no CAP_NET_ADMIN' });
    expect(await runDoctor(session, {})).toBe(1);
    output();
    expect(await runDoctor(session, { json: true })).toBe(1);
    expect(json()).toEqual(scene().findings);
  });
});
