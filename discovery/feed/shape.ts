import { DecodeError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';

/** Whether a value that came from outside is of a kind. What it says holds until somebody changes the value. */
export type Shape<T> = (value: unknown) => value is T;

type Fields = Readonly<Record<string, Shape<unknown>>>;
type ValueOf<S> = S extends Shape<infer T> ? T : never;

/** At most this many characters; names and keys are far shorter. */
const LONGEST = 1024;

/** @param holds a further condition. */
export function text(holds?: (value: string) => boolean): Shape<string> {
  return (value): value is string =>
    typeof value === 'string' && value.length <= LONGEST && (holds === undefined || holds(value));
}

export function integer(least: number, most: number): Shape<number> {
  return (value): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

export function literal<const T extends string | boolean>(...accepted: readonly T[]): Shape<T> {
  const all = new Set<unknown>(accepted);
  return (value): value is T => all.has(value);
}

export const boolean: Shape<boolean> = (value): value is boolean => typeof value === 'boolean';

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value): value is T | undefined => value === undefined || shape(value);
}

export function list<T>(shape: Shape<T>, most = Number.POSITIVE_INFINITY): Shape<readonly T[]> {
  return (value): value is readonly T[] =>
    Array.isArray(value) && value.length <= most && value.every((each) => shape(each));
}

/** An object with these fields; further ones are passed over, since a newer version may say more. */
export function object<F extends Fields>(fields: F): Shape<{ readonly [K in keyof F]: ValueOf<F[K]> }> {
  const entries = Object.entries(fields);
  return (value): value is { readonly [K in keyof F]: ValueOf<F[K]> } =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    entries.every(([name, shape]) =>
      shape(Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined),
    );
}

/** An object whose field `tag` says which of several kinds it is. */
export function tagged(tag: string, kinds: Readonly<Record<string, Fields>>): Shape<object> {
  const shapes = new Map(Object.entries(kinds).map(([name, fields]) => [name, object(fields)]));
  const hasTag = object({ [tag]: text() });
  return (value): value is object =>
    hasTag(value) && shapes.get((value as Record<string, string>)[tag] ?? '')?.(value) === true;
}

/**
 * What makes a value of a kind out of JSON. By hand rather than by TypeBox, which takes longer to load than all else
 * that the resolver process needs to begin answering.
 * @throws {DecodeError} naming `what` it was to be.
 */
export function decoder<T>(shape: (value: unknown) => boolean, what: string): (value: unknown) => T {
  return (value) => {
    if (shape(value)) return value as T;
    throw new DecodeError(`${quote(value)} is not ${what}`);
  };
}
