# SPDX-License-Identifier: Apache-2.0
"""Changing load in the bed's real containers: each does what a dashboard has to show. start(bed) returns at
once, the load goes on until the machine ends. The disks are those of situations.add_disks(). QUIET is what
alerts nobody."""

import bed as beds

# $1: the cgroup of a process, the rest is run in it, in the background.
ENTER = r"""
enter() {
	local cgroup=$1
	shift
	(echo "$BASHPID" > "/sys/fs/cgroup$cgroup/cgroup.procs" && exec setsid "$@") > /dev/null 2>&1 < /dev/null &
}
"""

# What the scripts call the cgroups of some workloads, and how these are told apart. To ask all the runtimes takes long
# in a busy machine: the exporter knows.
PLACES = {
    "api": {"pod": "web-7d4b9c", "container": "api"}, "proxy": {"pod": "web-7d4b9c", "container": "proxy"},
    "postgres": {"pod": "db-0", "container": "postgres"}, "worker": {"pod": "batch-x1", "container": "worker"},
    "web": {"name": "web"}, "lxc": {"name": "c1"},
    "demo": {"unit": "demo.service"}, "tr2": {"unit": "tr2.service"},
}

# A CPU quota that is hit in every other minute.
SPIN = r"""
enter "$api_at" sh -c 'while :; do
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
enter "$postgres_at" python3 /run/leak.py
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
enter "$lxc_at" python3 /run/steady.py
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
systemd-run --quiet --unit=squeezed -p MemoryHigh=40M -p MemoryMax=64M \
	python3 /run/high.py
"""

# Killed for want of memory, and started again, again and again; one that just ends with 3.
KILLED = r"""
docker run -d --name greedy -m 24m --restart always demo/busybox:1.0 sh -c 'sleep 25; tail /dev/zero' > /dev/null
docker run -d --name flaky --restart always demo/busybox:1.0 sh -c 'sleep 20; exit 3' > /dev/null
"""

# Disk: past the page cache, into a writable layer, and under io.max.
DISK = r"""
enter "$worker_at" sh -c 'while :; do
	busybox dd if=/dev/zero of=/var/tmp/batch bs=64k count=200 oflag=direct; busybox dd if=/var/tmp/batch of=/dev/null bs=64k iflag=direct
	sleep 3; done'
docker exec -d web sh -c 'i=0; while [ $i -lt 60 ]; do dd if=/dev/zero of=/w/log$i bs=64k count=16; i=$((i+1)); sleep 5; done'
enter "$tr2_at" sh -c 'while :; do
	busybox dd if=/var/tmp/batch of=/dev/null bs=64k count=16 iflag=direct; sleep 3; done'
"""

# One that does a bit of everything: memory up to its limit and back, CPU up to its quota, a slow disk.
BUSY = r"""
docker exec -d web sh -c 'while :; do for n in 10 20 30 40 50 55 30; do
	dd if=/dev/zero of=/dev/shm/held bs=1M count=$n 2> /dev/null; timeout 6 sh -c "while :; do :; done"; cat /w/log* > /dev/null; sleep 12; done; done'
enter "$web_at" sh -c 'while :; do
	dd if=/dev/zero bs=4k count=16 oflag=direct >&3; sleep 4; done' 3<> /dev/vdb # it may not open it
"""

# Forks that the limit of a service refuses, from outside of it: inside, the loop would die of them.
FORKS = r"""
(while :; do
	enter "$demo_at" sh -c 'for i in $(seq 25); do sleep 4 & done; wait'
	sleep 10
done) > /dev/null 2>&1 < /dev/null &
"""

