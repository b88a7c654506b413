import { endpointBody, id, type Mapping, ports } from './requests.ts';
import { HELD } from './semantic-scene.ts';
import type { WeftdProcess } from './weftd-process.ts';

/** Mappings that cannot be published, and what weftd must say. */
export const PORT_ERRORS: readonly {
  readonly title: string;
  readonly mappings: readonly Mapping[];
  readonly err: RegExp;
}[] = [
  {
    title: 'a port of another endpoint',
    mappings: [{ port: 80, hostPort: 8391 }],
    err: /host port 8391\/tcp on \S+ is held by endpoint [0-9a-f]{12} in network [0-9a-f]{12}/,
  },
  {
    title: 'one host port twice',
    mappings: [
      { port: 80, hostPort: 8392 },
      { port: 81, hostPort: 8392 },
    ],
    err: /host port 8392\/tcp .*is held by another mapping of this endpoint/,
  },
  {
    title: 'a host address of nobody here',
    mappings: [{ port: 80, hostIp: '203.0.113.9', hostPort: 8393 }],
    err: /203\.0\.113\.9/,
  },
  {
    title: 'UDP on an IPv6 address of a container without',
    mappings: [{ port: 53, proto: 17, hostIp: '::1', hostPort: 8394 }],
    err: /port 53\/udp cannot be published on ::1: the container has no IPv6 address/,
  },
  {
    title: 'a range without a free port',
    mappings: [{ port: 80, hostPort: 8391, hostPortEnd: 8391 }],
    err: /8391/,
  },
];

/** What an engine does when a container with these ports starts, and what it does after the error. Gives the Err. */
export async function programError(weftd: WeftdProcess, mappings: readonly Mapping[]): Promise<unknown> {
  const ids = { NetworkID: HELD.plain, EndpointID: id('ports') };
  await weftd.net(
    'CreateEndpoint',
    endpointBody({ network: HELD.plain, id: id('ports'), ipv4: '10.93.0.7/24' }),
  );
  await weftd.net('Join', { ...ids, SandboxKey: '/run/docker/netns/ports', Options: ports(mappings) });
  const { json } = await weftd.tryNet('ProgramExternalConnectivity', { ...ids, Options: ports(mappings) });
  await weftd.net('DeleteEndpoint', ids);
  return json?.['Err'];
}
