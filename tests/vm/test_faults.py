#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900
"""Faults: an OOM kill, CPU throttling, the limit on threads, memory.high, a throttled disk, a freeze.
Each is provoked in every second workload, then in the others, and shows in the right counters of those
and of what is above them, and of nobody else."""

import re

import bed as beds
from bed import RUNTIMES, number, require
import support

# What has to grow: {fault: {metric: by at least}}
MUST = {
    "oom": {"container_oom_events_total": 1, "container_memory_events_oom_total": 1,
            "container_memory_events_max_total": 1, "container_memory_failcnt": 1},
    "throttle": {"container_cpu_cfs_throttled_periods_total": 5, "container_cpu_cfs_throttled_seconds_total": 0.3,
                 "container_pressure_cpu_waiting_seconds_total": 0.3},
    "pids": {"container_pids_events_max_total": 1},
    "high": {"container_memory_events_high_total": 1},
    "io": {"container_fs_writes_bytes_total": 1 << 20, "container_pressure_io_waiting_seconds_total": 0.5},
}
# Counters of faults alone: whoever had none keeps what it has.
WATCHED = ["container_oom_events_total", "container_memory_events_oom_total", "container_memory_events_max_total",
           "container_memory_events_high_total", "container_pids_events_max_total",
           "container_cpu_cfs_throttled_periods_total", "container_memory_events_oom_group_kill_total"]
EXPECTED_STATUS = {"oom": "-9", "throttle": "0", "pids": "0", "high": "0", "io": "0"}


def run_fault(bed, places, titles, fault):
    """Provokes a fault in these workloads at once: {title: what fault.py said}."""
    lines = "".join(f"python3 /tallyman/fault.py {fault} '{places[t].leaf}' '{places[t].limit}' "
                    f"> /run/fault-{i} 2>&1 &\n" for i, t in enumerate(titles))
    output = bed.guest(f"""{lines}wait
for i in $(seq 0 {len(titles) - 1}); do echo "##$i"; cat "/run/fault-$i"; done""")
    parts = re.split(r"^##(\d+)\n", output, flags=re.MULTILINE)
    return {titles[int(i)]: text for i, text in zip(parts[1::2], parts[2::2])}


def grown(before, after, metric, cgroup, **labels):
    first, second = (number(samples, metric, cgroup, **labels) for samples in (before, after))
    return None if second is None else second - (first or 0)


def labels_of(metric):
    return {"device": "/dev/vda"} if metric.startswith("container_fs_") else {}


def check_fault(bed, places, fault, titles, others):
    before = bed.metrics()
    said = run_fault(bed, places, titles, fault)
    after = bed.metrics()
    happened = []
    for title in titles:
        text = said[title].strip()
        if text.startswith("@@absent"):
            # The controller is off for this runtime's cgroups: there is no such fault.
            continue
        happened.append(title)
        with bed.check(title, f"fault: {fault}"):
            support.equal(text, f"@@{EXPECTED_STATUS[fault]}", "what happened in the guest")
            for metric, least in MUST[fault].items():
                if metric.startswith("container_cpu_cfs_") and number(before, metric, places[title].id) is None:
                    continue  # no limit but for a moment
                if fault == "pids" and beds.KERNEL in ("5.10", "6.1") and places[title].leaf != places[title].limit:
                    continue  # before Linux 6.11 the event is counted where the fork was, below
                got = grown(before, after, metric, places[title].id, **labels_of(metric))
                require(got is not None and got >= least, f"{metric} grew by {got}, wanted at least {least}")
            if fault == "oom":
                support.equal(grown(before, after, "container_oom_events_total", places[title].id), 1.0, "OOM kills")
    with bed.check("all others", f"no fault: {fault} ({'second' if titles[0] == RUNTIMES[1].title else 'first'} half)"):
        require(len(happened) > len(titles) // 2, f"too few faults happened: {said}")
        touched = {places[title].id for title in titles}
        wrong = []
        for metric in WATCHED:
            for s in after.get(metric, ()):
                cgroup = s.labels["id"]
                if any(t == cgroup or t.startswith(cgroup.rstrip("/") + "/") for t in touched):
                    continue
                got = grown(before, after, metric, cgroup)
                if got and (metric in MUST[fault] or cgroup in {places[o].id for o in others}):
                    wrong.append(f"{metric} of {cgroup} grew by {got}")
        require(not wrong, "\n".join(wrong))


def check_freeze(bed, places, titles):
    run_fault(bed, places, titles, "freeze")
    samples = bed.metrics()
    frozen = {s.labels["id"] for s in samples["container_cgroup_frozen"] if float(s.value) == 1}
    for title in titles:
        with bed.check(title, "fault: freeze"):
            require(places[title].id in frozen, "it is not shown as frozen")
    with bed.check("all others", "no fault: freeze"):
        allowed = {places[title].id for title in titles}
        support.equal([cgroup for cgroup in frozen if cgroup not in allowed], [])
    run_fault(bed, places, titles, "thaw")
    with bed.check("all others", "thawed"):
        samples = bed.metrics()
        support.equal([s.labels["id"] for s in samples["container_cgroup_frozen"] if float(s.value) == 1], [])


# Hits its limits, one after the other, and lives on; a shell that cannot fork ends, so each is in its own.
OFFENDER = """(n=0; while [ $n -lt 30 ]; do n=$((n+1)); sleep 3 & done) 2> /dev/null
(n=0; while [ $n -lt 100000 ]; do n=$((n+1)); done)
tail /dev/zero
exec sleep 1000000"""


def check_by_runtimes(bed):
    """The limits that runtimes set themselves, hit by what runs in the container."""
    run = {"docker": "docker run -d --name small", "podman": "podman run -d --name small --network none"}
    images = {"docker": "demo/busybox:1.0", "podman": "localhost/demo/busybox:1.0"}
    for kind, command in run.items():
        with bed.check(kind, "its own limits hit"):
            output = bed.guest(f"""
{command} -m 24m --memory-swap 24m --cpus 0.2 --pids-limit 20 {images[kind]} sh -c '{OFFENDER}' > /dev/null
leaf=$(cgroup_of "$({kind} inspect -f '{{{{.State.Pid}}}}' small)")
for _ in $(seq 200); do
	grep -q '^oom_kill 1' "/sys/fs/cgroup$leaf/memory.events" && break
	sleep 0.3
done
echo "@@${{leaf%/container}}"
""")
            cgroup = re.search("^@@(.*)$", output, re.MULTILINE)[1]
            samples = bed.metrics()
            support.equal(number(samples, "container_oom_events_total", cgroup), 1.0, "OOM kills")
            require(number(samples, "container_cpu_cfs_throttled_periods_total", cgroup) >= 5, "no throttling")
            require(number(samples, "container_pids_events_max_total", cgroup) >= 1, "no failed fork")


def test(bed):
    # Systemd stops a service one of whose processes was killed for memory, unless told otherwise.
    bed.guest("""
for unit in demo tr2; do
	mkdir -p "/run/systemd/system/$unit.service.d"
	printf '[Service]\nOOMPolicy=continue\n' > "/run/systemd/system/$unit.service.d/oom.conf"
done
systemctl daemon-reload""")
    places = bed.locate()
    usable = [r.title for r in RUNTIMES if r.kind != "vm"]  # a threaded cgroup takes no process
    halves = usable[0::2], usable[1::2]
    for fault in MUST:
        for half, others in (halves, halves[::-1]):
            check_fault(bed, places, fault, half, others)
    check_freeze(bed, places, usable)
    check_by_runtimes(bed)


if __name__ == "__main__":
    beds.main(test)
