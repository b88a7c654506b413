import { type Static, type TProperties, type TSchema, Type } from 'typebox';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The value a schema describes, read-only all the way down. */
export type View<S extends TSchema> = DeepReadonly<Static<S>>;

/** A named resource of the control API: `name` becomes its title, and its component name in the OpenAPI document. */
export function resource<P extends TProperties>(name: string, description: string, properties: P) {
  return Type.Object(properties, { title: name, description });
}

/** A resource as a client sends it: an unknown property is refused. */
export function body<P extends TProperties>(name: string, description: string, properties: P) {
  return Type.Object(properties, { title: name, description, additionalProperties: false });
}

/** A list whose static type is a readonly array. */
export function list<S extends TSchema>(items: S, description?: string) {
  return Type.Immutable(Type.Array(items, description === undefined ? {} : { description }));
}

/** RFC 3339 in UTC with milliseconds: what `Date.prototype.toISOString` gives. */
export function time(description: string) {
  return Type.String({ format: 'date-time', description });
}

/** A whole number, zero or more. */
export function count(description: string) {
  return Type.Integer({ minimum: 0, description });
}

/** Text that is present and not further constrained. */
export function text(description: string) {
  return Type.String({ description });
}
