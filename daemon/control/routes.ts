import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type TSchema, Type } from 'typebox';
import {
  DoctorFinding,
  DriftReport,
  EndpointView,
  EventView,
  Explanation,
  IpamPoolDetail,
  IpamPoolView,
  NetworkView,
  NodeList,
  NodeRemoval,
  PortView,
  Problem,
  Status,
} from '../../core/control.ts';
import type { ControlBackend, EventFilter } from './backend.ts';
import type { ControlApp } from './control-app.ts';
import type { Exposition } from './metrics.ts';
import type { OpenStreams } from './open-streams.ts';

const Ref = Type.String({ minLength: 1, maxLength: 256 });
const RefParams = Type.Object({ ref: Ref });
const EndpointQuery = Type.Object(
  {
    network: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'Only of this network.' }),
    ),
    all: Type.Optional(Type.Boolean({ description: 'true: those of other hosts, too.' })),
  },
  { additionalProperties: false },
);
const EventQuery = Type.Object(
  {
    since: Type.Optional(
      Type.String({ format: 'date-time', description: 'From then on; absent: the last 20, then new ones.' }),
    ),
    follow: Type.Optional(Type.Boolean({ description: 'false: end after the kept ones.' })),
  },
  { additionalProperties: false },
);
const RemovalQuery = Type.Object(
  { force: Type.Optional(Type.Boolean({ description: 'true: also when its weftd lives.' })) },
  { additionalProperties: false },
);
const PathQuery = Type.Object(
  {
    from: Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'Container name, endpoint id or its beginning, or address, on this host.',
    }),
    to: Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'The same on any host, or a name or service, with :PORT or :PORT/udp after it or without.',
    }),
  },
  { additionalProperties: false },
);
const NoQuery = Type.Object({}, { additionalProperties: false });
const problems = { '4xx': Problem, '5xx': Problem };

function listOf<S extends TSchema>(schema: S) {
  return Type.Immutable(Type.Array(schema));
}

/** The schema of a route without a query that answers with `ok`. */
function answering<S extends TSchema>(operationId: string, summary: string, ok: S) {
  return { operationId, summary, querystring: NoQuery, response: { 200: ok, ...problems } };
}

/** Adds the plain resources: one answer for one request. */
export function addResources(app: ControlApp, backend: ControlBackend): void {
  app.get('/v1/status', { schema: answering('getStatus', 'Status of weftd', Status) }, () =>
    backend.status(),
  );
  app.get('/v1/ports', { schema: answering('listPorts', 'Published ports', listOf(PortView)) }, () =>
    backend.ports(),
  );
  app.get('/v1/drift', { schema: answering('getDrift', 'What was repaired', DriftReport) }, () =>
    backend.drift(),
  );
  app.get('/v1/doctor', { schema: answering('runDoctor', 'Check the host now', listOf(DoctorFinding)) }, () =>
    backend.doctor(),
  );
}

/** Adds the resources that have ids: lists and single ones. */
export function addCollections(app: ControlApp, backend: ControlBackend): void {
  const one = { params: RefParams };
  app.get('/v1/networks', { schema: answering('listNetworks', 'Networks', listOf(NetworkView)) }, () =>
    backend.networks(),
  );
  const network = answering('getNetwork', 'A network by id, id prefix or name', NetworkView);
  app.get('/v1/networks/:ref', { schema: { ...network, ...one } }, (request) =>
    backend.network(request.params.ref),
  );
  const endpoints = answering('listEndpoints', 'Endpoints', listOf(EndpointView));
  app.get('/v1/endpoints', { schema: { ...endpoints, querystring: EndpointQuery } }, (request) =>
    backend.endpoints(request.query),
  );
  const endpoint = answering('getEndpoint', 'An endpoint by id, id prefix or name', EndpointView);
  app.get('/v1/endpoints/:ref', { schema: { ...endpoint, ...one } }, (request) =>
    backend.endpoint(request.params.ref),
  );
  app.get('/v1/ipam', { schema: answering('listPools', 'Address pools', listOf(IpamPoolView)) }, () =>
    backend.pools(),
  );
  const pool = answering('getPool', 'A pool by id or CIDR, with its leases', IpamPoolDetail);
  const encoded = { description: 'Write the slashes of the id as %2F.' };
  app.get('/v1/ipam/:ref', { schema: { ...pool, ...encoded, ...one } }, (request) =>
    backend.pool(request.params.ref),
  );
}

/** Adds what is known of the cluster, and the one thing that can be changed there. */
export function addCluster(app: ControlApp, backend: ControlBackend): void {
  app.get('/v1/nodes', { schema: answering('listNodes', 'Hosts of the cluster', NodeList) }, () =>
    backend.nodes(),
  );
  const removal = answering('removeNode', 'Take a host out of the cluster', NodeRemoval);
  app.delete(
    '/v1/nodes/:name',
    { schema: { ...removal, params: Type.Object({ name: Ref }), querystring: RemovalQuery } },
    (request) => backend.removeNode(request.params.name, { force: request.query.force === true }),
  );
  const path = answering('explainPath', 'The way from one endpoint to another, step by step', Explanation);
  app.get('/v1/explain', { schema: { ...path, querystring: PathQuery } }, (request) =>
    backend.explain(request.query.from, request.query.to),
  );
}

/** Adds the event stream: newline-delimited JSON, one event a line. */
export function addEvents(app: ControlApp, backend: ControlBackend, streams: OpenStreams): void {
  const response = {
    200: { description: 'One EventView a line.', content: { 'application/x-ndjson': { schema: EventView } } },
    ...problems,
  };
  app.get(
    '/v1/events',
    {
      schema: {
        operationId: 'followEvents',
        summary: 'Events as they happen',
        querystring: EventQuery,
        response,
      },
    },
    async (request, reply) => {
      const { since, follow } = request.query;
      const filter: EventFilter = {
        ...(since === undefined ? {} : { since: Date.parse(since) }),
        ...(follow === undefined ? {} : { follow }),
      };
      // Written by hand so that the header leaves at once: a follower then knows that it is connected.
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
      raw.flushHeaders();
      await streams
        .run(raw, (signal) => pipeline(Readable.from(lines(backend.events(signal, filter))), raw))
        .catch((error: unknown) => {
          if (!raw.destroyed) raw.destroy();
          request.log.debug({ err: error }, 'event stream ended early');
        });
    },
  );
}

async function* lines(events: AsyncIterable<EventView>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}

/** Adds /metrics and /openapi.json. */
export function addDocuments(app: ControlApp, metrics: Exposition, openapi: () => Promise<string>): void {
  const plain = {
    description: 'Prometheus text format.',
    content: { 'text/plain': { schema: Type.String() } },
  };
  app.get(
    '/metrics',
    { schema: { operationId: 'getMetrics', summary: 'Metrics', response: { 200: plain, ...problems } } },
    async (_request, reply) => {
      const text = await metrics.render();
      reply.type(metrics.contentType);
      return reply.send(text);
    },
  );
  const anything = { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: Type.Any() } } };
  app.get(
    '/openapi.json',
    { schema: { operationId: 'getOpenapi', summary: 'This document', response: { 200: anything } } },
    async (_request, reply) => {
      reply.type('application/json');
      return reply.send(await openapi());
    },
  );
}
