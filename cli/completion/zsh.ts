import { quoted, type ShellCases, type Word } from './shell-cases.ts';
import type { Completes } from './tree.ts';

/** The zsh script: to be sourced, or put as `_weft` into a folder of $fpath. */
export function zshCompletion(cases: ShellCases): string {
  return `#compdef weft
# zsh completion for weft. Load it: source <(weft completion zsh)
_weft_refs() {
  local -a found
  found=("\${(@f)$(command "\${words[1]}" __complete "\${connection[@]}" "$1" -- "$2" 2>/dev/null)}")
  found=(\${found:#})
  ((\${#found})) && compadd -- "\${found[@]}"
}

_weft() {
  local at='' flag='' word cur=\${words[CURRENT]}
  local -i args=0
  local -a connection offered
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $flag ]]; then
      case $flag in (--socket|--run-dir) connection+=("$flag" "$word") ;; esac
      flag=''
      continue
    fi
    case $word in
      (--socket=*|--run-dir=*) connection+=("$word") ;;
${lines(
  6,
  cases.values.map(({ flag }) => `(${flag}) flag=$word ;;`),
)}
      (-*) ;;
      (*)
        case $at/$word in
          (${cases.paths.join('|')}) at+=/$word ;;
          (*) args+=1 ;;
        esac
        ;;
    esac
  done
  if [[ -n $flag ]]; then
    case $flag in
${lines(
  6,
  cases.values.flatMap(({ flag, completes }) =>
    completes === undefined ? [] : [`(${flag}) ${actionOf(completes)} ;;`],
  ),
)}
    esac
  elif [[ $cur == -* ]]; then
    case $at in
${lines(
  6,
  cases.commands.map(({ path, options }) => `(${quoted(path)}) offered=(${described(options)}) ;;`),
)}
    esac
    _describe -o option offered
  elif ((args == 0)); then
    case $at in
${lines(
  6,
  cases.commands.flatMap(({ path, words, argument }) => candidates(path, words, argument)),
)}
    esac
    ((\${#offered})) && _describe command offered
  fi
}

if [[ \${funcstack[1]} == _weft ]]; then
  _weft "$@"
else
  compdef _weft weft
fi
`;
}

function candidates(
  path: string,
  words: readonly Word[],
  argument: Completes | undefined,
): readonly string[] {
  if (words.length > 0) return [`(${quoted(path)}) offered=(${described(words)}) ;;`];
  return argument === undefined ? [] : [`(${quoted(path)}) ${actionOf(argument)} ;;`];
}

function described(words: readonly Word[]): string {
  return words.map(({ word, description }) => quoted(`${word}:${description}`)).join(' ');
}

function actionOf(completes: Completes): string {
  switch (completes.from) {
    case 'weftd':
      return `_weft_refs ${completes.kind} "$cur"`;
    case 'files':
      return '_files';
    case 'words':
      return `compadd -- ${completes.words.join(' ')}`;
  }
}

function lines(columns: number, texts: readonly string[]): string {
  return texts.map((text) => ' '.repeat(columns) + text).join('\n');
}
