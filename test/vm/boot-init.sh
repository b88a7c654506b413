#!/bin/busybox sh
# First process of the microVM, in the initramfs: sees the machine's files read-only, lays a memory file system over
# them and goes on there. The job is in /job.
set -e
busybox=/bin/busybox
$busybox mkdir -p /proc /dev /lower /upper /root
$busybox mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
while read -r module; do
  $busybox insmod "/modules/$module"
done </modules/order
# "loose": the machine's files do not change meanwhile, or nobody here needs to see it.
$busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 machine /lower
$busybox mount -t tmpfs -o mode=755 upper /upper
$busybox mkdir /upper/files /upper/work
$busybox mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work root /root
$busybox mount -t tmpfs -o mode=755 run /root/run
$busybox cp -a /job /root/run/weft-vm
$busybox cp $busybox /root/run/weft-vm/busybox
exec $busybox switch_root /root /bin/sh /run/weft-vm/guest-init.sh
