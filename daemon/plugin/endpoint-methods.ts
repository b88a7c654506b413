import type { DriverName, EndpointRequest, JoinInfo } from '../../core/model.ts';
import type { NetworkBackend } from './backend.ts';
import { call, EMPTY, type Method } from './method.ts';
import { decodeCreateEndpoint, decodeJoin, decodeProgramExternal } from './wire/endpoint.ts';
import { decodeEndpointIds, type EndpointIds } from './wire/ids.ts';

/** libnetwork types.NEXTHOP and types.CONNECTED. */
const NEXTHOP = 0;
const CONNECTED = 1;

/** The NetworkDriver methods that concern one endpoint (libnetwork drivers/remote/api). */
export function endpointMethods(driver: DriverName, backend: NetworkBackend): readonly Method[] {
  return [
    call('NetworkDriver.CreateEndpoint', {
      changes: true,
      decode: decodeCreateEndpoint,
      subject: ({ id, networkId }) => ({ networkId, endpointId: id }),
      perform: async (request) => createdEndpoint(request, await backend.createEndpoint(driver, request)),
    }),
    call('NetworkDriver.Join', {
      changes: true,
      decode: decodeJoin,
      subject: ({ networkId, endpointId, sandboxKey }) => ({ networkId, endpointId, sandboxKey }),
      perform: async (request) => joinAnswer(await backend.join(driver, request)),
    }),
    call('NetworkDriver.ProgramExternalConnectivity', {
      changes: true,
      decode: decodeProgramExternal,
      subject: ({ networkId, endpointId }) => ({ networkId, endpointId }),
      perform: ({ networkId, endpointId, ports }) =>
        backend.programExternal(driver, networkId, endpointId, ports).then(() => EMPTY),
    }),
    undoing('NetworkDriver.RevokeExternalConnectivity', (ids) =>
      backend.revokeExternal(driver, ids.networkId, ids.endpointId),
    ),
    undoing('NetworkDriver.Leave', (ids) => backend.leave(driver, ids.networkId, ids.endpointId)),
    undoing('NetworkDriver.DeleteEndpoint', (ids) =>
      backend.deleteEndpoint(driver, ids.networkId, ids.endpointId),
    ),
    call('NetworkDriver.EndpointOperInfo', {
      changes: false,
      decode: decodeEndpointIds,
      subject: (ids) => ({ ...ids }),
      perform: async (ids) => ({ Value: await backend.operInfo(driver, ids.networkId, ids.endpointId) }),
      // Engines before 28 fail `docker run` when this call fails, and no engine uses the value.
      onFailure: { Value: {} },
    }),
  ];
}

function undoing(name: string, undo: (ids: EndpointIds) => Promise<void>): Method {
  return call(name, {
    changes: true,
    decode: decodeEndpointIds,
    subject: (ids) => ({ ...ids }),
    perform: (ids) => undo(ids).then(() => EMPTY),
  });
}

/** The engine rolls the endpoint back when an answer fills a field that it had filled itself, even with its own value. */
function createdEndpoint(request: EndpointRequest, added: { readonly mac?: string }): object {
  if (added.mac === undefined || request.mac !== undefined) return EMPTY;
  return { Interface: { Address: '', AddressIPv6: '', MacAddress: added.mac } };
}

function joinAnswer(info: JoinInfo): object {
  return {
    InterfaceName:
      info.link === undefined
        ? null
        : {
            SrcName: info.link.sourceName,
            DstPrefix: info.link.destinationPrefix,
            DstName: info.link.destinationName ?? '',
          },
    Gateway: info.gateway ?? '',
    GatewayIPv6: info.gatewayIpv6 ?? '',
    StaticRoutes: info.routes.map(({ destination, nextHop }) => ({
      Destination: destination,
      RouteType: nextHop === undefined ? CONNECTED : NEXTHOP,
      NextHop: nextHop ?? '',
    })),
    DisableGatewayService: info.disableGatewayService,
  };
}
