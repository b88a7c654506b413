import { spawnSync } from 'node:child_process';

/*
 * Imported before tap, this runs the whole test file again in a network namespace of its own, in which only the
 * loopback link exists and is up: for tests of what weft does in the namespace its process lives in.
 */
const MARK = 'WEFT_TEST_OWN_NAMESPACE';

if (process.env[MARK] !== '1') {
  const script = 'ip link set lo up && exec "$0" "$@"';
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status, error } = spawnSync('unshare', ['--net', 'sh', '-c', script, ...command], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  });
  if (error !== undefined) throw error;
  process.exit(status ?? 1);
}
