import { describe, expect, test } from 'vitest';
import { parseCidr, parseIp } from '../../core/address.ts';
import { parseIfName } from '../../core/ids.ts';
import type { JoinInfo } from '../../core/model.ts';
import { call } from './plugin-client.ts';
import { hexId, openFixture } from './plugin-fixture.ts';
import { Recorder, recordingIpam, recordingNetwork } from './recording-backend.ts';

const ENDPOINT = { NetworkID: hexId('a'), EndpointID: hexId('e') };
const JOIN = { ...ENDPOINT, SandboxKey: '/run/docker/netns/0123456789ab', Options: {} };

async function joinAnswer(info: JoinInfo): Promise<unknown> {
  const network = { ...recordingNetwork(new Recorder()), join: async () => info };
  await using fixture = await openFixture({ network });
  return (await call(fixture.bridge, 'NetworkDriver.Join', JOIN)).json;
}

describe('Join', () => {
  test('a link, gateways of both families, a route by next hop and a connected one', async () => {
    const answer = await joinAnswer({
      link: {
        sourceName: parseIfName('wc-abcdefghij', 'x'),
        destinationPrefix: 'eth',
        destinationName: parseIfName('lan0', 'x'),
      },
      gateway: parseIp('198.18.7.1', 'x'),
      gatewayIpv6: parseIp('fd00:7::1', 'x'),
      routes: [
        { destination: parseCidr('192.0.2.0/24', 'x'), nextHop: parseIp('198.18.7.200', 'x') },
        { destination: parseCidr('fd00:8::/64', 'x') },
      ],
      disableGatewayService: false,
    });
    expect(answer).toEqual({
      InterfaceName: { SrcName: 'wc-abcdefghij', DstPrefix: 'eth', DstName: 'lan0' },
      Gateway: '198.18.7.1',
      GatewayIPv6: 'fd00:7::1',
      StaticRoutes: [
        { Destination: '192.0.2.0/24', RouteType: 0, NextHop: '198.18.7.200' },
        { Destination: 'fd00:8::/64', RouteType: 1, NextHop: '' },
      ],
      DisableGatewayService: false,
    });
  });

  test('loopback only: no interface, no gateway', async () => {
    expect(await joinAnswer({ routes: [], disableGatewayService: true })).toEqual({
      InterfaceName: null,
      Gateway: '',
      GatewayIPv6: '',
      StaticRoutes: [],
      DisableGatewayService: true,
    });
  });
});

