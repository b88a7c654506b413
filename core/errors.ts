/** Facts attached to an error for logs and answers: field names, ids, values. Never secrets. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Root of every error weft throws on purpose. Branch on the class or on `code`, never on the text.
 * The message says what was being done, to what, and why it failed, in lower case.
 */
export abstract class WeftError extends Error {
  abstract readonly code: string;
  readonly context: ErrorContext;

  constructor(message: string, context: ErrorContext = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.context = context;
  }
}

/** A value from outside is wrong. The message names the field, the value and what is accepted. */
export class InvalidArgument extends WeftError {
  readonly code = 'invalid_argument';
}

/** The thing named does not exist. */
export class NotFound extends WeftError {
  readonly code = 'not_found';
}

/** The thing named exists already, with other content. */
export class AlreadyExists extends WeftError {
  readonly code = 'already_exists';
}

/** A pool, a port range or a table is full. The message says how full. */
export class Exhausted extends WeftError {
  readonly code = 'exhausted';
}

/** Somebody else holds what was asked for, or changed it first. The message names the holder. */
export class Conflict extends WeftError {
  readonly code = 'conflict';
}

/** Something weft depends on does not answer now; the same call may succeed later. */
export class Unavailable extends WeftError {
  readonly code = 'unavailable';
}

/** The kernel or the engine cannot do this at all; `context.since` says from which version it can. */
export class Unsupported extends WeftError {
  readonly code = 'unsupported';
}

/** Bytes that do not follow their format: netlink, DNS, stored records. */
export class DecodeError extends WeftError {
  readonly code = 'decode';
}

/** The kernel refused a request: `errno` by name, the extended-ack text and the step that was refused. */
export class KernelError extends WeftError {
  readonly code = 'kernel';
  /** Symbolic errno such as `EEXIST`. */
  readonly errno: string;

  constructor(
    message: string,
    details: {
      readonly errno: string;
      readonly extack?: string;
      readonly step?: string;
      /** Position of the refused message in its batch, from 0. */
      readonly index?: number;
    },
    options?: ErrorOptions,
  ) {
    super(message, { ...details }, options);
    this.errno = details.errno;
  }
}

/** A promise to ourselves was broken. Answered with a fixed sentence; the stack goes to the log. */
export class Internal extends WeftError {
  readonly code = 'internal';
}

/** The message of anything thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
