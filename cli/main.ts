import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import { printable } from './printable.ts';
import { buildProgram } from './program.ts';

// A reader that has seen enough, such as head, is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  const program = buildProgram(packageVersion(), (code) => {
    process.exitCode = code;
  });
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

/** From package.json, which is one folder up in a checkout and two in an installation. */
function packageVersion(): string {
  const levels = import.meta.url.endsWith('.ts') ? '..' : '../..';
  const { version } = JSON.parse(
    readFileSync(new URL(`${levels}/package.json`, import.meta.url), 'utf8'),
  ) as {
    readonly version: string;
  };
  return version;
}

function explain(error: unknown): ExitCode {
  // Commander has written its own line; it uses exit code 0 for help and version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`weft: ${printable(error.message)}\n`);
  if (error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  return error.exitCode;
}
