import { formatIfAddress } from '../../core/address.ts';
import type { IpamBackend } from './backend.ts';
import { call, EMPTY, type Method } from './method.ts';
import {
  decodeReleaseAddress,
  decodeReleasePool,
  decodeRequestAddress,
  decodeRequestPool,
} from './wire/ipam.ts';

/** The IpamDriver methods (libnetwork ipams/remote/api). */
export function ipamMethods(backend: IpamBackend): readonly Method[] {
  const { requiresMacAddress, requiresRequestReplay } = backend.capabilities();
  const { local, global } = backend.addressSpaces();
  return [
    {
      kind: 'constant',
      name: 'IpamDriver.GetCapabilities',
      answer: { RequiresMACAddress: requiresMacAddress, RequiresRequestReplay: requiresRequestReplay },
    },
    {
      kind: 'constant',
      name: 'IpamDriver.GetDefaultAddressSpaces',
      answer: { LocalDefaultAddressSpace: local, GlobalDefaultAddressSpace: global },
    },
    call('IpamDriver.RequestPool', {
      changes: true,
      decode: decodeRequestPool,
      subject: ({ space, pool }) => (pool === undefined ? {} : { poolId: `${space}/${pool}` }),
      perform: async (request) => {
        const { poolId, pool } = await backend.requestPool(request);
        return { PoolID: poolId, Pool: pool, Data: {} };
      },
    }),
    call('IpamDriver.ReleasePool', {
      changes: true,
      decode: decodeReleasePool,
      subject: ({ poolId }) => ({ poolId }),
      perform: ({ poolId }) => backend.releasePool(poolId).then(() => EMPTY),
    }),
    call('IpamDriver.RequestAddress', {
      changes: true,
      decode: decodeRequestAddress,
      subject: ({ poolId, address }) => (address === undefined ? { poolId } : { poolId, address }),
      perform: async (request) => ({
        Address: formatIfAddress(await backend.requestAddress(request)),
        Data: {},
      }),
    }),
    call('IpamDriver.ReleaseAddress', {
      changes: true,
      decode: decodeReleaseAddress,
      subject: ({ poolId, address }) => ({ poolId, address }),
      perform: (request) => backend.releaseAddress(request).then(() => EMPTY),
    }),
  ];
}
