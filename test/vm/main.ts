import { constants } from 'node:os';
import { CommandLineError, readCommandLine, USAGE } from './command-line.ts';
import { runInMicroVm } from './micro-vm.ts';

/** Runs `scripts/vm`; gives its exit code. */
async function main(args: readonly string[]): Promise<number> {
  const line = readCommandLine(args);
  if (line.kind === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const stop = new AbortController();
  let code = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      code = 128 + constants.signals[signal];
      stop.abort();
    });
  }
  const result = await runInMicroVm({
    ...line.options,
    cwd: process.cwd(),
    // tap gives a file 30 s unless told otherwise; emulation takes longer, as everything that tests wait for.
    env: { TAP_TIMEOUT: '600', WEFT_TEST_PATIENCE: '6', ...process.env },
    signal: stop.signal,
    onOutput: (stream, chunk) => process[stream === 'out' ? 'stdout' : 'stderr'].write(chunk),
  });
  switch (result.kind) {
    case 'exited':
      return result.code;
    case 'aborted':
      return code;
    case 'late':
      process.stderr.write(`vm: stopped after ${line.options.limitMs / 1000} s\n`);
      return 124;
    case 'lost':
      process.stderr.write(`vm: the machine ended before the command did; its console:\n${result.console}\n`);
      return 125;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`vm: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = error instanceof CommandLineError ? 2 : 125;
}
