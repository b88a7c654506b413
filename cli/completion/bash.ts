import { quoted, type ShellCases } from './shell-cases.ts';
import type { Completes } from './tree.ts';

/**
 * The bash script. Words are split from COMP_LINE because bash itself splits at the colons of IPv6 pools, and offered
 * without `compgen -W`, which would expand them.
 */
export function bashCompletion(cases: ShellCases): string {
  return `# bash completion for weft. Load it: source <(weft completion bash)
_weft_offer() {
  local candidate
  while IFS= read -r candidate; do
    [[ -n $candidate && $candidate == "$1"* ]] && COMPREPLY+=("$candidate")
  done
}

_weft() {
  local line=\${COMP_LINE:0:COMP_POINT} cur='' word at='' flag='' source='' head
  local -i args=0
  local -a words connection=()
  COMPREPLY=()
  read -ra words <<<"$line"
  if [[ $line != *[[:space:]] ]]; then
    cur=\${words[-1]}
    unset 'words[-1]'
  fi
  for word in "\${words[@]:1}"; do
    if [[ -n $flag ]]; then
      case $flag in --socket | --run-dir) connection+=("$flag" "$word") ;; esac
      flag=''
      continue
    fi
    case $word in
      --socket=* | --run-dir=*) connection+=("$word") ;;
${indent(
  6,
  cases.values.map(({ flag }) => `${flag}) flag=$word ;;`),
)}
      -*) ;;
      *)
        case $at/$word in
          ${cases.paths.join(' | ')}) at+=/$word ;;
          *) args+=1 ;;
        esac
        ;;
    esac
  done
  if [[ -z $flag && $cur == --*=* ]]; then
    flag=\${cur%%=*}
    cur=\${cur#*=}
  fi
  if [[ -n $flag ]]; then
    case $flag in
${indent(
  6,
  cases.values.flatMap(({ flag, completes }) =>
    completes === undefined ? [] : [`${flag}) source=${sourceOf(completes)} ;;`],
  ),
)}
    esac
  elif [[ $cur == -* ]]; then
    case $at in
${indent(
  6,
  cases.commands.map(
    ({ path, options }) => `${quoted(path)}) source=${wordList(options.map(({ word }) => word))} ;;`,
  ),
)}
    esac
  elif ((args == 0)); then
    case $at in
${indent(
  6,
  cases.commands.flatMap(({ path, words, argument }) => candidates(path, words, argument)),
)}
    esac
  fi
  case $source in
    '') ;;
    files) while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur") ;;
    words\\ *) _weft_offer "$cur" < <(printf '%s\\n' \${source#words }) ;;
    *) _weft_offer "$cur" < <("\${words[0]}" __complete "\${connection[@]}" "$source" -- "$cur" 2>/dev/null) ;;
  esac
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    head=\${cur%"\${cur##*:}"}
    COMPREPLY=("\${COMPREPLY[@]#"$head"}")
  fi
}

complete -F _weft weft
`;
}

function candidates(
  path: string,
  words: readonly { readonly word: string }[],
  argument: Completes | undefined,
): readonly string[] {
  if (words.length > 0) return [`${quoted(path)}) source=${wordList(words.map(({ word }) => word))} ;;`];
  return argument === undefined ? [] : [`${quoted(path)}) source=${sourceOf(argument)} ;;`];
}

function sourceOf(completes: Completes): string {
  switch (completes.from) {
    case 'weftd':
      return completes.kind;
    case 'files':
      return 'files';
    case 'words':
      return wordList(completes.words);
  }
}

function wordList(words: readonly string[]): string {
  return quoted(`words ${words.join(' ')}`);
}

function indent(columns: number, lines: readonly string[]): string {
  return lines.map((line) => ' '.repeat(columns) + line).join('\n');
}
