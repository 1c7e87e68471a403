#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900
"""Waiting for a CPU: real containers that share one against /proc/PID/schedstat, and CPU quotas against
cpu.stat. Containers stand still (frozen) while their numbers are compared."""

import re

import bed as beds
from bed import number, require, series_of
import support

WAIT = "container_cpu_runqueue_wait_seconds"
DISTURBED = "container_cpu_disturbed_seconds_total"
THROTTLED = "container_cpu_throttled_wait_seconds_total"
NS = 1e9
# cpu.stat counts from when the group was stopped, the probe from when a thread of it wanted to run: they
# differ by a tick or two each time, which on a busy emulated machine are long.
TICKS = 0.25
# What a task ran is told without the interrupts that came meanwhile (rq->clock_task); who waited, waited for
# these, too (rq->clock).
INTERRUPTS = 0.05

GUEST = r"""
spin() {  # NAME OPTION...
	local name=$1
	shift
	docker run -d --name "$name" --network none --cpuset-cpus 0 "$@" demo/busybox:1.0 sh -c 'while :; do :; done' > /dev/null
}
pid_of() { docker inspect -f '{{.State.Pid}}' "$1"; }
told() {  # PID: what the kernel has counted for it and its cgroup
	echo "@@$(cgroup_of "$1") $(cut -d' ' -f1,2 "/proc/$1/schedstat") $(sed -n 's/throttled_usec //p' "/sys/fs/cgroup$(cgroup_of "$1")/cpu.stat")"
}
"""


class Told:
    """One line of told(): all in seconds."""

    def __init__(self, line):
        self.id, ran, waited, throttled = line.split()
        self.ran, self.waited, self.throttled = int(ran) / NS, int(waited) / NS, int(throttled) / 1e6


def tell(bed, script):
    return [Told(line) for line in re.findall("^@@(.*)$", bed.guest(GUEST + script), re.M)]


def waited(samples, group):
    return number(samples, f"{WAIT}_sum", group) or 0


def charged(samples, family, group, **labels):
    return sum(float(s.value) for s in series_of(samples, family, group)
               if all(s.labels[key] == value for key, value in labels.items()))


def near(value, expected, share, what):
    require(abs(value - expected) <= expected * share, f"{what}: {value} s, the kernel has {expected} s")


def check_neighbours(bed):
    """Two that never sleep on one CPU: what one waits the other has run."""
    before = tell(bed, "spin rq-victim; spin rq-hog; docker pause rq-victim rq-hog > /dev/null\n"
                       'for name in rq-victim rq-hog; do told "$(pid_of $name)"; done')
    first = bed.metrics()
    after = tell(bed, "docker unpause rq-victim rq-hog > /dev/null; sleep 5; docker pause rq-victim rq-hog > /dev/null\n"
                      'for name in rq-victim rq-hog; do told "$(pid_of $name)"; done')
    last = bed.metrics()
    for (old, new), other in zip(zip(before, after), (after[1], after[0])):
        near(waited(last, new.id) - waited(first, new.id), new.waited - old.waited, 0.001, f"wait of {new.id}")
        whole = charged(last, DISTURBED, new.id) + charged(last, THROTTLED, new.id)
        require(abs(whole - waited(last, new.id)) < 1e-6, f"{whole} s of {waited(last, new.id)} s are charged")
        by = charged(last, DISTURBED, new.id, by=other.id)
        require(0.5 * new.waited < by <= other.ran * (1 + INTERRUPTS),
                f"{other.id} ran {other.ran} s, is charged {by} s of {new.waited} s")
        require(charged(last, THROTTLED, new.id) == 0, "throttled without a quota")
    bed.guest("docker rm -f rq-victim rq-hog > /dev/null")


def check_own_quota(bed):
    tell(bed, "spin rq-quota --cpus 0.2")
    (told,) = tell(bed, 'sleep 5; docker pause rq-quota > /dev/null; told "$(pid_of rq-quota)"')
    samples = bed.metrics()
    own = charged(samples, THROTTLED, told.id, cause="own_quota")
    require(told.throttled > 1, f"throttled for {told.throttled} s only")
    near(own, told.throttled, TICKS, "held back by its own quota")
    support.equal(charged(samples, THROTTLED, told.id, cause="ancestor_quota"), 0, "held back by a quota above")
    require(own <= waited(samples, told.id), f"{own} s of {waited(samples, told.id)} s waited")
    bed.guest("docker rm -f rq-quota > /dev/null")


def check_quota_above(bed):
    """The upper group has the quota; the lower one's own file does not tell of it."""
    bed.guest("""cd /sys/fs/cgroup; echo +cpu > cgroup.subtree_control
mkdir tallyman-rq; echo "20000 100000" > tallyman-rq/cpu.max
echo +cpu > tallyman-rq/cgroup.subtree_control; mkdir tallyman-rq/lower
(echo 0 > tallyman-rq/lower/cgroup.procs; exec taskset -c 0 sh -c 'while :; do :; done') > /dev/null 2>&1 &
echo $! > /run/rq.pid""")
    (told,) = tell(bed, """sleep 5; echo 1 > /sys/fs/cgroup/tallyman-rq/cgroup.freeze; sleep 1
told "$(cat /run/rq.pid)" """)
    upper = int(bed.guest("sed -n 's/throttled_usec //p' /sys/fs/cgroup/tallyman-rq/cpu.stat")) / 1e6
    samples = bed.metrics()
    require(upper > 1, f"throttled for {upper} s only")
    support.equal(told.throttled, 0, "throttled_usec of the lower group")
    near(charged(samples, THROTTLED, told.id, cause="ancestor_quota"), upper, TICKS, "held back by a quota above")
    support.equal(charged(samples, THROTTLED, told.id, cause="own_quota"), 0, "held back by its own quota")
    bed.guest("""kill -9 "$(cat /run/rq.pid)"; echo 0 > /sys/fs/cgroup/tallyman-rq/cgroup.freeze; sleep 1
rmdir /sys/fs/cgroup/tallyman-rq/lower /sys/fs/cgroup/tallyman-rq""")


def check_quota_and_neighbour(bed):
    """With a hog on the CPU not all of the wait is the quota's."""
    (told,) = tell(bed, """spin rq-hog; spin rq-quota --cpus 0.2; sleep 5
docker pause rq-quota rq-hog > /dev/null; told "$(pid_of rq-quota)" """)
    samples = bed.metrics()
    own = charged(samples, THROTTLED, told.id, cause="own_quota")
    require(told.throttled > 1, f"throttled for {told.throttled} s only")
    near(own, told.throttled, TICKS, "held back by its own quota, beside another")
    near(own + charged(samples, DISTURBED, told.id), waited(samples, told.id), 1e-6, "all together")
    bed.guest("docker rm -f rq-quota rq-hog > /dev/null")


def test(bed):
    with bed.check("run queue", "the probe is up"):
        support.equal(support.value(bed.metrics(), "tallyman_source_up", source="runqueue"), "1", "source")
    with bed.check("run queue", "two containers on one CPU: schedstat, and each other's disturber"):
        check_neighbours(bed)
    with bed.check("run queue", "a container's own CPU quota, as in cpu.stat"):
        check_own_quota(bed)
    with bed.check("run queue", "a CPU quota further up, as in its cpu.stat"):
        check_quota_above(bed)
    with bed.check("run queue", "a CPU quota beside another container"):
        check_quota_and_neighbour(bed)


if __name__ == "__main__":
    beds.main(test)
