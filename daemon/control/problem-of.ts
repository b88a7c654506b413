import type { FastifyError } from 'fastify';
import type { Problem } from '../../core/control.ts';
import { type ErrorContext, errorMessage, WeftError } from '../../core/errors.ts';

/** HTTP status for each `code` of a WeftError; any other is 500. */
const STATUS: Readonly<Record<string, number>> = {
  invalid_argument: 400,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  exhausted: 409,
  unsupported: 501,
  unavailable: 503,
};

const INTERNAL: Problem = {
  code: 'internal',
  message: 'weftd failed in a way it did not expect; its log has the details',
  context: {},
};

/** The answer to a request that failed, and its HTTP status. What is not ours to tell becomes a fixed sentence. */
export function problemOf(error: unknown): { readonly status: number; readonly problem: Problem } {
  if (error instanceof WeftError && error.code !== 'internal') {
    return {
      status: STATUS[error.code] ?? 500,
      problem: { code: error.code, message: error.message, context: definedContext(error.context) },
    };
  }
  const status = requestFault(error);
  if (status === undefined) return { status: 500, problem: INTERNAL };
  return { status, problem: { code: 'invalid_argument', message: errorMessage(error), context: {} } };
}

/** Fastify's own 4xx errors: a query that does not fit its schema, a malformed URL. */
function requestFault(error: unknown): number | undefined {
  if (!(error instanceof Error) || error instanceof WeftError) return undefined;
  const { statusCode } = error as Partial<FastifyError>;
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}

function definedContext(context: ErrorContext): Problem['context'] {
  const defined: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(context)) if (value !== undefined) defined[key] = value;
  return defined;
}
