import { quoted, type ShellCases, type Word } from './shell-cases.ts';
import type { Completes } from './tree.ts';

/** The fish script: to be sourced, or put as weft.fish into ~/.config/fish/completions. */
export function fishCompletion(cases: ShellCases): string {
  return `# fish completion for weft. Load it: weft completion fish | source
function __weft_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l at ''
    set -l flag ''
    set -l args 0
    set -l connection
    for word in $words[2..-1]
        if test -n "$flag"
            contains -- $flag --socket --run-dir; and set -a connection $flag $word
            set flag ''
            continue
        end
        switch $word
            case '--socket=*' '--run-dir=*'
                set -a connection $word
            case ${cases.values.map(({ flag }) => quoted(flag)).join(' ')}
                set flag $word
            case '-*'
            case '*'
                if contains -- $at/$word ${cases.paths.join(' ')}
                    set at $at/$word
                else
                    set args (math $args + 1)
                end
        end
    end
    if test -n "$flag"
        switch $flag
${lines(
  12,
  cases.values.flatMap(({ flag, completes }) =>
    completes === undefined ? [] : [`case ${quoted(flag)}`, `    ${actionOf(completes)}`],
  ),
)}
        end
    else if string match -q -- '-*' $cur
        switch $at
${lines(
  12,
  cases.commands.flatMap(({ path, options }) => [`case ${quoted(path)}`, `    ${offer(options)}`]),
)}
        end
    else if test $args -eq 0
        switch $at
${lines(
  12,
  cases.commands.flatMap(({ path, words, argument }) => candidates(path, words, argument)),
)}
        end
    end
end

complete -c weft -f -a '(__weft_complete)'
`;
}

function candidates(
  path: string,
  words: readonly Word[],
  argument: Completes | undefined,
): readonly string[] {
  if (words.length > 0) return [`case ${quoted(path)}`, `    ${offer(words)}`];
  return argument === undefined ? [] : [`case ${quoted(path)}`, `    ${actionOf(argument)}`];
}

function offer(words: readonly Word[]): string {
  const pairs = words.flatMap(({ word, description }) => [quoted(word), quoted(description)]);
  return `printf '%s\\t%s\\n' ${pairs.join(' ')}`;
}

function actionOf(completes: Completes): string {
  switch (completes.from) {
    case 'weftd':
      return `$words[1] __complete $connection ${completes.kind} -- "$cur" 2>/dev/null`;
    case 'files':
      return '__fish_complete_path $cur';
    case 'words':
      return `printf '%s\\n' ${completes.words.join(' ')}`;
  }
}

function lines(columns: number, texts: readonly string[]): string {
  return texts.map((text) => ' '.repeat(columns) + text).join('\n');
}
