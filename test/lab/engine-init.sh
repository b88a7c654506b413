# Turns a fresh copy of a host's mount namespace into an engine's own root and runs containerd there.
# $1: folder of the engine, $2: disk folder of the host, which also has the containerd configuration.
set -e
root=$1
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind /run "$root/run"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/root"
mount -t tmpfs tmpfs "$root/etc/docker"
mount --bind "$2/resolv.conf" "$root/etc/resolv.conf"
mount --bind "$2/hosts" "$root/etc/hosts"
mount --bind "$2/docker" "$root/var/lib/docker"
mount --bind "$2/containerd" "$root/var/lib/containerd"
mount --bind "$2/etc-containerd" "$root/etc/containerd"
cd "$root"
pivot_root . mnt
/bin/busybox umount -l /mnt
exec /usr/bin/containerd --config /etc/containerd/config.toml
