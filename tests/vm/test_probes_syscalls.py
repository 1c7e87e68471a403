#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600
"""System calls as the probe tells them, against a process that makes known ones in a container."""

import time

import bed as beds
from bed import number, require, series_of
import support

CALLS, FAILURES, SLEEPS, SLEEP_S = 2000, 300, 5, 0.05
QUARANTINE_S = 12  # a cgroup's counts go to its heir when it has been gone for 10 s
DURATION = "container_syscall_duration_seconds"

SCRIPT = f"""
import contextlib, os, sys, time
time.sleep(0.01)  # the first call in which a thread gives up its processor is not timed
with open(f"/sys/fs/cgroup{{sys.argv[1]}}/cgroup.procs", "w") as procs:
    procs.write(str(os.getpid()))
for _ in range({CALLS}):
    os.getppid()
for _ in range({FAILURES}):
    with contextlib.suppress(OSError):
        os.close(-1)
for _ in range({SLEEPS}):
    time.sleep({SLEEP_S})
os._exit(0)
"""


def run_in(bed, cgroup):
    bed.guest(f"cat > /run/calls.py <<'END'\n{SCRIPT}\nEND\npython3 /run/calls.py '{cgroup}'")


def counts(samples, cgroup):
    """What the process makes grow, and nothing else in an idle container."""
    return {
        "getppid": number(samples, "container_syscalls_total", cgroup, syscall="getppid") or 0,
        "EBADF": number(samples, "container_syscall_errors_total", cgroup, errno="EBADF") or 0,
        "sleeps": number(samples, "container_syscalls_total", cgroup, syscall="clock_nanosleep") or 0,
        "slept": number(samples, "container_syscall_seconds_total", cgroup, syscall="clock_nanosleep") or 0,
    }


def all_counters(samples, cgroup):
    names = ["container_syscalls_total", "container_syscall_seconds_total", "container_syscall_errors_total",
             f"{DURATION}_count", f"{DURATION}_sum", f"{DURATION}_bucket"]
    return {(name, tuple(sorted(s.labels.items()))): float(s.value)
            for name in names for s in series_of(samples, name, cgroup)}


def check_fell(before, after):
    fell = [f"{key}: {value} -> {after.get(key)}" for key, value in before.items() if after.get(key, -1) < value]
    require(not fell, "\n".join(fell))


def check_counts(bed, leaf, cgroup):
    before = bed.metrics()
    run_in(bed, leaf)
    after = bed.metrics()
    first, second = counts(before, cgroup), counts(after, cgroup)
    support.equal(second["getppid"] - first["getppid"], CALLS, "getppid")
    support.equal(second["EBADF"] - first["EBADF"], FAILURES, "EBADF")
    support.equal(second["sleeps"] - first["sleeps"], SLEEPS, "sleeps")
    require(second["slept"] - first["slept"] >= SLEEPS * SLEEP_S, f"slept {second['slept'] - first['slept']} s")
    # The class wait is not in text; what slept is in no other.
    for name in ("file_read", "file_write", "sync", "metadata", "network"):
        grown = [number(s, f"{DURATION}_sum", cgroup, **{"class": name}) or 0 for s in (before, after)]
        require(grown[1] - grown[0] < SLEEPS * SLEEP_S, f"{name} grew by {grown[1] - grown[0]} s")
    for name in ("file_read", "metadata", "process", "other"):
        slow = number(after, f"{DURATION}_sum", cgroup, **{"class": name}) or 0
        require(slow < 1000, f"{slow} s in {name}")


def nest(bed, leaves):
    """A cgroup within each, which works and goes: the metrics before, with it, without it, and twice when its counts
    have been handed on."""
    readings = [bed.metrics()]
    for leaf in leaves:
        bed.guest(f"mkdir '/sys/fs/cgroup{leaf}/inner'")
        run_in(bed, f"{leaf}/inner")
    readings.append(bed.metrics())
    bed.guest("".join(f"rmdir '/sys/fs/cgroup{leaf}/inner'\n" for leaf in leaves))
    readings.append(bed.metrics())
    time.sleep(QUARANTINE_S)
    return [*readings, bed.metrics(), bed.metrics()]


def check_nested(readings, cgroup):
    """What a cgroup within the container did stays with the container, and nothing falls when it is gone."""
    require(len(readings) == 5, "there was none")
    before, during, _, carried, _ = (counts(samples, cgroup) for samples in readings)
    for what, n in (("getppid", CALLS), ("EBADF", FAILURES)):
        support.equal(during[what] - before[what], n, what)
    support.equal(carried["getppid"], during["getppid"], "getppid")
    for first, second in zip(readings[1:], readings[2:]):
        check_fell(all_counters(first, cgroup), all_counters(second, cgroup))


def check_places(bed, places, titles):
    for title in titles:
        with bed.check(title, "system calls: exact counts, errors, sleep is waiting"):
            check_counts(bed, places[title].leaf, places[title].id)
    readings = []
    with bed.check("system calls", "cgroups within come and go"):
        readings = nest(bed, [places[title].leaf for title in titles])
    for title in titles:
        with bed.check(title, "system calls: of a cgroup within"):
            check_nested(readings, places[title].id)


def test(bed):
    samples = bed.metrics()
    with bed.check("syscalls", "attached, and nothing is lost"):
        up = [s for s in samples["tallyman_probe_up"] if s.labels["probe"] == "syscalls"]
        support.equal([float(s.value) for s in up], [1.0])
        lost = [s for s in samples["tallyman_probe_lost_total"] if s.labels["probe"] == "syscalls"]
        support.equal({s.labels["reason"]: float(s.value) for s in lost}, {"full": 0.0, "missed": 0.0})
    runtimes = [r for r in beds.RUNTIMES if r.title in ("docker", "podman", "containerd CRI, burstable")]
    places = bed.locate(runtimes)
    check_places(bed, places, places)


if __name__ == "__main__":
    beds.main(test, beds.only("syscalls"))
