import Type, { type Static, type TObject, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { InvalidArgument } from '../../../core/errors.ts';
import { quote } from '../../../core/ids.ts';

/** Reads a JSON value as one wire struct. `field` is the value's name in messages; empty for a whole body. */
export type StructDecoder<T> = (value: unknown, field: string) => T;

/**
 * A decoder for `schema` by the rules of Go's encoding/json, which both ends of this protocol follow: struct fields
 * match in any case, unknown ones are ignored, null is the same as absent. Types are strict. One rule is harder than
 * Go's: two spellings of one field in one object are refused, because their order is not kept.
 *
 * The decoder throws InvalidArgument naming the field, its value and what is accepted.
 */
export function structDecoder<S extends TObject>(schema: S): StructDecoder<Static<S>> {
  const shape = Compile(schema);
  return (value, field) => {
    const tidy = normalise(schema, value, field);
    if (shape.Check(tidy)) return tidy;
    throw mismatch(tidy, field, shape.Errors(tidy)[0]);
  };
}

/** Joins a field's name to the name of what it is in. */
export function fieldOf(parent: string, name: string): string {
  return parent === '' ? name : `${parent}.${name}`;
}

/** Names the value of a key that a user or an engine chose: `Options["com.docker.network.portmap"]`. */
export function keyOf(parent: string, key: string): string {
  return `${parent}[${quote(key)}]`;
}

function normalise(schema: TSchema, value: unknown, field: string): unknown {
  if (Type.IsObject(schema)) return isRecord(value) ? normaliseObject(schema, value, field) : value;
  if (Type.IsArray(schema) && Array.isArray(value)) {
    return value.map((item, i) => normalise(schema.items, item, `${field}[${i}]`));
  }
  return value;
}

function normaliseObject(schema: TObject, value: object, field: string): Record<string, unknown> {
  const names = foldedNames(schema);
  const result: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const [key, item] of Object.entries(value)) {
    const name = names.get(key.toLowerCase());
    const property = name === undefined ? undefined : schema.properties[name];
    if (name === undefined || property === undefined) continue;
    if (seen.has(name)) {
      throw new InvalidArgument(
        `${fieldOf(field, name)} ${quote(item)} is given a second time, as ${quote(key)}`,
        { field: fieldOf(field, name) },
      );
    }
    seen.add(name);
    if (item !== null) result[name] = normalise(property, item, fieldOf(field, name));
  }
  return result;
}

const foldedCache = new WeakMap<TObject, ReadonlyMap<string, string>>();

function foldedNames(schema: TObject): ReadonlyMap<string, string> {
  let names = foldedCache.get(schema);
  if (names === undefined) {
    names = new Map(Object.keys(schema.properties).map((name) => [name.toLowerCase(), name]));
    foldedCache.set(schema, names);
  }
  return names;
}

/** Whether a JSON value is an object, as opposed to an array, null or a scalar. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mismatch(
  value: unknown,
  parent: string,
  error: { readonly instancePath: string; readonly message: string } | undefined,
): InvalidArgument {
  let field = parent;
  let found = value;
  for (const segment of (error?.instancePath ?? '').split('/').slice(1)) {
    field = Array.isArray(found) ? `${field}[${segment}]` : fieldOf(field, segment);
    found = (found as Readonly<Record<string, unknown>>)[segment];
  }
  const name = field === '' ? 'request body' : field;
  return new InvalidArgument(`${name} ${quote(found)} ${error?.message ?? 'has a wrong shape'}`, {
    field: name,
  });
}
