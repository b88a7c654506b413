import { Conflict, InvalidArgument, NotFound, Unavailable, type WeftError } from '../../core/errors.ts';
import type { Refusal } from './answer.ts';

/**
 * What a refusal means for the request: `elsewhere`: not done, another member or a later moment may do it; `unknown`:
 * the same, but it may have been done or still be done; `token`: not done, log in again; `final`: not done, and it
 * will not be.
 */
export type Verdict = 'elsewhere' | 'unknown' | 'token' | 'final';

/** google.golang.org/grpc/codes */
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const OUT_OF_RANGE = 11;
const UNAUTHENTICATED = 16;

/** etcd api/v3rpc/rpctypes/error.go: what asks for a new token; before 3.5.? some have the code of a wrong argument. */
const TOKEN = /invalid auth token|revision in header is old|user name is empty/;
/** Refused before it was proposed to the others. */
const NOT_PROPOSED = /no leader|too many requests|not capable|rpc not supported for learner/;

/** Judges a refusal by its code, and where one code means several things by etcd's fixed text. */
export function judgeRefusal({ code, message }: Refusal): Verdict {
  if (code === UNAUTHENTICATED || TOKEN.test(message)) return 'token';
  if (NOT_PROPOSED.test(message)) return 'elsewhere';
  switch (code) {
    case INVALID_ARGUMENT:
    case NOT_FOUND:
    case PERMISSION_DENIED:
    case RESOURCE_EXHAUSTED:
    case FAILED_PRECONDITION:
    case OUT_OF_RANGE:
      return 'final';
    default:
      return 'unknown';
  }
}

/** A refusal as the error that callers branch on. `doing` says what was being done, and where. */
export function refusalError(refusal: Refusal, doing: string): WeftError {
  const text = `${doing}: ${refusal.message}`;
  const context = { grpc: refusal.code };
  if (isCompacted(refusal)) return new Conflict(`${text}; list again`, { ...context, reason: 'compacted' });
  if (isFuture(refusal)) return new InvalidArgument(text, { ...context, reason: 'future' });
  switch (refusal.code) {
    case NOT_FOUND:
      return new NotFound(text, context);
    case RESOURCE_EXHAUSTED:
    case FAILED_PRECONDITION:
      return new Unavailable(text, context);
    default:
      return new InvalidArgument(text, context);
  }
}

/** The revision asked for is older than what etcd keeps. */
function isCompacted({ code, message }: Refusal): boolean {
  return code === OUT_OF_RANGE && message.includes('compacted');
}

/** The revision asked for has not been reached. */
function isFuture({ code, message }: Refusal): boolean {
  return code === OUT_OF_RANGE && message.includes('future');
}
