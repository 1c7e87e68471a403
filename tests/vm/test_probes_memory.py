#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600
"""Waits for memory as the probe tells them, against the kernel's own tracing, counters and pressure."""

import re

import bed as beds
from bed import number, require, series_of
import support

RECLAIM = "container_memory_direct_reclaim_seconds"
HIGH = "container_memory_high_throttled_seconds"
FAULT = "container_memory_major_fault_seconds"
SHORT = 0.001

# Before 5.13 memory.stat lacks what a processor has not handed over yet: 32 events at most, of two processors.
KEPT_BACK = {"5.10": 64}

PREPARE = r"""
echo "+memory +io" > /sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/tallyman-{max,high,fault,quiet}
dd if=/dev/zero of=/big bs=1M count=200 2> /dev/null
sync
mount -t tracefs tracefs /sys/kernel/tracing 2> /dev/null || true
echo 50000 > /sys/kernel/tracing/buffer_size_kb
"""

IN = r"""
in_group() {
	local group=$1
	shift
	sh -c 'echo $$ > "/sys/fs/cgroup$0/cgroup.procs"; exec "$@"' "$group" "$@"
}
stalled() { sed -n 's/^some.*total=//p' "/sys/fs/cgroup$1/memory.pressure"; }
"""


def count_and_sum(samples, name, cgroup, **labels):
    return (number(samples, f"{name}_count", cgroup, **labels) or 0,
            number(samples, f"{name}_sum", cgroup, **labels) or 0.0)


def check_reclaim(bed):
    """Every reclaim is between two lines of the kernel's trace; one task, so the times add up."""
    text = bed.guest(IN + r"""
cd /sys/kernel/tracing
for e in begin end; do echo 1 > events/vmscan/mm_vmscan_memcg_reclaim_$e/enable; done
echo 30M > /sys/fs/cgroup/tallyman-max/memory.max
echo 3 > /proc/sys/vm/drop_caches
start=$(date +%s%N)
in_group /tallyman-max dd if=/big of=/dev/null bs=64k 2> /dev/null
wall=$(($(date +%s%N) - start))
for e in begin end; do echo 0 > events/vmscan/mm_vmscan_memcg_reclaim_$e/enable; done
grep -o '[0-9.]*: mm_vmscan_memcg_reclaim_[a-z]*:' trace
echo "@@ $wall $(stalled /tallyman-max) $(sed -n 's/^pgscan //p' /sys/fs/cgroup/tallyman-max/memory.stat)" """)
    wall, stalled, scanned = map(int, re.search(r"@@ (\d+) (\d+) (\d+)", text).groups())
    stamps = re.findall(r"([0-9.]+): mm_vmscan_memcg_reclaim_(begin|end)", text)
    begun = [float(time) for time, what in stamps if what == "begin"]
    ended = [float(time) for time, what in stamps if what == "end"]
    count, total = count_and_sum(bed.metrics(), RECLAIM, "/tallyman-max", scope="cgroup")
    require(scanned > 0 and len(begun) > 20, f"{len(begun)} reclaims of {scanned} pages: not much of a test")
    support.equal(count, len(begun), "reclaims")
    # Both clocks are read between the same two points, with the other's work in between.
    told = sum(ended) - sum(begun)
    require(abs(total - told) <= told / 10 + count * 50e-6, f"{total} s, the trace says {told}")
    require(total <= wall / 1e9, f"{total} s within {wall / 1e9} s")
    print(f"# {count:.0f} reclaims, {total:.3f} s; trace {told:.3f} s, pressure {stalled / 1e6:.3f} s")


def check_host(bed):
    """Free memory below what the kernel keeps for itself: whoever asks for a page must find one."""
    def all_of(samples):
        return sum(float(s.value) for s in samples.get(f"{RECLAIM}_count", ()) if s.labels["scope"] == "host")
    before = all_of(bed.metrics())
    text = bed.guest(r"""
stalls() { awk '/^allocstall_/ { n += $2 } END { print n }' /proc/vmstat; }
old=$(cat /proc/sys/vm/min_free_kbytes) first=$(stalls)
cat /big > /dev/null
for i in $(seq 50); do
	free=$(awk '/^MemFree/ { print $2 }' /proc/meminfo)
	echo $((free + 20000)) > /proc/sys/vm/min_free_kbytes
	python3 -c 'b"x" * (64 << 20)'
	echo "$old" > /proc/sys/vm/min_free_kbytes
	[ "$(stalls)" = "$first" ] || break
done
echo "@@$(($(stalls) - first))" """)
    told = int(re.search(r"@@(\d+)", text)[1])
    got = all_of(bed.metrics()) - before
    if not told:
        support.skip("the kernel found free pages each time")
    # A reclaim that frees too little is counted again by the kernel.
    require(0 < got <= told, f"{got} direct reclaims, allocstall says {told}")


