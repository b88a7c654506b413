import { endpointBody, id, ipamData, networkBody, ports } from './requests.ts';
import type { Driver, WeftdProcess } from './weftd-process.ts';

/** A request that can be decoded and that only the real weftd can see to be wrong. */
export interface SemanticCase {
  readonly title: string;
  /** `weft` is the IPAM driver. */
  readonly socket: Driver | 'weft';
  readonly method: string;
  readonly body: object;
  /** What Err must say: the field or thing, its value, and why. */
  readonly err: RegExp;
}

/** Networks and endpoints that exist before every case. */
export const HELD = {
  network: id('held'),
  named: id('named'),
  plain: id('plain'),
  none: id('none'),
  joined: id('joined'),
  created: id('created'),
  sandbox: '/run/docker/netns/held',
} as const;

/** What Docker's option keys begin with. */
export const P = 'com.docker.network.';
/** An id that nothing has. */
export const NEW = id('new');

/** Makes what {@link HELD} names; its sandbox must exist. */
export async function makeHeld(weftd: WeftdProcess): Promise<void> {
  const dual = {
    ipv4: [ipamData('10.91.0.0/24', '10.91.0.1/24')],
    ipv6: [ipamData('fd00:91::/64', 'fd00:91::1/64')],
  };
  await weftd.net('CreateNetwork', networkBody({ id: HELD.network, ...dual }));
  const named = { id: HELD.named, ipv4: [ipamData('10.92.0.0/24', '10.92.0.1/24')] };
  await weftd.net('CreateNetwork', networkBody({ ...named, options: { [`${P}bridge.name`]: 'brnamed' } }));
  await weftd.net(
    'CreateNetwork',
    networkBody({ id: HELD.plain, ipv4: [ipamData('10.93.0.0/24', '10.93.0.1/24')] }),
  );
  await weftd.net(
    'CreateNetwork',
    networkBody({ id: HELD.none, ipv4: [ipamData('10.94.0.0/24')] }),
    'weft-none',
  );
  const joined = { network: HELD.network, id: HELD.joined, ipv4: '10.91.0.2/24', ipv6: 'fd00:91::2/64' };
  await weftd.net('CreateEndpoint', endpointBody(joined));
  const ids = { NetworkID: HELD.network, EndpointID: HELD.joined };
  const Options = ports([{ port: 80, hostPort: 8391 }]);
  await weftd.net('Join', { ...ids, SandboxKey: HELD.sandbox, Options });
  await weftd.net('ProgramExternalConnectivity', { ...ids, Options });
  await weftd.net(
    'CreateEndpoint',
    endpointBody({ network: HELD.plain, id: HELD.created, ipv4: '10.93.0.2/24' }),
  );
  await weftd.ipam('RequestPool', { AddressSpace: 'WeftLocal', Pool: '10.95.0.0/29' });
  await weftd.ipam('RequestAddress', { PoolID: 'WeftLocal/10.95.0.0/29', Address: '10.95.0.3' });
}
