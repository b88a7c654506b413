import type { DriverName } from '../../core/model.ts';
import type { NetworkBackend } from './backend.ts';
import { call, EMPTY, type Method } from './method.ts';
import { decodeDiscovery } from './wire/discovery.ts';
import { decodeNetworkId } from './wire/ids.ts';
import { decodeAllocateNetwork, decodeCreateNetwork, decodeGwAllocCheck } from './wire/network.ts';

/** The NetworkDriver methods that concern a driver or a whole network (libnetwork drivers/remote/api). */
export function networkMethods(driver: DriverName, backend: NetworkBackend): readonly Method[] {
  const { scope, connectivity } = backend.capabilities(driver);
  return [
    {
      kind: 'constant',
      name: 'NetworkDriver.GetCapabilities',
      answer: { Scope: scope, ConnectivityScope: connectivity, GwAllocChecker: true },
    },
    call('NetworkDriver.GwAllocCheck', {
      changes: false,
      decode: decodeGwAllocCheck,
      subject: () => ({}),
      perform: async (request) => {
        const skip = backend.gwAllocCheck(driver, request);
        return { SkipIPv4: skip.ipv4, SkipIPv6: skip.ipv6 };
      },
    }),
    call('NetworkDriver.AllocateNetwork', {
      changes: true,
      decode: decodeAllocateNetwork,
      subject: ({ id }) => ({ networkId: id }),
      perform: async (request) => ({ Options: await backend.allocateNetwork(driver, request) }),
    }),
    call('NetworkDriver.FreeNetwork', {
      changes: true,
      decode: decodeNetworkId,
      subject: (networkId) => ({ networkId }),
      perform: (id) => backend.freeNetwork(driver, id).then(() => EMPTY),
    }),
    call('NetworkDriver.CreateNetwork', {
      changes: true,
      decode: decodeCreateNetwork,
      subject: ({ id }) => ({ networkId: id }),
      perform: (request) => backend.createNetwork(driver, request).then(() => EMPTY),
    }),
    call('NetworkDriver.DeleteNetwork', {
      changes: true,
      decode: decodeNetworkId,
      subject: (networkId) => ({ networkId }),
      perform: (id) => backend.deleteNetwork(driver, id).then(() => EMPTY),
    }),
    discovery('NetworkDriver.DiscoverNew', 'new', backend),
    discovery('NetworkDriver.DiscoverDelete', 'delete', backend),
  ];
}

function discovery(name: string, kind: 'new' | 'delete', backend: NetworkBackend): Method {
  return call(name, {
    changes: false,
    decode: decodeDiscovery,
    subject: () => ({}),
    perform: async (node) => {
      if (node !== undefined) backend.discover(kind, node.data);
      return EMPTY;
    },
  });
}
