import { Type } from 'typebox';
import {
  DnsAnswer,
  Problem,
  ServiceChange,
  ServiceDetail,
  ServiceRequest,
  ServiceView,
} from '../../core/control.ts';
import type { ControlApp } from './control-app.ts';
import type { NamesBackend } from './names-backend.ts';

/** Longest request, in bytes: weights of some hundred containers. */
const BODY_LIMIT = 32_768;
const Ref = Type.String({ minLength: 1, maxLength: 256 });
const ServiceParams = Type.Object({ network: Ref, name: Ref });
const NetworkQuery = Type.Object(
  { network: Type.Optional(Type.String({ ...Ref, description: 'Only of this network.' })) },
  { additionalProperties: false },
);
const DnsParameters = Type.Object(
  {
    name: Type.String({ ...Ref, description: 'A name, or an address.' }),
    type: Type.Optional(
      Type.Enum(['A', 'AAAA', 'PTR', 'SRV'], {
        description: 'Absent: what fits the name: PTR, SRV, or A and AAAA.',
      }),
    ),
    network: Type.Optional(
      Type.String({ ...Ref, description: 'Only of this network; absent: all that this host knows.' }),
    ),
  },
  { additionalProperties: false },
);
const NoQuery = Type.Object({}, { additionalProperties: false });
const problems = { '4xx': Problem, '5xx': Problem };

/** Adds services, which can be made, changed and removed, and questions about names. */
export function addNames(app: ControlApp, backend: NamesBackend): void {
  addServiceReads(app, backend);
  addServiceChanges(app, backend);
  app.get(
    '/v1/dns',
    {
      schema: {
        operationId: 'resolveName',
        summary: 'What weft answers to a DNS question',
        querystring: DnsParameters,
        response: { 200: DnsAnswer, ...problems },
      },
    },
    (request) => backend.resolve(request.query),
  );
}

function addServiceReads(app: ControlApp, backend: NamesBackend): void {
  const listed = Type.Immutable(Type.Array(ServiceView));
  app.get(
    '/v1/services',
    {
      schema: {
        operationId: 'listServices',
        summary: 'Services',
        querystring: NetworkQuery,
        response: { 200: listed, ...problems },
      },
    },
    (request) => backend.services(request.query),
  );
  app.get(
    '/v1/services/:network/:name',
    {
      schema: {
        operationId: 'getService',
        summary: 'A service and its backends',
        params: ServiceParams,
        querystring: NoQuery,
        response: { 200: ServiceDetail, ...problems },
      },
    },
    (request) => backend.service(request.params.network, request.params.name),
  );
}

function addServiceChanges(app: ControlApp, backend: NamesBackend): void {
  const one = { params: ServiceParams, querystring: NoQuery, response: { 200: ServiceDetail, ...problems } };
  app.post(
    '/v1/services',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        operationId: 'createService',
        summary: 'Make a service',
        querystring: NoQuery,
        body: ServiceRequest,
        response: { 201: ServiceDetail, ...problems },
      },
    },
    async (request, reply) => reply.code(201).send(await backend.createService(request.body)),
  );
  app.patch(
    '/v1/services/:network/:name',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        ...one,
        operationId: 'updateService',
        summary: 'Change a service; weight 0 drains a backend',
        body: ServiceChange,
      },
    },
    (request) => backend.updateService(request.params.network, request.params.name, request.body),
  );
  app.delete(
    '/v1/services/:network/:name',
    { schema: { ...one, operationId: 'removeService', summary: 'Remove a service made by hand' } },
    (request) => backend.removeService(request.params.network, request.params.name),
  );
}
