import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Unavailable } from '../../core/errors.ts';
import { FakeDocker } from '../../test/fakes/fake-docker.ts';
import { type ContainerApi, containerEvent, openContainerApi } from './container-api.ts';
import { type ApiContainerFacts, containerFacts, signalNumber } from './container-facts.ts';

/** What a real engine answered for a container (test/support/record-engine.ts). */
function recorded(engine: string, name: string): ApiContainerFacts {
  const path = new URL(`../../test/golden/engine/${engine}.json`, import.meta.url);
  const { answers } = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly answers: readonly { readonly path: string; readonly body: ApiContainerFacts }[];
  };
  const found = answers.find(({ path, body }) => path.startsWith('/containers/') && body.Name === `/${name}`);
  if (found === undefined) throw new Error(`no container ${name} was recorded`);
  return found.body;
}

describe.each(['20.10', '26.1', '28.5'])('engine %s', (series) => {
  test('tells a running container’s names and endpoints', () => {
    const facts = containerFacts(recorded(series, 'web'));
    expect(facts).toMatchObject({ name: 'web', running: true, stopSignal: 9 });
    expect(facts.startedAt).toBeGreaterThan(Date.parse('2020-01-01'));
    expect(facts.health).toBeUndefined();
    expect(facts.endpoints.map(({ networkName }) => networkName).sort()).toEqual(['app', 'dual']);
    expect(facts.dns).toBeUndefined();
    for (const { id, networkId, names } of facts.endpoints) {
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(networkId).toMatch(/^[0-9a-f]{64}$/);
      expect(names).toContain(facts.id.slice(0, 12));
    }
  });

  test('tells that one has stopped', () => {
    expect(containerFacts(recorded(series, 'stopped'))).toMatchObject({ name: 'stopped', running: false });
  });
});

test('what an engine leaves out is nothing', () => {
  expect(containerFacts({ Id: 'c' })).toEqual({
    id: 'c',
    name: '',
    labels: {},
    running: false,
    startedAt: 0,
    finishedAt: 0,
    stopSignal: 15,
    endpoints: [],
  });
  expect(containerFacts({ Id: 'c', HostConfig: { Dns: ['192.0.2.1'] } }).dns).toEqual(['192.0.2.1']);
  const networks = { Networks: { app: null } };
  expect(containerFacts({ Id: 'c', NetworkSettings: networks }).endpoints).toEqual([
    { id: '', networkId: '', networkName: 'app', names: [] },
  ]);
});

test.each([
  ['15', 15],
  ['SIGQUIT', 3],
  ['usr1', 10],
  ['SIGRTMIN+3', 37],
  ['', undefined],
  ['nonsense', undefined],
])('signal %j is %j', (text, number) => {
  expect(signalNumber(text)).toBe(number);
});

describe('events', () => {
  const line = (event: object) =>
    containerEvent(JSON.stringify({ timeNano: 1_700_000_000_123_000_000, ...event }));

  test('of containers and of networks name the container', () => {
    expect(line({ Type: 'container', Action: 'start', Actor: { ID: 'c', Attributes: {} } })).toEqual({
      container: 'c',
      action: 'start',
      at: expect.closeTo(1_700_000_000_123, 1),
    });
    const attributes = { container: 'c', name: 'app', type: 'weft-bridge' };
    expect(
      line({ Type: 'network', Action: 'connect', Actor: { ID: 'n', Attributes: attributes } }),
    ).toMatchObject({
      container: 'c',
      action: 'connect',
    });
  });

  test('health and signals', () => {
    expect(line({ Type: 'container', Action: 'health_status: unhealthy', Actor: { ID: 'c' } })?.action).toBe(
      'health_status',
    );
    const kill = { Type: 'container', Action: 'kill', Actor: { ID: 'c', Attributes: { signal: '15' } } };
    expect(line(kill)?.signal).toBe(15);
  });

  test('that are none are left out', () => {
    expect(containerEvent('{')).toBeUndefined();
    expect(line({ Type: 'network', Action: 'create', Actor: { ID: 'n' } })).toBeUndefined();
  });
});

describe('over the socket', () => {
  let folder: string;
  let docker: FakeDocker;
  let api: ContainerApi;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-docker-'));
    docker = await FakeDocker.start(join(folder, 'docker.sock'));
    api = openContainerApi(docker.path);
  });
  afterEach(async () => {
    api[Symbol.dispose]();
    await docker[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test('lists, inspects and follows', async () => {
    const stop = new AbortController();
    const events = (await api.events(0, stop.signal))[Symbol.asyncIterator]();
    docker.run({ id: 'c1', name: 'web', networks: { app: { endpoint: 'e1', aliases: ['www'] } } });
    expect((await events.next()).value).toMatchObject({ container: 'c1', action: 'start' });
    expect(await api.running()).toEqual(['c1']);
    expect(await api.inspect('c1')).toMatchObject({ name: 'web', endpoints: [{ id: 'e1', names: ['www'] }] });
    expect(await api.inspect('c2')).toBeUndefined();
    stop.abort();
    expect((await events.next()).done).toBe(true);
  });

  test('a stream that breaks and an engine that is away are unavailable', async () => {
    const events = (await api.events(0, new AbortController().signal))[Symbol.asyncIterator]();
    const next = events.next();
    await docker.down();
    await expect(next).rejects.toBeInstanceOf(Unavailable);
    await expect(api.events(0, new AbortController().signal)).rejects.toBeInstanceOf(Unavailable);
    await expect(api.inspect('c1')).rejects.toBeInstanceOf(Unavailable);
  });
});
