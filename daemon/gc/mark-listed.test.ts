import { expect, test } from 'vitest';
import { KeyedMutex } from '../../core/keyed-mutex.ts';
import { aNetworkRequest, anEngineNetwork, NETWORK_ID } from '../../test/fakes/builders.ts';
import { startWorld } from '../../test/fakes/host-world.ts';
import { markListed } from './mark-listed.ts';

test('a network is marked once Docker lists it, and still is after a restart', async () => {
  const world = await startWorld();
  const parts = { repository: world.repository, locks: new KeyedMutex() };
  await world.backend.createNetwork('weft-bridge', aNetworkRequest());
  await markListed(parts, [anEngineNetwork({ id: 'another' })]);
  expect([...world.repository.networks()]).toMatchObject([{ request: { id: NETWORK_ID } }]);
  expect([...world.repository.networks()][0]).not.toHaveProperty('listed');
  await markListed(parts, [anEngineNetwork()]);
  const after = await startWorld({ store: world.store, kernel: world.kernel });
  expect([...after.repository.networks()]).toMatchObject([{ request: { id: NETWORK_ID }, listed: true }]);
});
