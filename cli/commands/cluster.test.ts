import { describe, expect, it } from 'vitest';
import { commandSession } from '../../test/fakes/command-session.ts';
import { WEB } from '../../test/fakes/control-scene.ts';
import { listEndpoints } from './endpoint.ts';
import { explainPath } from './explain.ts';
import { inspectNetwork, listNetworks } from './network.ts';
import { listNodes, removeNode } from './node.ts';
import { showStatus } from './status.ts';

const { session, scene, output } = commandSession();
const json = () => JSON.parse(output()) as unknown;
const trunc = { trunc: true };

describe('the cluster in weft status', () => {
  it('is told with the store that does not answer', async () => {
    Object.assign(scene().status, {
      store: {
        kind: 'etcd',
        connected: false,
        ageMs: 125_000,
        revision: 7,
        lastError: 'connect ECONNREFUSED',
      },
      cluster: { state: 'no-lease', address: '192.0.2.1', nodes: 3 },
    });
    await showStatus(session, {});
    expect(output().split('\n').slice(2, 5)).toMatchInlineSnapshot(`
      [
        "node        host1, 192.0.2.1",
        "cluster     3 nodes, this one holds no lease",
        "store       etcd, not reachable for 2 minutes 5 seconds: connect ECONNREFUSED",
      ]
    `);
  });

  it('says why this host is fenced', async () => {
    Object.assign(scene().status, {
      store: { kind: 'etcd', connected: true, ageMs: 12, revision: 7 },
      cluster: { state: 'fenced', reason: 'node host1 was removed', address: '192.0.2.1', nodes: 3 },
    });
    await showStatus(session, {});
    expect(output().split('\n').slice(2, 6)).toMatchInlineSnapshot(`
      [
        "node        host1, 192.0.2.1",
        "cluster     this node takes no part",
        "fenced      node host1 was removed",
        "store       etcd, reachable",
      ]
    `);
  });
});

describe('weft node', () => {
  const others = () => {
    const [self] = scene().nodes.nodes;
    if (self === undefined) throw new TypeError('the scene has no node');
    const { version: _, since: __, ...gone } = self;
    const dead = { ...gone, name: 'host2', self: false, address: '192.0.2.2', state: 'dead' as const };
    const fenced = { ...self, state: 'fenced' as const, reason: 'it was removed', networks: 3, refused: 1 };
    scene().nodes = {
      nodes: [fenced, { ...dead, endpoints: 4, networks: 2 }, { ...dead, name: 'host3', state: 'no-lease' }],
      store: { kind: 'etcd', connected: false, ageMs: 65_000, revision: 7, lastError: 'timeout' },
    };
  };

  it('lists one with the embedded store', async () => {
    expect(await listNodes(session, trunc)).toBe(0);
    expect(output()).toMatchInlineSnapshot(`
      "NODE               ADDRESS    STATE  VERSION  UP SINCE     NETWORKS  ENDPOINTS
      host1 (this host)  192.0.2.1  ready  0.1.0    2 hours ago         0          0"
    `);
  });

  it('lists others, and says how old that is', async () => {
    others();
    await listNodes(session, trunc);
    expect(output()).toMatchInlineSnapshot(`
      "NODE               ADDRESS    STATE     VERSION  UP SINCE          NETWORKS  ENDPOINTS
      host1 (this host)  192.0.2.1  fenced    0.1.0    2 hours ago  3 (1 refused)          0
      host2              192.0.2.2  dead      -        -                        2          4
      host3              192.0.2.2  no lease  -        -                        0          0

      host1: it was removed
      the store has not answered for 1 minute 5 seconds (timeout): this is as of then"
    `);
  });

  it("prints the API's JSON", async () => {
    await listNodes(session, { json: true, trunc: true });
    expect(json()).toEqual(scene().nodes);
  });

  it('removes a dead one, and a living one only when forced', async () => {
    others();
    expect(await removeNode(session, 'host2', {})).toBe(0);
    expect(output()).toBe('node host2 removed, with 4 endpoints, 2 network memberships, 2 address blocks');
    expect(scene().nodes.nodes.map(({ name }) => name)).toEqual(['host1', 'host3']);
    await expect(removeNode(session, 'host2', {})).rejects.toMatchObject({ exitCode: 1 });
    const { nodes, store } = scene().nodes;
    scene().nodes = { nodes: nodes.map((each) => ({ ...each, state: 'ready' })), store };
    await expect(removeNode(session, 'host3', {})).rejects.toMatchObject({
      exitCode: 1,
      message: 'node host3 lives',
    });
    expect(await removeNode(session, 'host3', { force: true, json: true })).toBe(0);
    expect(json()).toMatchObject({ name: 'host3', blocks: 2 });
  });
});

