import { beforeEach, describe, expect, test } from 'vitest';
import type { EndpointId, NetworkId, SandboxKey } from '../../core/ids.ts';
import type { Endpoint, Network } from '../../core/model.ts';
import { aNetworkRequest, anEndpoint, anEndpointRequest } from '../../test/fakes/builders.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { Repository } from '../state/index.ts';
import { RepositorySandboxes } from './repository-sandboxes.ts';

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)] as [NetworkId, NetworkId];
const BOX = '/run/docker/netns/0123456789ab' as SandboxKey;
const OTHER_BOX = '/run/docker/netns/ba9876543210' as SandboxKey;

function network(id: NetworkId, more: Partial<Network> = {}): Network {
  return { driver: 'weft-bridge', request: aNetworkRequest({ id }), options: {}, createdAt: 1, ...more };
}

function endpoint(n: number, networkId: NetworkId, sandboxKey?: SandboxKey): Endpoint {
  const id = String(n).repeat(64) as EndpointId;
  return {
    ...anEndpoint(),
    request: { ...anEndpointRequest(), id, networkId },
    createdAt: n,
    ...(sandboxKey === undefined ? {} : { attachment: { sandboxKey, mappings: [], exposed: [] } }),
  };
}

let repository: Repository;
let sandboxes: RepositorySandboxes;
let told: (readonly string[])[];
beforeEach(async () => {
  repository = await Repository.load(new MemoryStore());
  sandboxes = new RepositorySandboxes(repository);
  told = [];
  sandboxes.subscribe((changed) => told.push([...changed]));
  await repository.putNetwork(network(A));
  await repository.putNetwork(network(B));
});

describe('the sandboxes of a host', () => {
  test('are what endpoints have joined, their networks in the order of joining', async () => {
    await repository.putEndpoint(endpoint(1, B));
    expect(told).toEqual([]);
    await repository.putEndpoint(endpoint(2, A, BOX));
    await repository.putEndpoint(endpoint(1, B, BOX));
    expect(told).toEqual([[BOX], [BOX]]);
    expect(sandboxes.get(BOX)?.networks).toEqual([B, A]);
    expect([...sandboxes.all()].map(({ key }) => key)).toEqual([BOX]);
  });

  test('go with the last endpoint that leaves or is deleted', async () => {
    const [one, two] = [endpoint(1, A, BOX), endpoint(2, B, BOX)];
    await repository.putEndpoint(one);
    await repository.putEndpoint(two);
    await repository.putEndpoint(endpoint(1, A));
    expect(sandboxes.get(BOX)?.networks).toEqual([B]);
    await repository.deleteEndpoint(two);
    expect(sandboxes.get(BOX)).toBeUndefined();
    expect(told).toHaveLength(4);
  });

  test('change when an endpoint moves, both of them', async () => {
    await repository.putEndpoint(endpoint(1, A, BOX));
    await repository.putEndpoint(endpoint(1, A, OTHER_BOX));
    expect(told.at(-1)).toEqual([BOX, OTHER_BOX]);
    expect(sandboxes.get(BOX)).toBeUndefined();
    expect(sandboxes.get(OTHER_BOX)?.endpoints).toHaveLength(1);
  });

  test('nobody is told of what stays the same', async () => {
    await repository.putEndpoint(endpoint(1, A, BOX));
    await repository.putEndpoint({ ...endpoint(1, A, BOX), external: true });
    await repository.putNetwork(network(A));
    expect(told).toEqual([[BOX]]);
  });

  test('an overlay counts once it has its name in the cluster', async () => {
    const overlay = { driver: 'weft-overlay' } as const;
    await repository.putNetwork(network(A, overlay));
    await repository.putEndpoint(endpoint(1, A, BOX));
    expect(sandboxes.get(BOX)?.networks).toEqual([]);
    expect(sandboxes.networks(() => true)).toEqual([B]);
    const tunnel = { name: 'shop' } as NonNullable<Network['tunnel']>;
    await repository.putNetwork(network(A, { ...overlay, tunnel }));
    expect(sandboxes.get(BOX)?.networks).toEqual(['shop']);
    expect(sandboxes.networks(() => true)).toEqual(['shop', B]);
    expect(sandboxes.networks(({ driver }) => driver !== 'weft-overlay')).toEqual([B]);
    expect(told).toEqual([[BOX], [BOX]]);
  });

  test('are the same when they are read anew', async () => {
    await repository.putEndpoint(endpoint(2, A, BOX));
    await repository.putEndpoint(endpoint(1, B, BOX));
    using again = new RepositorySandboxes(repository);
    expect([...again.all()]).toEqual([...sandboxes.all()]);
  });
});
