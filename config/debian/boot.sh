#!/bin/sh
# Becomes systemd in the directory ROOT, for config/debian/test.sh:
#
#   unshare --mount --pid --fork --net --cgroup --uts --ipc --kill-child boot.sh ROOT
#
# The machine's own settings are not touched: /proc/sys is read-only in there, and the network is one of its own.
set -eu
root=${1:?usage: boot.sh ROOT}
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd systemd sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
fi
ip link set lo up
mkdir -p old
pivot_root . old
umount -l old
exec env -i container=tollgate-test /lib/systemd/systemd --log-target=journal --unit=multi-user.target
