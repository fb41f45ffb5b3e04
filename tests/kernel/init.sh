# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154
#
# First process of the machine that tests/kernel/run boots; run puts the variables in front of it.
stty -onlcr -echo <&1 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/bin /run/home /run/tmp /run/out /run/modules/lib /run/netns
mount -t hostfs -o "$work" none /run/out
[ -c /dev/null ] || mount -t devtmpfs devtmpfs /dev
# ansible wants semaphores.
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm

# The modules of this kernel lie where no modprobe looks by itself.
ln -s "$modules" /run/modules/lib/modules
cat >/run/bin/modprobe <<'MODPROBE'
#!/bin/sh
PATH=/usr/sbin:/sbin:/usr/bin:/bin
exec modprobe -d /run/modules "$@"
MODPROBE
chmod 755 /run/bin/modprobe
echo /run/bin/modprobe >/proc/sys/kernel/modprobe

export PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/run/home TMPDIR=/run/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 LVS_CLUSTER_KERNEL=uml TERM=dumb
export LANG=C.UTF-8 COLUMNS=120 ANSIBLE_REMOTE_TMP=/run/tmp PYTHONPATH="$collections"
ip link set lo up
cd "$directory" || cd /

# A pipe, not the console, as output: no program in here is to believe that it writes to a terminal.
"${command[@]}" </dev/null 2>&1 | cat
echo "${PIPESTATUS[0]}" >/run/out/status
sleep 0.1
echo o >/proc/sysrq-trigger
sleep 60
