# First process of a test host. $1: host name, $2: its disk folder. Runs in new network, mount, UTS and process
# namespaces; whatever is started here dies with it, because it is process 1.
set -e
mount --make-rprivate /
hostname "$1"
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/cgroup /run/lock /run/netns /run/docker/plugins /run/weft
# sysfs shows the links of the namespace it was mounted in; the cgroup hierarchies stay the machine's.
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
rmdir /run/cgroup
mount --bind "$2/resolv.conf" /etc/resolv.conf
mount --bind "$2/hosts" /etc/hosts
# The engine's mount namespace shares this folder, so both see the sandboxes dockerd binds below it.
mount --make-shared /run
ip link set lo up
echo ready
exec >/dev/null 2>&1
# The shell reaps orphans while it waits.
while :; do
  sleep 1000000 &
  wait $!
done
