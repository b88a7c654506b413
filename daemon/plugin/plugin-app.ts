import type { Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { errorMessage } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import { lazySchemas } from '../control/lazy-schemas.ts';
import type { CallRunner, PluginName } from './call-runner.ts';
import { failure, type Reply, reportFailure } from './failure.ts';
import type { Method } from './method.ts';
import { type RequestBody, readRequestBody } from './request-body.ts';

/** The answer's type, whatever was asked for; engines do not look at it. */
const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json';

/** What one plugin socket serves. */
export interface PluginAppOptions {
  readonly plugin: PluginName;
  readonly methods: readonly Method[];
  readonly runner: CallRunner;
  readonly log: Logger;
}

/**
 * The HTTP side of one plugin, not listening yet. It takes a call whatever its Host and Content-Type say, and has no
 * time limit of its own on connections: a server that closes an idle connection may do it in the moment an engine
 * writes to it, and the engine then repeats the call with an empty body.
 */
export function pluginApp(options: PluginAppOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    // It has none: spares loading what compiles them.
    schemaController: lazySchemas,
    requestTimeout: 0,
    connectionTimeout: 0,
    // Engines open connections that they use only later; a fresh one may not time out either.
    http: { headersTimeout: 0, requireHostHeader: false },
    clientErrorHandler: (error, socket) => refuseConnection(error, socket),
    frameworkErrors: (_error, request, reply) => {
      send(reply, notFound(options.plugin, request.method, request.raw.url));
    },
  });
  // Not an option above: Fastify reads 0 there as its own default of 72 s.
  app.server.keepAliveTimeout = 0;
  acceptAnyBody(app);
  app.setNotFoundHandler((request, reply) => {
    send(reply, notFound(options.plugin, request.method, request.raw.url));
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = typeof error === 'object' && error !== null && 'statusCode' in error;
    if (status) return send(reply, failure(400, errorMessage(error)));
    options.log.warn({ plugin: options.plugin, err: error }, 'request could not be read');
    return send(reply, reportFailure(error, 'reading').reply);
  });
  for (const method of options.methods) {
    app.post(`/${method.name}`, async (request, reply) => {
      const body = request.body as RequestBody;
      return send(reply, await options.runner.run(method, body, request.headers['user-agent']));
    });
  }
  // Node answers 417 by itself otherwise.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  return app;
}

/** Engines send no Content-Type; what other clients send is not looked at, not even for its syntax. */
function acceptAnyBody(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, next) => {
    delete request.raw.headers['content-type'];
    next();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => readRequestBody(payload, done));
}

function send(reply: FastifyReply, { status, body }: Reply): FastifyReply {
  return reply.code(status).header('content-type', CONTENT_TYPE).send(Buffer.from(body));
}

function notFound(plugin: PluginName, method: string, url: string | undefined): Reply {
  return failure(404, `${plugin} has no call ${method} ${quote(url ?? '')}`);
}

/** Answers what is not HTTP, or has too large a head. The connection ends, because where the next request begins is unknown. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { body } = failure(400, `not an HTTP request: ${error.message}`);
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${CONTENT_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
