import type { Argument, Command, Option } from 'commander';

/** Arguments that weftd can complete, by the name they have in the command tree. */
const KINDS = ['network', 'endpoint', 'pool', 'node', 'service'] as const;
/** Something weftd can list. */
export type CompletionKind = (typeof KINDS)[number];

/** What may stand in a place: something weftd knows, a file, one of a few words, or anything. */
export type Completes =
  | { readonly from: 'weftd'; readonly kind: CompletionKind }
  | { readonly from: 'files' }
  | { readonly from: 'words'; readonly words: readonly string[] };

/** An option as completion sees it. */
export interface OptionNode {
  /** Long and short form. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Present on options that take a value. */
  readonly value?: { readonly completes?: Completes };
}

/** A command and the commands below it. */
export interface CommandNode {
  /** Words after `weft`; empty for weft itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly children: readonly CommandNode[];
  /** Own options and those of weft itself. */
  readonly options: readonly OptionNode[];
  readonly argument?: Completes;
}

/** The visible part of a command tree, as completion scripts need it. */
export function completionTree(program: Command): CommandNode {
  return nodeOf(program, [], program.options);
}

/** The node and all below it, parents first. */
export function flatten(node: CommandNode): readonly CommandNode[] {
  return [node, ...node.children.flatMap(flatten)];
}

/** Whether `weft __complete` knows the text. */
export function isCompletionKind(text: string): text is CompletionKind {
  return KINDS.some((kind) => kind === text);
}

function nodeOf(command: Command, path: readonly string[], inherited: readonly Option[]): CommandNode {
  // Commander shows hidden commands to nobody but its own help, which is where they are filtered.
  const visible = command.createHelp().visibleCommands(command);
  const children = visible.map((child) => nodeOf(child, [...path, child.name()], inherited));
  const own = path.length === 0 ? [] : command.options;
  const help: OptionNode = { flags: ['--help', '-h'], description: 'Show help' };
  const [argument] = command.registeredArguments;
  const completes = argument === undefined ? undefined : completesOf(argument.name(), argument);
  return {
    path,
    description: command.description(),
    children,
    options: [...own.map(optionOf), ...inherited.map(optionOf), help],
    ...(completes === undefined ? {} : { argument: completes }),
  };
}

function optionOf(option: Option): OptionNode {
  const flags = [option.long, option.short].filter((flag) => flag != null);
  const { description } = option;
  if (!option.required && !option.optional) return { flags, description };
  const completes = completesOf(option.attributeName(), option);
  return { flags, description, value: completes === undefined ? {} : { completes } };
}

function completesOf(name: string, place: Pick<Argument | Option, 'argChoices'>): Completes | undefined {
  if (place.argChoices !== undefined) return { from: 'words', words: place.argChoices };
  if (name === 'socket' || name === 'runDir') return { from: 'files' };
  if (name === 'from') return { from: 'weftd', kind: 'endpoint' };
  return isCompletionKind(name) ? { from: 'weftd', kind: name } : undefined;
}
