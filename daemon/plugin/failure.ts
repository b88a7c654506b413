import { DecodeError, errorMessage, Internal, InvalidArgument, WeftError } from '../../core/errors.ts';

/** The only statuses a plugin socket answers with. The engine treats all but 200 alike, except 404. */
export type Status = 200 | 400 | 404 | 413 | 500;

/** One HTTP answer; `body` is JSON text. */
export interface Reply {
  readonly status: Status;
  readonly body: string;
}

/** The answer to a mistake of our own: what went wrong is for the log. */
const UNEXPECTED = 'weftd failed in a way it should not; the reason is in its log';

/**
 * The body of every failure. Engines read `Err` from any answer of a network driver and from a non-200 one of an IPAM
 * driver, `Error` from a 200 one of an IPAM driver (libnetwork drivers/remote and ipams/remote); both are always given.
 */
export function failure(status: Exclude<Status, 200>, message: string): Reply {
  return { status, body: JSON.stringify({ Err: message, Error: message }) };
}

/** Where an error came up: while the request was read, or in what it asked for. */
export type Phase = 'reading' | 'performing';

/** What is told of an error, and whether its stack belongs in the log. */
export interface FailureReport {
  readonly reply: Reply;
  readonly expected: boolean;
}

/**
 * 400 when the request is at fault, 500 otherwise. Never 404: an engine takes that for success of
 * ProgramExternalConnectivity.
 */
export function reportFailure(error: unknown, phase: Phase): FailureReport {
  const message = publicMessage(error);
  if (message === undefined) return { reply: failure(500, UNEXPECTED), expected: false };
  const requestAtFault =
    error instanceof InvalidArgument || (phase === 'reading' && error instanceof DecodeError);
  return { reply: failure(requestAtFault ? 400 : 500, message), expected: true };
}

/** Undefined when the error was not meant for the caller. */
function publicMessage(error: unknown): string | undefined {
  if (error instanceof AggregateError) {
    const messages = error.errors.map(publicMessage);
    return messages.length === 0 || messages.includes(undefined) ? undefined : messages.join('; ');
  }
  return error instanceof WeftError && !(error instanceof Internal) ? errorMessage(error) : undefined;
}
