import type { ExitCode } from './failure.ts';
import type { Session } from './session.ts';

/** Options of commands that print one thing. */
export type JsonOption = { readonly json?: boolean };
/** What a command does with a connection. */
export type Work = (session: Session) => Promise<ExitCode>;
/** Runs a command with a connection. Modules are imported by the command that needs them, so that weft starts fast. */
export type Run = (work: Work) => Promise<void>;

export const JSON_FLAG = ['--json', 'print the JSON of the control API'] as const;
export const TRUNC_FLAG = ['--no-trunc', 'show whole ids and values, however wide'] as const;