def check_high(bed):
    text = bed.guest(IN + r"""
echo 16M > /sys/fs/cgroup/tallyman-high/memory.high
start=$(date +%s%N)
in_group /tallyman-high python3 -c '
import signal
signal.alarm(6) # from now: in a busy machine its start takes long
held = []
for i in range(400):
	held.append(b"x" * (1 << 16))' || true
echo "@@ $(($(date +%s%N) - start)) $(stalled /tallyman-high) $(
	sed -n 's/^high //p' /sys/fs/cgroup/tallyman-high/memory.events)" """)
    wall, stalled, events = map(int, re.search(r"@@ (\d+) (\d+) (\d+)", text).groups())
    samples = bed.metrics()
    if not series_of(samples, f"{HIGH}_count", "/tallyman-high"):
        programs = {s.labels["program"] for s in samples["tallyman_probe_program_info"]}
        require("on_high" not in programs, "memory.high was not seen")
        support.skip("this kernel lets no program be attached to functions")
    count, total = count_and_sum(samples, HIGH, "/tallyman-high")
    short = max(float(s.value) for s in series_of(samples, f"{HIGH}_bucket", "/tallyman-high")
                if float(s.labels["le"]) <= SHORT)
    print(f"# {count:.0f} times, {short:.0f} of them short, {total:.3f} s; pressure {stalled / 1e6:.3f} s, "
          f"{events} events, wall {wall / 1e9:.3f} s")
    # A call is no event when by then there is no more to be freed, as others have done it: it ends at once.
    require(0 < count - short <= events, f"{count} times, {short} of them short, the kernel says {events}")
    # Almost all the pressure of this group is made there, some by waiting for pages that were dropped; and there is
    # one task.
    require(0.1 < 0.7 * stalled / 1e6 <= total <= wall / 1e9, f"{total} s within {wall / 1e9} s, pressure {stalled / 1e6} s")
    support.equal(series_of(samples, f"{HIGH}_count", "/tallyman-quiet"), [], "of a group without memory.high")


def check_faults(bed):
    """Programs whose files are on the disk alone, with what memory.stat counts."""
    text = bed.guest(IN + r"""
start=$(date +%s%N)
for i in 1 2 3; do
	echo 3 > /proc/sys/vm/drop_caches
	in_group /tallyman-fault python3 -c 'import json, re, socket, subprocess'
done
echo "@@ $(($(date +%s%N) - start)) $(sed -n 's/^pgmajfault //p' /sys/fs/cgroup/tallyman-fault/memory.stat)" """)
    wall, told = map(int, re.search(r"@@ (\d+) (\d+)", text).groups())
    count, total = count_and_sum(bed.metrics(), FAULT, "/tallyman-fault", type="file")
    print(f"# {count:.0f} major faults, {total:.3f} s; memory.stat {told}, wall {wall / 1e9:.3f} s")
    require(told > 5, f"{told} major faults: not much of a test")
    require(told <= count <= told + KEPT_BACK.get(beds.KERNEL, 0), f"{count} major faults, memory.stat has {told}")
    require(0 < total <= wall / 1e9, f"{total} s within {wall / 1e9} s")


def check_groups(bed):
    bed.guest(PREPARE)
    with bed.check("memory", "direct reclaim for a limit: number and time, as traced"):
        check_reclaim(bed)
    with bed.check("memory", "held back above memory.high"):
        check_high(bed)
    with bed.check("memory", "major faults: number, as in memory.stat"):
        check_faults(bed)


def test(bed):
    check_groups(bed)
    with bed.check("memory", "direct reclaim for the host"):
        check_host(bed)


if __name__ == "__main__":
    beds.main(test, beds.only("memory_stalls"))
