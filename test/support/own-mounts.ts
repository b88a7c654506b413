import { spawnSync } from 'node:child_process';

/*
 * Imported before tap, this runs the whole test file again in a network and a mount namespace of its own: for tests
 * that mount, which leaves nothing behind however they end.
 */
const MARK = 'WEFT_TEST_OWN_MOUNTS';

if (process.env[MARK] !== '1') {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status, error } = spawnSync('unshare', ['--net', '--mount', ...command], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  });
  if (error !== undefined) throw error;
  process.exit(status ?? 1);
}
