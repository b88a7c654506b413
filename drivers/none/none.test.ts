import { expect, test } from 'vitest';
import { InvalidArgument } from '../../core/errors.ts';
import type { Network } from '../../core/model.ts';
import { aNetworkRequest, anAttachment, anEndpoint, anEndpointRequest } from '../../test/fakes/builders.ts';
import { noneDriver } from './index.ts';
import type { NoneOptions } from './options.ts';

function network(options: Record<string, string> = {}): Network<NoneOptions> {
  const request = aNetworkRequest({ options });
  const parsed = noneDriver.parseNetwork(request, { foreignLinks: new Map() }, []);
  return { driver: 'weft-none', request, options: parsed, createdAt: 0 };
}

test('a weft-none network needs nothing of the host, whatever joins it', () => {
  const endpoint = anEndpoint({ attachment: anAttachment(), external: true });
  expect(noneDriver.planNetwork(network())).toEqual([]);
  expect(noneDriver.planEndpoint(network(), endpoint)).toEqual([]);
  expect(noneDriver.endpointLinks(endpoint)).toEqual([]);
  expect(noneDriver.portRequests(network(), endpoint)).toEqual([]);
  expect(noneDriver.bridgeOf(network())).toBeUndefined();
  expect(noneDriver.reachedByHost(network())).toBe(false);
  expect(noneDriver.announcements(network()).count).toBe(0);
});

test('a join gets no link and no gateway service', () => {
  expect(noneDriver.joinInfo(network(), anEndpoint())).toEqual({ routes: [], disableGatewayService: true });
  expect(noneDriver.skipGateway({ options: {}, internal: false })).toEqual({ ipv4: true, ipv6: true });
});

test('Docker’s options are told, others refused, on networks and endpoints', () => {
  const ignored = network({ 'com.docker.network.driver.mtu': '1400' });
  expect(noneDriver.ignoredOptions(ignored)).toEqual(['com.docker.network.driver.mtu']);
  expect(() => network({ mtu: '1' })).toThrow(InvalidArgument);
  const request = anEndpointRequest({ options: { x: '1' } });
  expect(() => noneDriver.parseEndpoint(network(), request)).toThrow(
    'a weft-none endpoint has no option "x"',
  );
  noneDriver.parseEndpoint(network(), anEndpointRequest());
});
