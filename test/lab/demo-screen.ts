import type { Host } from './host.ts';

/*
 * What the demo prints: each command as a person would type it, then what it really printed.
 */

const bold = (text: string): string => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);

/** What comes next, in a line. */
export function say(text: string): void {
  process.stdout.write(`\n${bold(`# ${text}`)}\n`);
}

/** @param on the machine, where there is more than one. */
export function show(command: string, output: string, on = ''): void {
  process.stdout.write(`${on}$ ${command}\n${output.trimEnd()}${output.trim() === '' ? '' : '\n'}`);
}

/**
 * Runs the engine's own `docker` and shows it.
 * @param line arguments, separated by single spaces.
 * @param on as {@link show} takes it.
 * @returns its standard output.
 * @throws {Error} when its exit code is not 0.
 */
export async function docker(host: Host, line: string, on = ''): Promise<string> {
  const { code, stdout, stderr } = await host.dockerCli(line.split(' '));
  show(`docker ${line}`, `${stdout}${stderr}`, on);
  if (code !== 0) throw new Error(`docker ${line} ended with ${code}`);
  return stdout.trim();
}

/** Runs `weft` and shows it, whatever its exit code. */
export async function weft(host: Host, line: string, on = ''): Promise<void> {
  const { stdout, stderr } = await host.weft(line.split(' '));
  show(`weft ${line}`, `${stdout}${stderr}`, on);
}
