#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600
"""Block I/O as the probe tells it, against what did the I/O, io.stat, and a disk of known latency (null_blk)."""

import re

import bed as beds
from bed import require, series_of
import support

DELAY = 0.005  # of the disk, in seconds
GROUP = "/tallyman-blkio"
DURATION = "container_blkio_duration_seconds"

PREPARE = f"""
modprobe null_blk nr_devices=0
disk() {{  # NAME KEY=VALUE...
	local name=$1 folder=/sys/kernel/config/nullb/$1 pair
	shift
	mkdir "$folder"
	for pair in size=64 "$@"; do echo "${{pair#*=}}" > "$folder/${{pair%%=*}}"; done
	echo 1 > "$folder/power"
	udevadm settle
}}
disk nullb0 irqmode=2 completion_nsec={DELAY * 1e9:.0f}
disk nullb1 memory_backed=1 discard=1
echo +0-7 > /sys/kernel/config/nullb/nullb1/badblocks
echo "+io +memory" > /sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup{GROUP}
"""

# Runs the words in a cgroup; what the shell itself reads from the disk is not counted with it.
IN = r"""
in_group() {
	local group=$1
	shift
	sh -c 'echo $$ > "/sys/fs/cgroup$0/cgroup.procs"; exec "$@"' "$group" "$@"
}
io_stat() { sed -n "s/^$(cat "/sys/block/$2/dev") //p" "/sys/fs/cgroup$1/io.stat"; }
"""


def cells(samples, device, operation, stage, group=GROUP):
    """{upper bound: count, cumulated} of one histogram, with its "sum"; all 0 when there is none."""
    wanted = {"device": device, "operation": operation, "stage": stage}
    found = {"sum": 0.0, "count": 0}
    for suffix in ("bucket", "sum", "count"):
        for s in series_of(samples, f"{DURATION}_{suffix}", group):
            if all(s.labels[key] == value for key, value in wanted.items()):
                found[float(s.labels["le"]) if suffix == "bucket" else suffix] = float(s.value)
    return found


def grown(before, after, *key, group=GROUP):
    first, second = cells(before, *key, group=group), cells(after, *key, group=group)
    return {name: value - first.get(name, 0) for name, value in second.items()}


def total(samples, what, device, operation, group=GROUP):
    return beds.number(samples, f"container_blkio_{what}_total", group, device=device, operation=operation) or 0


def stat(text):
    """The last line of io.stat that the guest has printed."""
    line = re.findall(r"rbytes=.*", text)[-1]
    return {key: int(value) for key, _, value in (pair.partition("=") for pair in line.split())}


def check_latency(bed, operation, words):
    """dd has one request at a time, so its requests cannot take longer than it runs."""
    n = 200
    before = bed.metrics()
    said = bed.guest(IN + f"""start=$(date +%s%N)
in_group {GROUP} dd {words} bs=4k count={n} 2> /dev/null
echo "@@$(($(date +%s%N) - start))"
io_stat {GROUP} nullb0""")
    wall = int(re.search(r"@@(\d+)", said)[1]) / 1e9
    after = bed.metrics()
    queue, device = (grown(before, after, "/dev/nullb0", operation, stage) for stage in ("queue", "device"))
    support.equal((queue["count"], device["count"]), (n, n), "requests")
    quicker = max(bound for bound in device if isinstance(bound, float) and bound <= DELAY)
    support.equal(device[quicker], 0, "requests that were quicker than the disk")
    require(device["sum"] >= n * DELAY, f"{n} requests took {device['sum']} s in a disk that takes {DELAY} s")
    require(queue["sum"] + device["sum"] <= wall, f"{queue['sum']} + {device['sum']} s within {wall} s")
    support.equal(total(after, "bytes", "/dev/nullb0", operation), stat(said)[f"{operation[0]}bytes"], "bytes")
    support.equal(total(after, "errors", "/dev/nullb0", operation), 0, "errors")


def check_own_stamps(bed):
    """The kernel stamps no request when nothing of its own wants to know."""
    bed.guest("""echo 0 > /sys/block/nullb0/queue/iostats
echo 0 > /sys/block/nullb0/queue/wbt_lat_usec 2> /dev/null || true""")
    before = bed.metrics()
    bed.guest(IN + f"in_group {GROUP} dd if=/dev/nullb0 of=/dev/null iflag=direct bs=4k count=50 2> /dev/null")
    device = grown(before, bed.metrics(), "/dev/nullb0", "read", "device")
    bed.guest("echo 1 > /sys/block/nullb0/queue/iostats")
    support.equal(device["count"], 50, "requests")
    require(device["sum"] >= 50 * DELAY, f"50 requests took {device['sum']} s")


