import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { NotFound } from '../../core/errors.ts';
import type { ControlBackend } from './backend.ts';
import type { ControlApp } from './control-app.ts';
import { lazySchemas } from './lazy-schemas.ts';
import { listenUnix } from './listen-unix.ts';
import type { Exposition } from './metrics.ts';
import { addNames } from './names-routes.ts';
import { OpenStreams } from './open-streams.ts';
import { openapiDocument } from './openapi.ts';
import { problemOf } from './problem-of.ts';
import { addCluster, addCollections, addDocuments, addEvents, addResources } from './routes.ts';
import { schemaFault } from './schema-fault.ts';

/** How long close() waits for clients that do not read before it cuts them off, in milliseconds. */
const CLOSE_GRACE_MS = 500;
const WEFT_GROUP = 'weft';

/** What the control server serves, and where. */
export interface ControlServerOptions {
  /** Where control.sock goes; its directory exists. */
  readonly path: string;
  readonly backend: ControlBackend;
  readonly metrics: Exposition;
  readonly log: FastifyBaseLogger;
  /** Version of weftd, for the OpenAPI document. */
  readonly version: string;
  /** Members of this group may use the socket, where it exists. Absent: `weft`. */
  readonly group?: string;
}

/** A running control server. */
export interface ControlServer extends AsyncDisposable {
  readonly path: string;
  /** Ends event streams, answers what was asked, removes the socket file. Never rejects; may be called twice. */
  close(): Promise<void>;
}

/**
 * The control API on a Unix socket; it answers when this resolves.
 * @throws {InvalidArgument} when the path is too long for a socket.
 * @throws {Conflict} when another process answers on the socket, or the path holds something else.
 * @throws {Unavailable} when the kernel refuses the socket.
 */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const streams = new OpenStreams();
  const app = await buildApp(options, streams);
  await listenUnix(app.server, options.path, options.group ?? WEFT_GROUP).catch(async (error: unknown) => {
    await app.close();
    throw error;
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= stop(app, streams);
    return closed;
  };
  return { path: options.path, close, [Symbol.asyncDispose]: close };
}

async function stop(app: ControlApp, streams: OpenStreams): Promise<void> {
  await streams.close(CLOSE_GRACE_MS);
  const cutOff = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS);
  await app.close();
  clearTimeout(cutOff);
}

async function buildApp(options: ControlServerOptions, streams: OpenStreams): Promise<ControlApp> {
  const app: ControlApp = Fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    bodyLimit: 1024,
    routerOptions: { maxParamLength: 256 },
    ajv: { customOptions: { removeAdditional: false, verbose: true } },
    schemaController: lazySchemas,
    schemaErrorFormatter: schemaFault,
    frameworkErrors: (error, request, reply) => answerProblem(error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setErrorHandler((error, request, reply) => answerProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    answerProblem(new NotFound(`there is no ${request.method} ${request.url}`), request, reply),
  );
  const routes = (to: ControlApp): void => {
    addResources(to, options.backend);
    addCollections(to, options.backend);
    addCluster(to, options.backend);
    addNames(to, options.backend);
    addEvents(to, options.backend, streams);
    addDocuments(to, options.metrics, () => openapiDocument(options.version, routes));
  };
  routes(app);
  await app.ready();
  return app;
}

function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, problem } = problemOf(error);
  if (status >= 500) request.log.error({ err: error, url: request.url }, 'control request failed');
  void reply.code(status).type('application/json').serializer(JSON.stringify).send(problem);
}
