/** A word as a POSIX shell reads it back. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What a command needs to run as it would run here. */
export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A shell script that becomes the command, in its folder and with its environment alone. */
export function commandScript({ argv, cwd, env }: Command): string {
  const words = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [quoted(`${name}=${value}`)],
  );
  return `cd ${quoted(cwd)} && exec env -i ${words.join(' ')} ${argv.map(quoted).join(' ')}\n`;
}
