import { type CommandNode, type Completes, flatten, type OptionNode } from './tree.ts';

/** The command tree as flat tables: what each of the three scripts is filled from. */
export interface ShellCases {
  /** Paths of all commands below weft, `/network/ls`. */
  readonly paths: readonly string[];
  readonly commands: readonly {
    readonly path: string;
    readonly words: readonly Word[];
    readonly options: readonly Word[];
    readonly argument?: Completes;
  }[];
  /** Flags that take a value, and what completes it. */
  readonly values: readonly { readonly flag: string; readonly completes?: Completes }[];
}

/** A word to offer, with what it means. */
export interface Word {
  readonly word: string;
  readonly description: string;
}

/** The tables of a command tree; commands in the order of the help. */
export function shellCases(tree: CommandNode): ShellCases {
  const nodes = flatten(tree);
  const values = new Map<string, Completes | undefined>();
  for (const node of nodes) {
    for (const { flags, value } of node.options) {
      if (value !== undefined) for (const flag of flags) values.set(flag, value.completes);
    }
  }
  return {
    paths: nodes.filter(({ path }) => path.length > 0).map(pathOf),
    commands: nodes.map((node) => ({
      path: pathOf(node),
      words: node.children.map(({ path, description }) => ({ word: path.at(-1) ?? '', description })),
      options: node.options.flatMap(wordsOf),
      ...(node.argument === undefined ? {} : { argument: node.argument }),
    })),
    values: [...values].map(([flag, completes]) =>
      completes === undefined ? { flag } : { flag, completes },
    ),
  };
}

function pathOf({ path }: CommandNode): string {
  return path.map((word) => `/${word}`).join('');
}

function wordsOf({ flags, description }: OptionNode): readonly Word[] {
  return flags.filter((flag) => flag.startsWith('--')).map((word) => ({ word, description }));
}

/** Text in single quotes, for any of the three shells; descriptions lose quotes and backslashes. */
export function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '')}'`;
}
