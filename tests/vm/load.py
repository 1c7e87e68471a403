# SPDX-License-Identifier: Apache-2.0
"""Changing load in the bed's real containers: each does what a dashboard has to show. start(bed) returns at
once, the load goes on until the machine ends."""

# $1: the cgroup of a process, the rest is run in it, in the background.
ENTER = r"""
enter() {
	local cgroup=$1
	shift
	(echo "$BASHPID" > "/sys/fs/cgroup$cgroup/cgroup.procs" && exec setsid "$@") > /dev/null 2>&1 < /dev/null &
}
of() { cgroup_of "$1"; }
"""

# A CPU quota that is hit in every other minute.
SPIN = r"""
enter "$(of "$(cri_task api web-7d4b9c)")" sh -c 'while :; do
	timeout 30 sh -c "while :; do :; done"; for i in $(seq 30); do timeout 0.3 sh -c "while :; do :; done"; sleep 0.7; done; done'
"""

# Anonymous memory that grows to 85 % of the limit, then begins anew.
LEAK = r"""
cat > /run/leak.py <<'P'
import time
while True:
    held = []
    while len(held) < 100:
        held.append(bytearray(b"x" * (1 << 20)))
        time.sleep(0.6)
P
enter "$(of "$(cri_task postgres db-0)")" python3 /run/leak.py
"""

# The same, but slow and steady, so that a forecast finds it.
STEADY = r"""
cat > /run/steady.py <<'P'
import time
held = []
while len(held) < 48 * 8:
    held.append(bytearray(b"z" * (1 << 17)))
    time.sleep(2)
time.sleep(100000)
P
enter "$(of "$(lxc-info -n c1 -p -H)")" python3 /run/steady.py
"""

# memory.high, over which a service is slowed down, reads back what was dropped.
SLOW = r"""
cat > /run/high.py <<'P'
import time
held = bytearray(24 << 20)
while True:
    for i in range(0, len(held), 4096):
        held[i] = 1
    with open("/var/tmp/high", "wb") as out:
        for _ in range(24):
            out.write(b"y" * (1 << 20))
    with open("/var/tmp/high", "rb") as back:
        while back.read(1 << 20):
            pass
    time.sleep(1)
P
systemd-run --quiet --unit=squeezed -p MemoryHigh=40M -p MemoryMax=64M -p IOWeight=50 -p MemoryMin=4M -p MemoryLow=8M \
	-p IOWriteIOPSMax='/dev/vda 500' \
	python3 /run/high.py
"""

# Killed for want of memory, and started again, again and again; one that just ends with 3.
KILLED = r"""
docker run -d --name greedy -m 24m --restart always demo/busybox:1.0 sh -c 'sleep 25; tail /dev/zero' > /dev/null
docker run -d --name flaky --restart always demo/busybox:1.0 sh -c 'sleep 20; exit 3' > /dev/null
"""

# Disk: past the page cache, into a writable layer, and under io.max.
DISK = r"""
enter "$(of "$(cri_task worker batch-x1)")" sh -c 'while :; do
	busybox dd if=/dev/zero of=/var/tmp/batch bs=64k count=200 oflag=direct; busybox dd if=/var/tmp/batch of=/dev/null bs=64k iflag=direct
	sleep 3; done'
docker exec -d web sh -c 'i=0; while [ $i -lt 60 ]; do dd if=/dev/zero of=/w/log$i bs=64k count=16; i=$((i+1)); sleep 5; done'
enter "$(of "$(systemctl show -P MainPID tr2.service)")" sh -c 'while :; do
	busybox dd if=/var/tmp/batch of=/dev/null bs=64k iflag=direct; sleep 3; done'
"""

# Forks that the limit of a service refuses, from outside of it: inside, the loop would die of them.
FORKS = r"""
(while :; do
	enter "$(of "$(systemctl show -P MainPID demo.service)")" sh -c 'for i in $(seq 25); do sleep 4 & done; wait'
	sleep 10
done) > /dev/null 2>&1 < /dev/null &
"""

# A pod that is asked by another container, and a web server that is asked by the host.
NETWORK = r"""
web=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' web)
(setsid sh -c "while :; do curl -s -o /dev/null http://$web/log0; sleep 1; done") > /dev/null 2>&1 < /dev/null &
for pod in "api web-7d4b9c" "postgres db-0" "worker batch-x1"; do
	pid=$(cri_task $pod)
	nsenter -t "$pid" -n setsid sh -c 'i=0; while :; do busybox ping -c 5 -s 1400 -i 0.2 10.88.7.1; sleep 1; done' > /dev/null 2>&1 < /dev/null &
done
"""

FILES = r"""
enter "$(of "$(cri_task proxy web-7d4b9c)")" sh -c 'while :; do for i in $(seq 10); do cat /etc/hostname /etc/missing; done; sleep 1; done'
"""

# A new image under a name that was there before; for deploy().
DEPLOY = r"""
docker tag demo/busybox:1.0 demo/busybox:2.0
docker rm -f flaky > /dev/null
docker run -d --name flaky --restart always demo/busybox:2.0 sh -c 'sleep 20; exit 3' > /dev/null
"""

ALL = (SPIN, LEAK, STEADY, SLOW, KILLED, DISK, FORKS, NETWORK, FILES)


def start(bed):
    """Starts all of it."""
    for script in ALL:
        bed.guest(ENTER + script + "\ntrue\n")


def deploy(bed):
    """Replaces a container by one of a new image."""
    bed.guest(DEPLOY)
