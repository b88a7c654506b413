import { spawnSync } from 'node:child_process';

/*
 * Imported before tap, this runs the whole test file again as the only program of a small host of its own: network,
 * mount and process namespaces, an empty /run with Docker's folders, the loopback link up. What the file starts ends
 * with it, and nothing it makes is seen outside.
 */
const MARK = 'WEFT_TEST_OWN_HOST';

const INIT = `
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/docker/plugins /run/docker/netns
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
"$0" "$@"`;

if (process.env[MARK] !== '1') {
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status, error } = spawnSync('unshare', [...namespaces, 'sh', '-ec', INIT, ...command], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  });
  if (error !== undefined) throw error;
  process.exit(status ?? 1);
}