describe('weft explain', () => {
  it('prints a ladder, and exits 1 at what does not hold', async () => {
    scene().explanation = {
      from: '',
      to: '',
      port: '80/tcp',
      holds: false,
      steps: [
        {
          id: 'bridge',
          title: 'the bridge is there',
          state: 'ok',
          intent: 'bridge wb-x, up',
          found: 'bridge wb-x, up',
        },
        {
          id: 'vxlan',
          title: 'the VXLAN device is there',
          state: 'fail',
          intent: 'wx-x, up',
          found: 'no link wx-x',
          remedy: 'weft drift',
        },
        { id: 'port', title: 'who listens is not known', state: 'note', remedy: 'ss -lnt' },
      ],
    };
    expect(await explainPath(session, 'web-1', 'db', {})).toBe(1);
    expect(output()).toMatchInlineSnapshot(`
      "web-1 → db, port 80/tcp
      ok    the bridge is there
            bridge wb-x, up
      FAIL  the VXLAN device is there
            should be: wx-x, up
            is:        no link wx-x
            → weft drift
      note  who listens is not known
            → ss -lnt

      the first that does not hold: the VXLAN device is there"
    `);
    expect(await explainPath(session, 'web-1', 'db', { json: true })).toBe(1);
    expect(json()).toEqual({ ...scene().explanation, from: 'web-1', to: 'db' });
  });

  it('says that every step holds', async () => {
    expect(await explainPath(session, 'web-1', 'db & co', {})).toBe(0);
    expect(output()).toBe('web-1 → db & co\n\nevery step holds');
  });
});

describe('an overlay network', () => {
  const overlay = (change: object) => {
    const [first] = scene().networks;
    if (first === undefined) throw new TypeError('the scene has no network');
    scene().networks = [{ ...first, driver: 'weft-overlay', mtu: 1450, ...change }];
  };
  const member = { node: 'host1', self: true, state: 'joined', endpoints: 1 };

  it('is listed with its VNI, and inspected with its members', async () => {
    const members = [
      member,
      { node: 'host2', self: false, state: 'refused', reason: 'subnet overlaps eth1', endpoints: 0 },
    ];
    overlay({ options: {}, cluster: { state: 'bound', name: 'web', vni: 4711, members } });
    await listNetworks(session, trunc);
    expect(output()).toMatchInlineSnapshot(`
      "NETWORK ID    NAME  DRIVER         VNI  SUBNETS                     BRIDGE          MTU  ENDPOINTS  STATE  CREATED
      4f1c2d3e4f1c  web   weft-overlay  4711  198.18.0.0/24,fd00:18::/64  wb-abcdefghij  1450          1  ready  1 hour ago"
    `);
    await inspectNetwork(session, 'web', {});
    expect(output()).toMatchInlineSnapshot(`
      "network       web
      id            4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e
      driver        weft-overlay
      state         ready
      cluster name  web
      vni           4711
      internal      no
      bridge        wb-abcdefghij
      mtu           1450
      subnet        198.18.0.0/24, gateway 198.18.0.1
      subnet        fd00:18::/64, gateway fd00:18::1
      endpoints     1
      created       1 hour ago

      NODE               MEMBERSHIP  ENDPOINTS  REASON
      host1 (this host)  joined              1  -
      host2              refused             0  subnet overlaps eth1

      ENDPOINT ID   NAME   NETWORK  IPV4           IPV6           SERVICES  PORTS                 STATE     CREATED
      a0b1c2d3a0b1  web-1  web      198.18.0.2/24  fd00:18::2/64  shop      0.0.0.0:8080->80/tcp  external  1 minute ago"
    `);
  });

  it('that the cluster refuses says why', async () => {
    overlay({ options: {}, cluster: { state: 'refused', reason: 'internal differs', members: [] } });
    await listNetworks(session, trunc);
    expect(output()).toContain('refused');
    await inspectNetwork(session, 'web', {});
    expect(output()).toContain('reason     internal differs');
  });

  it('has endpoints on other hosts', async () => {
    scene().remote = [
      {
        id: 'ee'.repeat(32),
        node: 'host2',
        network: WEB,
        networkName: 'web',
        ipv4: '198.18.0.9/24',
        mac: '02:00:00:00:00:09',
        ports: [],
        state: 'remote',
      },
    ];
    await listEndpoints(session, { ...trunc, all: true });
    expect(output()).toMatchInlineSnapshot(`
      "ENDPOINT ID   NAME   NETWORK  NODE       IPV4           IPV6           SERVICES  PORTS                 STATE     CREATED
      a0b1c2d3a0b1  web-1  web      this host  198.18.0.2/24  fd00:18::2/64  shop      0.0.0.0:8080->80/tcp  external  1 minute ago
      eeeeeeeeeeee  -      web      host2      198.18.0.9/24  -              -         -                     remote    -"
    `);
    await listEndpoints(session, { ...trunc, all: true, network: 'web', json: true });
    expect(json()).toHaveLength(2);
  });
});
