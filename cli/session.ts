import { Client } from './client.ts';
import { type ConnectionOptions, socketPath } from './socket-path.ts';
import { openTerminal, type Terminal } from './terminal.ts';

/** What a command works with. */
export interface Session {
  readonly client: Client;
  readonly terminal: Terminal;
}

/** Options that every list has. */
export interface ListOptions {
  readonly json?: boolean;
  /** False with --no-trunc. */
  readonly trunc: boolean;
}

/** A session with the weftd that options and environment name, writing to stdout. Connects to nothing yet. */
export function openSession(options: ConnectionOptions): Session {
  return {
    client: new Client(socketPath(options, process.env)),
    terminal: openTerminal(process.stdout, process.env),
  };
}

/** Writes a value as one indented JSON document. */
export function writeJson(terminal: Terminal, value: unknown): void {
  terminal.line(JSON.stringify(value, null, 2));
}
