import type { Command } from 'commander';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { type ShellCases, shellCases } from './shell-cases.ts';
import { completionTree } from './tree.ts';
import { zshCompletion } from './zsh.ts';

/** Shells that `weft completion` knows. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** One of SHELLS. */
export type Shell = (typeof SHELLS)[number];

const SCRIPTS: Readonly<Record<Shell, (cases: ShellCases) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** The completion script of a shell for a command tree, with a closing newline. */
export function completionScript(shell: Shell, program: Command): string {
  return SCRIPTS[shell](shellCases(completionTree(program)));
}