describe('other answers', () => {
  test('N12 Revoke without Program, N11 Leave without Join, deletes of the unknown: an empty object', async () => {
    await using fixture = await openFixture();
    for (const method of [
      'RevokeExternalConnectivity',
      'Leave',
      'DeleteEndpoint',
      'DeleteNetwork',
      'FreeNetwork',
    ]) {
      expect(await call(fixture.bridge, `NetworkDriver.${method}`, ENDPOINT)).toMatchObject({
        status: 200,
        text: '{}',
      });
    }
  });

  test('N13 EndpointOperInfo of an unknown endpoint', async () => {
    await using fixture = await openFixture();
    const answer = await call(fixture.bridge, 'NetworkDriver.EndpointOperInfo', ENDPOINT);
    expect(answer).toMatchObject({ status: 200, text: '{"Value":{}}' });
  });

  test('N15 GwAllocCheck, for each family', async () => {
    await using fixture = await openFixture();
    const options = { 'com.docker.network.generic': { skip: 'yes' }, 'com.docker.network.internal': true };
    const check = (socket: string, Options: object) =>
      call(socket, 'NetworkDriver.GwAllocCheck', { Options });
    expect((await check(fixture.bridge, {})).json).toEqual({ SkipIPv4: false, SkipIPv6: false });
    expect((await check(fixture.bridge, options)).json).toEqual({ SkipIPv4: true, SkipIPv6: false });
    expect((await check(fixture.socket('weft-none'), {})).json).toEqual({ SkipIPv4: true, SkipIPv6: true });
    expect(fixture.recorder.calls[1]).toEqual({
      method: 'gwAllocCheck',
      driver: 'weft-bridge',
      argument: { options: { skip: 'yes' }, internal: true },
    });
  });

  test('each network socket speaks for its driver', async () => {
    await using fixture = await openFixture({ networkDrivers: ['weft-overlay', 'weft-none'] });
    const overlay = fixture.socket('weft-overlay');
    expect((await call(overlay, 'NetworkDriver.GetCapabilities')).json).toMatchObject({
      Scope: 'local',
      ConnectivityScope: 'global',
    });
    await call(overlay, 'NetworkDriver.FreeNetwork', ENDPOINT);
    await call(fixture.socket('weft-none'), 'NetworkDriver.FreeNetwork', ENDPOINT);
    expect(fixture.recorder.calls.map(({ driver }) => driver)).toEqual(['weft-overlay', 'weft-none']);
  });

  test('N3 absent and null enable_ipv4 mean true, false means false', async () => {
    await using fixture = await openFixture();
    const key = 'com.docker.network.enable_ipv4';
    for (const Options of [undefined, null, {}, { [key]: null }, { [key]: true }, { [key]: false }]) {
      await call(fixture.bridge, 'NetworkDriver.CreateNetwork', { NetworkID: hexId('a'), Options });
    }
    expect(
      fixture.recorder.of('createNetwork').map((request) => (request as { enableIpv4: boolean }).enableIpv4),
    ).toEqual([true, true, true, true, true, false]);
  });

  test('N19 port range, any port, IPv6 host address, udp and sctp', async () => {
    await using fixture = await openFixture();
    const portmap = [
      { Proto: 6, Port: 80, HostIP: '::1', HostPort: 8000, HostPortEnd: 8010 },
      { Proto: 17, Port: 53, HostIP: '0.0.0.0', HostPort: 0, HostPortEnd: 0 },
      { proto: 132, port: 9, hostport: 99, HostPortEnd: null },
    ];
    const Options = { 'com.docker.network.portmap': portmap };
    await call(fixture.bridge, 'NetworkDriver.ProgramExternalConnectivity', { ...ENDPOINT, Options });
    expect(fixture.recorder.of('programExternal')).toEqual([
      {
        networkId: hexId('a'),
        endpointId: hexId('e'),
        mappings: [
          { protocol: 'tcp', containerPort: 80, hostIp: '::1', hostPort: 8000, hostPortEnd: 8010 },
          { protocol: 'udp', containerPort: 53, hostIp: '0.0.0.0', hostPort: 0, hostPortEnd: 0 },
          { protocol: 'sctp', containerPort: 9, hostPort: 99, hostPortEnd: 99 },
        ],
        exposed: [],
      },
    ]);
  });

  test('structured keys that Docker may add to an endpoint are left out, text is kept', async () => {
    await using fixture = await openFixture();
    const Options = {
      'com.docker.network.endpoint.future': { a: 1 },
      'com.docker.network.endpoint.ifname': 'lan0',
      'com.docker.network.endpoint.macaddress': 'AkKsEQCZ',
      'weft.service': 'web',
      absent: null,
    };
    await call(fixture.bridge, 'NetworkDriver.CreateEndpoint', { ...ENDPOINT, Options });
    expect(fixture.recorder.of('createEndpoint')).toEqual([
      {
        id: hexId('e'),
        networkId: hexId('a'),
        options: { 'com.docker.network.endpoint.ifname': 'lan0', 'weft.service': 'web' },
      },
    ]);
  });

  test('discovery of anything but nodes is answered and not passed on', async () => {
    await using fixture = await openFixture();
    for (const DiscoveryType of [2, 0, null]) {
      const answer = await call(fixture.bridge, 'NetworkDriver.DiscoverDelete', { DiscoveryType });
      expect(answer).toMatchObject({ status: 200, text: '{}' });
    }
    expect(fixture.recorder.calls).toEqual([]);
  });

  test('IPAM: pools and addresses', async () => {
    const ipam = recordingIpam(new Recorder());
    await using fixture = await openFixture({ ipam });
    const pool = { AddressSpace: 'weft-local', Pool: 'FD00:7:0::/64', SubPool: null, Options: null };
    expect((await call(fixture.ipam, 'IpamDriver.RequestPool', pool)).json).toEqual({
      PoolID: 'weft-local/fd00:7::/64',
      Pool: 'fd00:7::/64',
      Data: {},
    });
    const address = { PoolID: 'weft-local/fd00:7::/64', Address: 'fd00:7:0:0::A' };
    expect((await call(fixture.ipam, 'IpamDriver.RequestAddress', address)).json).toEqual({
      Address: 'fd00:7::a/64',
      Data: {},
    });
    expect((await call(fixture.ipam, 'IpamDriver.ReleaseAddress', address)).text).toBe('{}');
    expect((await call(fixture.ipam, 'IpamDriver.ReleasePool', address)).text).toBe('{}');
  });
});
