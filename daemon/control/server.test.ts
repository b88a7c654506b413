import { once } from 'node:events';
import { linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import pino from 'pino';
import { Value } from 'typebox/value';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as resources from '../../core/control.ts';
import { Conflict, Internal, InvalidArgument, Unavailable } from '../../core/errors.ts';
import { aControlScene, WEB, WEB_1 } from '../../test/fakes/control-scene.ts';
import { MemoryControlBackend } from '../../test/fakes/memory-control-backend.ts';
import { EventLog } from './event-log.ts';
import { createMetrics } from './metrics.ts';
import { type ControlServer, startControlServer } from './server.ts';

const log = pino({ level: 'silent' });
const metrics = createMetrics({
  version: '1',
  sample: () => ({ networks: 7, endpoints: 0, publishedPorts: 0, pools: [] }),
});
let folder: string;
let path: string;
let backend: MemoryControlBackend;
let server: ControlServer;

const start = (group = 'weft-has-no-such-group') =>
  startControlServer({ path, backend, metrics, log, version: '0.1.0', group });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-control-'));
  path = join(folder, 'control.sock');
  const scene = aControlScene();
  const remote = {
    id: 'ee'.repeat(32),
    node: 'host2',
    network: WEB,
    mac: '02:00:00:00:00:09',
    ports: [],
    state: 'remote' as const,
  };
  backend = new MemoryControlBackend({ ...scene, remote: [remote] }, new EventLog({ now: Date.now }));
  server = await start();
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

async function open(url: string, method = 'GET'): Promise<IncomingMessage> {
  const call = request({ socketPath: path, path: url, method, agent: false }).end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return response;
}

async function get(url: string, method = 'GET') {
  const response = await open(url, method);
  return { status: response.statusCode, body: JSON.parse(await readAll(response)) as unknown };
}

describe('resources', () => {
  it.each([
    ['/v1/status', resources.Status],
    ['/v1/networks/web', resources.NetworkView],
    [`/v1/networks/${WEB}`, resources.NetworkView],
    [`/v1/networks/${WEB.slice(0, 4)}`, resources.NetworkView],
    ['/v1/endpoints/web-1', resources.EndpointView],
    ['/v1/ipam/weft%2F198.18.0.0%2F24', resources.IpamPoolDetail],
    ['/v1/ipam/weft%2Ffd00:18::%2F64', resources.IpamPoolDetail],
    ['/v1/drift', resources.DriftReport],
    ['/v1/nodes', resources.NodeList],
    ['/v1/explain?from=web-1&to=198.18.0.9:80', resources.Explanation],
    ['/v1/services/web/SHOP', resources.ServiceDetail],
    [`/v1/services/${WEB}/shop`, resources.ServiceDetail],
    ['/v1/dns?name=shop', resources.DnsAnswer],
    ['/v1/dns?name=_80._tcp.shop&type=SRV&network=web', resources.DnsAnswer],
  ])('GET %s answers with what the schema says', async (url, schema) => {
    const { status, body } = await get(url);
    expect(status).toBe(200);
    expect([...Value.Errors(schema, body)]).toEqual([]);
  });

  it.each([
    ['/v1/networks', resources.NetworkView, 2],
    ['/v1/endpoints', resources.EndpointView, 1],
    ['/v1/endpoints?network=web', resources.EndpointView, 1],
    ['/v1/endpoints?all=true', resources.EndpointView, 2],
    ['/v1/ipam', resources.IpamPoolView, 2],
    ['/v1/ports', resources.PortView, 1],
    ['/v1/services', resources.ServiceView, 1],
    ['/v1/services?network=4f99', resources.ServiceView, 0],
    ['/v1/doctor', resources.DoctorFinding, 3],
  ])('GET %s lists', async (url, schema, length) => {
    const { status, body } = await get(url);
    expect(status).toBe(200);
    expect(body).toHaveLength(length);
    for (const item of body as unknown[]) expect([...Value.Errors(schema, item)]).toEqual([]);
  });

  it('loses nothing on the way', async () => {
    const scene = aControlScene();
    expect((await get('/v1/networks')).body).toEqual(scene.networks);
    expect((await get(`/v1/endpoints/${WEB_1}`)).body).toEqual(scene.endpoints[0]);
    expect((await get('/v1/ipam/198.18.0.0%2F24')).body).toEqual(scene.pools[0]);
    expect((await get('/v1/doctor')).body).toEqual(scene.findings);
  });

  it('filters endpoints by network', async () => {
    expect((await get('/v1/endpoints?network=4f99')).body).toEqual([]);
  });

  it('removes a node, and lists it no more', async () => {
    expect(await get('/v1/nodes/host1', 'DELETE')).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await get('/v1/nodes/nope', 'DELETE')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    const { status, body } = await get('/v1/nodes/host1?force=true', 'DELETE');
    expect(status).toBe(200);
    expect([...Value.Errors(resources.NodeRemoval, body)]).toEqual([]);
    expect((await get('/v1/nodes')).body).toMatchObject({ nodes: [] });
  });

  it('serves metrics', async () => {
    const response = await open('/metrics');
    expect(response.headers['content-type']).toBe(metrics.contentType);
    expect(await readAll(response)).toContain('weft_networks 7');
  });
});

describe('problems', () => {
  it.each([
    ['/v1/networks/nope', 404, 'not_found'],
    ['/v1/endpoints/nope', 404, 'not_found'],
    ['/v1/endpoints?network=nope', 404, 'not_found'],
    ['/v1/ipam/nope', 404, 'not_found'],
    ['/v1/networks/4f', 409, 'conflict'],
    ['/v1/networks/', 400, 'invalid_argument'],
    ['/v1/networks/%ZZ', 400, 'invalid_argument'],
    ['/v1/nothing', 404, 'not_found'],
    ['/', 404, 'not_found'],
    ['/v1/endpoints?netwrok=web', 400, 'invalid_argument'],
    ['/v1/status?x=1', 400, 'invalid_argument'],
    ['/v1/events?since=yesterday', 400, 'invalid_argument'],
    ['/v1/explain?from=web-1', 400, 'invalid_argument'],
    ['/v1/explain?from=web-1&to=', 400, 'invalid_argument'],
    ['/v1/services?network=nope', 404, 'not_found'],
    ['/v1/services/nope/shop', 404, 'not_found'],
    ['/v1/services/web/nope', 404, 'not_found'],
    ['/v1/services/4f/shop', 409, 'conflict'],
    ['/v1/dns', 400, 'invalid_argument'],
    ['/v1/dns?name=x&type=MX', 400, 'invalid_argument'],
    ['/v1/dns?name=198.18.0.2&type=A', 400, 'invalid_argument'],
    ['/v1/dns?name=x&network=nope', 404, 'not_found'],
    [`/v1/networks/${'x'.repeat(300)}`, 414, 'invalid_argument'],
  ])('GET %s is %d %s', async (url, status, code) => {
    const answer = await get(url);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(Value.Check(resources.Problem, answer.body)).toBe(true);
  });

  it('refuses methods that would change what Docker alone may change', async () => {
    expect(await get('/v1/networks/web', 'DELETE')).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });

  it('names the candidates of an ambiguous prefix', async () => {
    const { body } = await get('/v1/networks/4f');
    expect(body).toMatchObject({ context: { network: '4f' } });
    expect((body as resources.Problem).message).toContain(`${WEB} (web)`);
  });

  it.each([
    [new InvalidArgument('bad', { field: 'x' }), 400],
    [new Conflict('held'), 409],
    [new Unavailable('the store is away'), 503],
  ])('turns %s into status %d with its own message', async (failure, status) => {
    backend.failure = failure;
    const { message, code, context } = failure;
    expect(await get('/v1/status')).toEqual({ status, body: { code, message, context } });
  });

  it.each([new Internal('a secret detail'), new TypeError('a secret detail')])(
    'keeps %s to itself',
    async (failure) => {
      backend.failure = failure;
      const { status, body } = await get('/v1/status');
      expect(status).toBe(500);
      expect(body).toMatchObject({ code: 'internal' });
      expect(JSON.stringify(body)).not.toContain('secret');
    },
  );
});

describe('events', () => {
  const publish = (text: string) => backend.log.publish({ kind: 'test', text });

  it('sends kept events, then new ones, a line each', async () => {
    publish('before');
    const response = await open('/v1/events');
    expect(response.headers['content-type']).toBe('application/x-ndjson');
    const lines = response.setEncoding('utf8')[Symbol.asyncIterator]();
    const first = JSON.parse((await lines.next()).value as string) as unknown;
    expect(Value.Check(resources.EventView, first)).toBe(true);
    expect(first).toMatchObject({ id: 1, text: 'before' });
    publish('after');
    expect(JSON.parse((await lines.next()).value as string)).toMatchObject({ id: 2, text: 'after' });
    response.destroy();
  });

  it('answers at once when there is nothing to tell yet', async () => {
    const response = await open('/v1/events');
    expect(response.statusCode).toBe(200);
    response.destroy();
  });

  it('ends after the kept ones with follow=false', async () => {
    publish('one');
    publish('two');
    const body = await readAll(await open('/v1/events?follow=false'));
    expect(body.trimEnd().split('\n')).toHaveLength(2);
  });

  it('starts at a time', async () => {
    publish('one');
    const later = new Date(Date.now() + 60_000).toISOString();
    expect(await readAll(await open(`/v1/events?follow=false&since=${later}`))).toBe('');
  });

  it('stops reading from the backend when the client goes away', async () => {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const subscribe = backend.events.bind(backend);
    backend.events = (signal, filter) => {
      signal.addEventListener('abort', () => resolve());
      return subscribe(signal, filter);
    };
    const response = await open('/v1/events');
    response.destroy();
    await stopped;
  });

  it('ends streams cleanly when the server closes', async () => {
    const response = await open('/v1/events');
    const body = readAll(response);
    await server.close();
    expect(await body).toBe('');
    expect(response.complete).toBe(true);
  });

  it('closes although a client does not read', async () => {
    const response = await open('/v1/events?since=2000-01-01T00:00:00Z');
    response.pause();
    response.on('error', () => {});
    for (let i = 0; i < 900; i++) publish('x'.repeat(4000));
    const started = performance.now();
    await server.close();
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

describe('the socket', () => {
  it('is for its owner alone without the group', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is open to the group where it exists', async () => {
    await server.close();
    server = await start('root');
    expect(statSync(path)).toMatchObject({ gid: 0 });
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('is removed on close, and close may be called twice', async () => {
    await server.close();
    await server.close();
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('refuses to take over a socket that answers', async () => {
    await expect(start()).rejects.toThrow(new Conflict(`another process answers on ${path}`, { path }));
    expect((await get('/v1/status')).status).toBe(200);
  });

  it('replaces one that nobody listens on', async () => {
    await server.close();
    await leaveStaleSocket(path);
    server = await start();
    expect((await get('/v1/status')).status).toBe(200);
  });

  it('leaves a file that is not a socket alone', async () => {
    await server.close();
    writeFileSync(path, 'mine');
    await expect(start()).rejects.toThrow('is not a socket');
    expect(statSync(path).size).toBe(4);
  });

  it('says so when the path is too long or its folder is missing', async () => {
    path = join(folder, 'x'.repeat(110));
    await expect(start()).rejects.toThrow(InvalidArgument);
    path = join(folder, 'missing', 'control.sock');
    await expect(start()).rejects.toThrow(Unavailable);
  });
});

/** A bound socket file whose process is gone: bound under another name, so that closing does not remove it. */
async function leaveStaleSocket(where: string): Promise<void> {
  const other = `${where}.other`;
  const holder = createServer().listen(other);
  await once(holder, 'listening');
  linkSync(other, where);
  holder.close();
  await once(holder, 'close');
}

describe('the OpenAPI document', () => {
  interface Operation {
    readonly operationId: string;
    readonly parameters?: readonly {
      readonly in: string;
      readonly name: string;
      readonly required?: boolean;
    }[];
    readonly responses: Readonly<Record<string, { readonly description?: string }>>;
  }
  interface Document {
    readonly openapi: string;
    readonly paths: Readonly<Record<string, { readonly get?: Operation; readonly delete?: Operation }>>;
    readonly components: { readonly schemas: Readonly<Record<string, object>> };
  }
  const operationsOf = ({ paths }: Document) =>
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => [path, operation] as const),
    );
  const read = async () => (await get('/openapi.json')).body as Document;

  it('lists every route, each with its own operation id', async () => {
    const document = await read();
    const { openapi, paths } = document;
    expect(openapi).toBe('3.1.0');
    expect(Object.keys(paths).sort()).toEqual([
      '/metrics',
      '/openapi.json',
      '/v1/dns',
      '/v1/doctor',
      '/v1/drift',
      '/v1/endpoints',
      '/v1/endpoints/{ref}',
      '/v1/events',
      '/v1/explain',
      '/v1/ipam',
      '/v1/ipam/{ref}',
      '/v1/networks',
      '/v1/networks/{ref}',
      '/v1/nodes',
      '/v1/nodes/{name}',
      '/v1/ports',
      '/v1/services',
      '/v1/services/{network}/{name}',
      '/v1/status',
    ]);
    expect(Object.keys(paths['/v1/nodes/{name}'] ?? {})).toEqual(['delete']);
    const ids = operationsOf(document).map(([, operation]) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('declares every path parameter and describes every answer', async () => {
    for (const [path, operation] of operationsOf(await read())) {
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      const used = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(declared.map(({ name, required }) => [name, required])).toEqual(
        used.map((name) => [name, true]),
      );
      for (const answer of Object.values(operation.responses)) expect(answer.description).toBeTruthy();
    }
  });

  it('describes every resource once and refers to it', async () => {
    const document = await read();
    const names = Object.keys(document.components.schemas).sort();
    expect(names).toEqual(Object.keys(resources).sort());
    const refs = JSON.stringify(document).match(/#\/components\/schemas\/\w+/g) ?? [];
    expect(new Set(refs)).toEqual(new Set(names.map((name) => `#/components/schemas/${name}`)));
    expect(document.paths['/v1/networks/{ref}']?.get?.responses).toMatchObject({
      '200': { content: { 'application/json': { schema: { $ref: '#/components/schemas/NetworkView' } } } },
      '4XX': { content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } } },
    });
  });
});