# A pod that is asked by another container, a web server that is asked by the host and by somebody rude, who does not
# answer either.
NETWORK = r"""
web=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' web)
(setsid sh -c "while :; do curl -s -o /dev/null http://$web/log0; sleep 2; done") > /dev/null 2>&1 < /dev/null &
cat > /run/rude.py <<'P'
import socket, struct, sys, time
full = socket.socket()
full.bind(("127.0.0.1", 0))
full.listen(0)
while True:
    late = [socket.socket() for _ in range(3)]
    for one in late:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    with socket.create_connection((sys.argv[1], 80)) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with socket.socket() as nobody:
        nobody.connect_ex(("127.0.0.1", 9))
    time.sleep(3)
    for one in late:
        one.close()
P
enter "$worker_at" python3 /run/rude.py "$web"
for at in "$api_at" "$postgres_at" "$worker_at"; do
	pid=$(head -n 1 "/sys/fs/cgroup$at/cgroup.procs")
	nsenter -t "$pid" -n setsid sh -c 'i=0; while :; do busybox ping -c 3 -s 1400 -i 0.2 10.88.7.1; sleep 3; done' > /dev/null 2>&1 < /dev/null &
done
"""

FILES = r"""
enter "$proxy_at" sh -c 'while :; do cat /etc/hostname /etc/missing; sleep 2; done'
"""

# See talk.py.
REQUESTS = r"""
enter "$proxy_at" /tallyman/talk.py answer
enter "$worker_at" /tallyman/talk.py ask
"""

# What a service may be promised and denied.
PROMISES = r"""
systemd-run --quiet --unit=promised -p MemoryHigh=64M -p MemoryMax=128M -p MemoryMin=4M -p MemoryLow=8M -p IOWeight=50 \
	-p IOWriteIOPSMax='/dev/vda 500' -p IOReadBandwidthMax='/dev/vda 50M' sleep 1000000
"""

SWAP = r"""
mkswap /dev/vdd > /dev/null
swapon /dev/vdd
"""

# A model of the cost of I/O that denies nobody anything.
KERNEL = r"""
echo 1 > /sys/module/blk_cgroup/parameters/blkcg_debug_stats
echo "$(lsblk -dno MAJ:MIN /dev/vdb) enable=1 ctrl=user rpct=0 wpct=0 min=10000 max=10000" > /sys/fs/cgroup/io.cost.qos
"""

# A health check; a server of which there will be another image; a disk that fails.
SERVERS = r"""
docker run -d --name healthy -m 32m --network none --health-cmd true --health-interval 20s demo/busybox:1.0 \
	sleep 1000000 > /dev/null
docker run -d --name shop -m 32m demo/busybox:1.0 httpd -f -p 80 > /dev/null
systemd-run --quiet --unit=unlucky sh -c 'while :; do
	busybox dd if=/dev/vdc of=/dev/null bs=4k count=1 iflag=direct; sleep 2; done'
"""

# A new image under a name that was there before; for deploy().
DEPLOY = r"""
(
	docker tag demo/busybox:1.0 demo/busybox:2.0
	docker stop -t 1 shop
	docker rm shop
	docker run -d --name shop -m 32m demo/busybox:2.0 httpd -f -p 80
) > /dev/null 2>&1 < /dev/null &
"""

QUIET = (SWAP, KERNEL, STEADY, PROMISES, SERVERS, DISK, NETWORK, FILES, REQUESTS)
ALL = (*QUIET, SPIN, LEAK, SLOW, KILLED, BUSY, FORKS)


def find(samples, wanted):
    """The cgroup of the one workload with these labels."""
    found = {sample.labels["id"] for sample in samples
             if wanted.items() <= {**sample.labels, "unit": sample.labels["id"].rpartition("/")[2]}.items()}
    if len(found) != 1:
        raise AssertionError(f"{wanted}: {found}")
    return found.pop()


def start(bed, scripts=ALL):
    """Starts all of it, or these."""
    samples = bed.metrics()["container_info"]
    places = "".join(f"{name}_at='{find(samples, wanted)}'\n" for name, wanted in PLACES.items())
    bed.guest(ENTER + places + "".join(f"{script}\ntrue\n" for script in scripts), 900)


def stop_one(bed, number):
    """A container that somebody stops. What happens for the first time has no rate: that needs a second one."""
    bed.guest(beds.BUNDLES + f"""
name=brief{number}
bundle $name "$(memory 24)" 'sleep 1000000'
sleep 6 # longer than --containers.settle
runc kill $name KILL
sleep 1
runc delete -f $name
""")


def deploy(bed):
    """Replaces a container by one of a new image, in the background."""
    bed.guest(DEPLOY)
