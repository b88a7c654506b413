import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify from 'fastify';
import * as resources from '../../core/control.ts';
import type { ControlApp } from './control-app.ts';

const NAMES: ReadonlySet<string> = new Set(Object.keys(resources));

/**
 * The OpenAPI 3.1 document of the routes that `addRoutes` adds, as JSON text. It is read now and then by a person, so
 * what makes it is loaded then, and the server that holds the routes meanwhile never listens.
 */
export async function openapiDocument(
  version: string,
  addRoutes: (app: ControlApp) => void,
): Promise<string> {
  const { default: swagger } = await import('@fastify/swagger');
  const app: ControlApp = Fastify({ exposeHeadRoutes: false }).withTypeProvider<TypeBoxTypeProvider>();
  await app.register(swagger, openapiOptions(version));
  addRoutes(app);
  await app.ready();
  const document = JSON.stringify(app.swagger());
  await app.close();
  return document;
}

/** Options for @fastify/swagger: each resource once under components. */
function openapiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'weft control API',
        version,
        description:
          'Served by weftd on its control socket (/run/weft/control.sock). Changes services, and who belongs to the cluster; all else reads.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [
        { url: 'http://weft', description: 'Any host name will do: the transport is the Unix socket.' },
      ],
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      const { paths, ...rest } = document.openapiObject;
      const schemas: Record<string, unknown> = {};
      const shared = { ...rest, paths: share(paths, schemas) };
      // The plugin's own type has no room for JSON Schema values of unknown shape.
      return { ...shared, components: { schemas } } as typeof document.openapiObject;
    },
  };
}

/** A copy of `value` in which each resource is a reference; the resources themselves go into `schemas`. */
function share(value: unknown, schemas: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((item) => share(item, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, share(item, schemas)]));
  const title = copy['title'];
  if (typeof title !== 'string' || !NAMES.has(title) || copy['type'] !== 'object') return copy;
  schemas[title] = copy;
  return { $ref: `#/components/schemas/${title}` };
}
