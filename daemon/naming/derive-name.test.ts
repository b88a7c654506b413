import { describe, expect, test } from 'vitest';
import { anAttachment, anEndpoint, anEndpointRequest, ENDPOINT_ID } from '../../test/fakes/builders.ts';
import type { KnownContainer } from './container-watch.ts';
import { declarationOf, nameRecord, namesOf, stateOf } from './derive-name.ts';

const ID = '0123456789abcdef'.repeat(4);

function container(change: Partial<KnownContainer> = {}): KnownContainer {
  return {
    id: ID,
    name: 'Web_1',
    labels: {},
    running: true,
    startedAt: 2000,
    finishedAt: 0,
    stoppedAt: 0,
    stopSignal: 15,
    endpoints: [{ id: ENDPOINT_ID, networkId: 'n', networkName: 'app', names: ['www', 'Web_1', 'www'] }],
    ...change,
  };
}
const endpoint = (options: Record<string, string> = {}, createdAt = 1000) =>
  anEndpoint({ request: anEndpointRequest({ options }), attachment: anAttachment(), createdAt });

describe('names', () => {
  test('are lower case, each once, the container’s first, the Compose service last', () => {
    const labels = { 'com.docker.compose.service': 'Front' };
    expect(namesOf(endpoint(), container({ labels }))).toEqual(['web_1', 'www', '0123456789ab', 'front']);
  });

  test('of an endpoint that Docker tells nothing more of', () => {
    expect(namesOf(endpoint(), container({ endpoints: [] }))).toEqual(['web_1', '0123456789ab']);
  });
});

describe('what is declared', () => {
  const labels = { 'weft.service': 'web', 'weft.service.port': '80', 'weft.service.weight': '3', other: 'x' };

  test('driver options go before labels, key by key', () => {
    const { declaration } = declarationOf(endpoint({ 'weft.service.weight': '5' }), container({ labels }));
    expect(declaration).toMatchObject({ service: 'web', weight: 5, ports: [{ port: 80 }] });
  });

  test('options alone will do, and nothing is nothing', () => {
    expect(declarationOf(endpoint({ 'weft.service': 'db' }), undefined).declaration?.service).toBe('db');
    expect(declarationOf(endpoint(), container())).toEqual({});
  });

  test('what cannot be read is said', () => {
    const bad = { ...labels, 'weft.service.weight': 'heavy' };
    const { declaration, problem } = declarationOf(endpoint(), container({ labels: bad }));
    expect(declaration).toBeUndefined();
    expect(problem).toMatch(/weft\.service\.weight "heavy": expected a number/);
  });
});

describe('the state', () => {
  test.each([
    ['runs, and nobody examines it', {}, undefined, 'ready'],
    ['is being started', { running: false, startedAt: 0 }, undefined, 'starting'],
    [
      'was started before and is being started again',
      { running: false, startedAt: 500, stoppedAt: 600 },
      undefined,
      'starting',
    ],
    ['was told to stop', { stoppedAt: 3000 }, undefined, 'draining'],
    ['has ended', { running: false, stoppedAt: 3000 }, 'ready', 'draining'],
    ['was stopped and started since', { stoppedAt: 1500 }, undefined, 'ready'],
    ['is not healthy yet', { health: 'starting' }, undefined, 'starting'],
    ['is healthy', { health: 'healthy' }, undefined, 'ready'],
    ['is not healthy', { health: 'unhealthy' }, undefined, 'failing'],
    ['answers its probe, whatever Docker says', { health: 'unhealthy' }, 'ready', 'ready'],
    ['does not answer its probe yet', {}, 'starting', 'starting'],
    ['answers its probe no more', { health: 'healthy' }, 'failing', 'failing'],
  ] as const)('of a container that %s', (_text, change, probed, state) => {
    expect(stateOf(endpoint(), container(change as Partial<KnownContainer>), probed)).toBe(state);
  });
});

describe('the record', () => {
  const facts = { network: 'app', node: 'h1', declaration: undefined, probed: undefined };

  test('says all of it', () => {
    expect(nameRecord(endpoint(), { ...facts, container: container() })).toEqual({
      endpoint: ENDPOINT_ID,
      network: 'app',
      networkName: 'app',
      node: 'h1',
      container: ID,
      names: ['web_1', 'www', '0123456789ab'],
      ipv4: '10.80.0.2',
      state: 'ready',
      declaredAt: 1000,
    });
  });

  test('without Docker has no names', () => {
    expect(nameRecord(endpoint(), { ...facts, container: undefined })).toMatchObject({
      names: [],
      state: 'ready',
    });
  });

  test('is none without an address', () => {
    const bare = anEndpoint({ request: anEndpointRequest({ ipv4: '' }), attachment: anAttachment() });
    expect(nameRecord(bare, { ...facts, container: container() })).toBeUndefined();
  });
});
