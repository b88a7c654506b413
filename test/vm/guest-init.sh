# First process of the microVM once it sees the machine's files: makes what a booted Debian has, runs the command, says
# its exit code on a port of its own, and ends the machine.
job=/run/weft-vm
. "$job/settings"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /run/lock /run/netns
mount -t devpts -o mode=600,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -sfn /proc/self/fd /dev/fd
ln -sfn fd/0 /dev/stdin
ln -sfn fd/1 /dev/stdout
ln -sfn fd/2 /dev/stderr
# As Debian's systemd sets it: programs ask for more than 1024 themselves.
ulimit -Hn 524288
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
  echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done

# The device of a port, by the port's name.
port() {
  for folder in /sys/class/virtio-ports/*; do
    [ "$(cat "$folder/name")" != "weft.$1" ] || echo "/dev/${folder##*/}"
  done
}
control=$(port control)

mkdir -p /usr/lib/modules
mount --bind "$MODULES" /usr/lib/modules
hostname weft-vm
ip link set lo up
# As Debian's systemd sets it.
echo 2 >/proc/sys/net/ipv4/conf/default/rp_filter
for module in $LOAD; do
  modprobe "$module" || echo "guest-init: no module $module"
done

mkfifo "$job/out" "$job/err"
cat "$job/out" >"$(port out)" &
out=$!
cat "$job/err" >"$(port err)" &
err=$!
echo booted >"$control"
setsid sh "$job/command" >"$job/out" 2>"$job/err" </dev/null
code=$?
# What the command left running may hold its output open.
(sleep 5; kill $out $err) 2>/dev/null &
wait $out $err 2>/dev/null
echo "exit $code" >"$control"
exec "$job/busybox" reboot -f
