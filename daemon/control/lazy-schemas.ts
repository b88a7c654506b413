import { createRequire } from 'node:module';
import type AjvCompiler from '@fastify/ajv-compiler';
import type SerializerSelector from '@fastify/fast-json-stringify-compiler';
import type { FastifyServerOptions } from 'fastify';

const require = createRequire(import.meta.url);

type BuildValidator = AjvCompiler.BuildCompilerFromPool;
type BuildSerializer = SerializerSelector.SerializerFactory;
type Validator = ReturnType<ReturnType<BuildValidator>>;

const ajv = once((): BuildValidator => require('@fastify/ajv-compiler')());
const stringify = once((): BuildSerializer => require('@fastify/fast-json-stringify-compiler')());

const buildValidator: BuildValidator = (externalSchemas, options) => (route) => {
  const validator = once(() => ajv()(externalSchemas, options)(route));
  const lazy = ((data: unknown) => {
    const isValid = validator()(data);
    // Where Fastify looks for what is wrong.
    lazy.errors = validator().errors ?? null;
    return isValid;
  }) as Validator;
  return lazy;
};

const buildSerializer: BuildSerializer = (externalSchemas, options) => (route) => {
  const serializer = once(() => stringify()(externalSchemas, options)(route));
  return (data) => serializer()(data);
};

/**
 * Fastify's own compilers of schemas, each loaded and used when the first request needs it. Fastify compiles at the start,
 * which takes weftd a fifth of its own, for routes that are asked for later or never.
 */
export const lazySchemas: NonNullable<FastifyServerOptions['schemaController']> = {
  compilersFactory: { buildValidator, buildSerializer },
};

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
