/** What `weft` exits with. */
export const EXIT = { fine: 0, failed: 1, usage: 2, unreachable: 3 } as const;
/** 0, 1, 2 or 3. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure to tell the user: one line of what went wrong, and what to do about it where that is known. */
export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(exitCode: ExitCode, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Failure';
    this.exitCode = exitCode;
    this.hint = hint;
  }
}
