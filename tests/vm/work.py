#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: work.py CGROUP NAME, in the guest

Work of known size in a cgroup: enters it, uses 0.4 s of CPU, 16 MiB of memory and writes 4 MiB past
the page cache; then says in /run/work/NAME "PID OUTSIDE BEFORE CHILD MEMORY WRITTEN", and sleeps, with
what it has, until it is killed. Its CPU time in the cgroup is what /proc/PID/schedstat has by then,
less OUTSIDE (before it entered) at most and BEFORE (after that) at least, and CHILD, all in nanoseconds. Nothing is imported that python3-minimal lacks."""
import os
import sys
import time

CPU_S, MEMORY, WRITTEN = 0.4, 16 << 20, 4 << 20


def run_time(pid):
    """Nanoseconds for which a process has run."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[0])


def anonymous():
    """Bytes of memory of our own, as the kernel counts them."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Anonymous:"))


cgroup, name = sys.argv[1:]
outside = run_time("self")
with open(f"/sys/fs/cgroup{cgroup}/cgroup.procs", "w", encoding="ascii") as procs:
    procs.write(str(os.getpid()))
before = run_time("self")
anonymous_before = anonymous()
held = b"x" * MEMORY
memory = anonymous() - anonymous_before  # whole huge pages, where the kernel likes them
while run_time("self") - before < CPU_S * 1e9:
    pass
pid = os.posix_spawn("/bin/busybox", ["dd", "if=/dev/zero", f"of=/var/tmp/work-{name}", "bs=1M", "count=4",
                                      "oflag=direct"],
                     {}, file_actions=[(os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
if end.si_status:
    sys.exit(f"dd ended with {end.si_status}")
time.sleep(0.3)  # it tells its end before it has left the processor for good
child = run_time(pid)
os.waitpid(pid, 0)
report = f"/run/work/{name}"
with open(report + ".new", "w", encoding="ascii") as out:
    out.write(f"{os.getpid()} {outside} {before} {child} {memory} {WRITTEN}\n")
os.rename(report + ".new", report)
while True:
    time.sleep(1000)