def check_errors(bed):
    before = bed.metrics()
    bed.guest(IN + f"""for i in 1 2 3 4 5; do
	! in_group {GROUP} dd if=/dev/nullb1 of=/dev/null iflag=direct bs=4k count=1 2> /dev/null || exit 1
done
in_group {GROUP} dd if=/dev/nullb1 of=/dev/null iflag=direct bs=4k skip=1 count=7 2> /dev/null""")
    after = bed.metrics()
    support.equal(total(after, "errors", "/dev/nullb1", "read") - total(before, "errors", "/dev/nullb1", "read"), 5,
                  "errors")
    support.equal(total(after, "bytes", "/dev/nullb1", "read"), 7 * 4096, "bytes that were read")
    support.equal(cells(after, "/dev/nullb1", "read", "device")["count"], 12, "requests")


def check_discard(bed):
    text = bed.guest(IN + f"""in_group {GROUP} blkdiscard -f -o 1M -l 4M /dev/nullb1
io_stat {GROUP} nullb1""")
    after = bed.metrics()
    support.equal(stat(text)["dbytes"], 4 << 20, "bytes that io.stat tells")
    support.equal(total(after, "bytes", "/dev/nullb1", "discard"), 4 << 20, "bytes")
    require(cells(after, "/dev/nullb1", "discard", "device")["count"] > 0, "no requests")


def check_flush(bed):
    """Each fsync() of a disk with a cache is one flush, of whoever asked for it."""
    script = "import os; fd = os.open('/dev/vda', os.O_RDONLY); [os.fsync(fd) for i in range(20)]"
    before = bed.metrics()
    bed.guest(IN + f'grep -q back /sys/block/vda/queue/write_cache\nin_group {GROUP} python3 -c "{script}"')
    after = bed.metrics()
    support.equal(grown(before, after, "/dev/vda", "flush", "device")["count"], 20, "flushes")
    support.equal(cells(after, "/dev/vda", "flush", "queue")["count"], 0, "flushes in the queue")
    support.equal(total(after, "errors", "/dev/vda", "flush"), 0, "errors")


def check_writeback(bed, place):
    """Written back by the kernel for somebody else's sync: whose the data is, and nobody else, is charged."""
    size = 24 << 20
    before = bed.metrics()
    text = bed.guest(IN + f"""sync
io_stat {place.id} vda; echo @@
in_group {place.leaf} dd if=/dev/zero of=/written bs=64k count={size >> 16} 2> /dev/null
sync
io_stat {place.id} vda""")
    after = bed.metrics()
    first, _, second = text.partition("@@")
    told = stat(second)["wbytes"] - (stat(first)["wbytes"] if "wbytes" in first else 0)
    got = (total(after, "bytes", "/dev/vda", "write", place.id)
           - total(before, "bytes", "/dev/vda", "write", place.id))
    requests = grown(before, after, "/dev/vda", "write", "device", group=place.id)["count"]
    require(told >= size, f"io.stat tells {told} bytes of {size}")
    require(abs(got - told) <= told / 100, f"{got} bytes, io.stat has {told}")
    require(requests > 0, "no requests")
    mine = {s.labels["id"] for s in after["container_blkio_bytes_total"] if s.labels["operation"] == "write"
            and float(s.value) - total(before, "bytes", "/dev/vda", "write", s.labels["id"]) >= size}
    support.equal(mine, {place.id}, "who is charged for them")


def test(bed):
    docker = bed.locate([beds.RUNTIMES[0]])["docker"]
    bed.guest(PREPARE)
    with bed.check("block I/O", "the probe is up"):
        support.equal(support.value(bed.metrics(), "tallyman_source_up", source="blkio"), "1", "source")
    with bed.check("block I/O", "latency of reads, their number and bytes"):
        check_latency(bed, "read", "if=/dev/nullb0 of=/dev/null iflag=direct")
    with bed.check("block I/O", "latency of writes, their number and bytes"):
        check_latency(bed, "write", "if=/dev/zero of=/dev/nullb0 oflag=direct")
    with bed.check("block I/O", "a queue that the kernel does not time"):
        check_own_stamps(bed)
    with bed.check("block I/O", "errors"):
        check_errors(bed)
    with bed.check("block I/O", "discards"):
        check_discard(bed)
    with bed.check("block I/O", "flushes"):
        check_flush(bed)
    with bed.check("block I/O", "data written back later are their owner's, as in io.stat"):
        check_writeback(bed, docker)
    with bed.check("block I/O", "nothing is lost"):
        samples = bed.metrics()
        lost = {s.labels["reason"]: float(s.value)
                for name in ("tallyman_probe_lost_total", "tallyman_probe_unattributed_total")
                for s in samples[name] if s.labels["probe"] == "blkio" and float(s.value)}
        support.equal(lost, {}, "losses")


beds.main(test, f"--metrics.enable={DURATION} {beds.only('blkio')}")
