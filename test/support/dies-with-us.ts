/** Ends at once when its parent is not the process that it was started by: that one had ended before the signal was asked for. */
const CHECKED = '[ "$PPID" = "$0" ] && exec "$@"';

/**
 * Arguments that run a program as a child of this process which the kernel kills when this process ends, however that
 * comes about. Source: PR_SET_PDEATHSIG(2const).
 */
export function diesWithUs(argv: readonly string[]): readonly [string, ...string[]] {
  return ['setpriv', '--pdeathsig', 'KILL', '--', 'sh', '-c', CHECKED, String(process.pid), ...argv];
}
