import type { FastifySchemaValidationError } from 'fastify';
import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';

/** What ajv adds with its option `verbose`. */
interface Verbose {
  readonly data?: unknown;
  readonly parentSchema?: { readonly properties?: Readonly<Record<string, unknown>> };
}

/**
 * The error for a request that does not fit its schema, naming the field, the value and what is accepted.
 * @param part `body`, `querystring` or `params`.
 */
export function schemaFault(errors: readonly FastifySchemaValidationError[], part: string): InvalidArgument {
  const [first] = errors;
  const error: (FastifySchemaValidationError & Verbose) | undefined = first;
  const place = error?.instancePath.slice(1).replaceAll('/', '.') ?? '';
  const params = error?.params ?? {};
  if (error?.keyword === 'additionalProperties') {
    const known = Object.keys(error.parentSchema?.properties ?? {});
    const accepted = known.length === 0 ? 'none' : `one of ${known.join(', ')}`;
    return fault(String(params['additionalProperty']), `is no field of the ${part}: expected ${accepted}`);
  }
  if (error?.keyword === 'required') {
    return fault(String(params['missingProperty']), `is missing in the ${part}`);
  }
  const choice = error?.keyword === 'enum' ? `: ${JSON.stringify(params['allowedValues'])}` : '';
  return fault(place === '' ? part : place, `${quote(error?.data)} ${error?.message ?? 'is wrong'}${choice}`);
}

function fault(field: string, what: string): InvalidArgument {
  return new InvalidArgument(`${field} ${what}`, { field });
}
