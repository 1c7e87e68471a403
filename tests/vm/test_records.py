#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600 kernels=6.1,6.12,sid booted=sid
"""Records of cgroups against their files: two exporters in one machine, one of which only reads files. Counters
of the one lie between two readings of the other; when all stands still, all is equal; nothing falls."""

import json
import pathlib
import re

import bed as beds
from bed import require
import support

HERE = pathlib.Path(__file__).parent
FAST, FILES = 10063, 10064
WITH_IO = 3  # groups, at least; of one that never read from a disk the file is empty, and inotify does not see that it is read
ROUNDS, FLIPS = (4, 4) if beds.KERNEL == "sid" and not support.long_run() else (8, 6)
WORKLOADS = 10000
MORE = ("container_memory_events_local_low_total", "container_memory_events_local_high_total",
        "container_memory_events_local_oom_total", "container_memory_events_local_oom_kill_total",
        "container_memory_events_local_oom_group_kill_total",
        *(f"container_memory_{name}" for name in """kernel_stack_bytes pagetables_bytes percpu_bytes vmalloc_bytes
          swapcached_bytes anon_thp_bytes inactive_anon_bytes active_anon_bytes unevictable_bytes slab_reclaimable_bytes
          slab_unreclaimable_bytes workingset_activate_file_total workingset_restore_file_total workingset_nodereclaim_total
          pgscan_kswapd_total pgscan_direct_total pgsteal_direct_total pgrefill_total pgactivate_total pgdeactivate_total
          thp_fault_alloc_total""".split()))
OPTIONS = ("--collector.disable-defaults --collector.cpu --collector.memory --collector.io --collector.pids "
           "--collector.memory_stat --collector.pressure --collector.cgroup --collector.self --web.min-scrape-interval=0s "
           + " ".join(f"--metrics.enable={name}" for name in MORE))
# The kernel divides the run time anew at each reading: a file may say less of one of them than the record did, but
# not less than the file itself said before.
DIVIDED = ("container_cpu_user_seconds_total", "container_cpu_system_seconds_total")
# Parts of a record, and a series that shows that the work met them. Value: at least.
USED = {
    "container_cpu_cfs_throttled_periods_total": 1, "container_cpu_cfs_throttled_seconds_total": 0.001,
    "container_cpu_cfs_burst_periods_total": 0, "container_spec_cpu_quota": 10000, "container_cpu_weight": 321,
    "container_cpu_sched_idle": 1, "container_cpu_max_burst_seconds": 0.005, "container_memory_max_usage_bytes": 1 << 20,
    "container_memory_usage_bytes": 1 << 20, "container_memory_rss": 1 << 20, "container_memory_cache": 1 << 20,
    "container_memory_kernel_stack_bytes": 16 << 10, "container_memory_slab_unreclaimable_bytes": 4 << 10,
    "container_memory_pgscan_direct_total": 1, "container_memory_kernel_usage": 64 << 10, "container_spec_memory_limit_bytes": 80 << 20,
    "container_memory_high_bytes": 60 << 20, "container_spec_memory_reservation_limit_bytes": 4 << 20,
    "container_memory_min_bytes": 1 << 20, "container_memory_oom_group": 1, "container_memory_events_high_total": 1,
    "container_oom_events_total": 1, "container_memory_events_oom_group_kill_total": 1,
    "container_memory_failcnt": 1, "container_threads": 1, "container_threads_max": 4, "container_threads_peak": 4,
    "container_spec_memory_swap_limit_bytes": 8 << 20, "container_cgroup_frozen": 1, "container_cgroup_descendants": 1,
    "container_fs_writes_bytes_total": 1 << 20, "container_io_weight": 250, "container_pids_events_max_total": 1,
    "container_io_limit_bytes_per_second": 1000000000, "container_pressure_cpu_waiting_seconds_total": 0.1,
    "container_pressure_memory_waiting_seconds_total": 0,
}


def start(bed, unit, port, flags):
    bed.guest(f"systemctl reset-failed {unit} 2> /dev/null; systemd-run --quiet --unit={unit} /tallyman/tallyman "
              f"--web.listen-address=127.0.0.1:{port} {OPTIONS} {flags}\n"
              f"for _ in $(seq 300); do curl -sf http://127.0.0.1:{port}/-/ready > /dev/null && break; sleep 0.2; done")


def stop(bed, unit):
    bed.guest(f"systemctl stop {unit}; for _ in $(seq 100); do systemctl is-active --quiet {unit} || break; "
              "sleep 0.1; done")


def texts(bed, *ports):
    """The text of each exporter, one right after the other."""
    commands = "\n".join(f"echo '@@@'; cat /tmp/text.{n}" for n, _ in enumerate(ports))
    reads = "\n".join(f"curl -sf http://127.0.0.1:{port}/metrics > /tmp/text.{n}" for n, port in enumerate(ports))
    return bed.guest(reads + "\n" + commands).split("@@@\n")[1:]


def series(text):
    """{(name, labels): value} of the workloads of the records, as they are written."""
    found = {}
    for match in re.finditer(r'^(container_\w+)(\{[^\n]*id="/records[^\n]*\}) (\S+)$', text, re.MULTILINE):
        found[match[1], match[2]] = match[3]
    return found


def counters(text):
    return set(re.findall(r"^# TYPE (\w+) counter$", text, re.MULTILINE))


def reader(text):
    return re.search(r'^tallyman_cgroup_reader\{reader="records"\} (\d)$', text, re.MULTILINE)[1]


def total(text, name):
    return int(re.search(rf"^{name} (\d+)$", text, re.MULTILINE)[1])


def check_between(bed, last):
    """One round; `last` is what the records told before."""
    first, text, after = texts(bed, FILES, FAST, FILES)
    before, told, then = series(first), series(text), series(after)
    names = counters(text)
    require(reader(text) == "1", "files are read")
    support.equal({key for key in before if key in then} - set(told), set(), "series of files without records")
    compared = 0
    for key, value in told.items():
        if key[0] not in names or key not in before or key not in then:
            continue
        low, value, high = float(before[key]), float(value), float(then[key])
        compared += 1
        require(low <= value, f"{key}: {value}, the file had {low} before")
        require(value <= high or key[0] in DIVIDED, f"{key}: {value}, the file has {high} after")
        require(value >= last.get(key, 0), f"{key} fell from {last.get(key)} to {value}")
        last[key] = value
    return compared


# What no record has, whatever it is used for; pressure and the weight of idle groups are where it is possible only.
LEFT = """cgroup.procs cgroup.subtree_control cpu.weight cpu.pressure memory.pressure io.pressure irq.pressure
          pids.events memory.zswap.current io.weight io.max io.latency""".split()


def files_read(bed, port, scrapes=1):
    """{(group, file): times} that scrapes read of the groups below /records, as the kernel tells. Of that itself,
    reading io.stat may be how those below are added up."""
    scrape = f"for _ in $(seq {scrapes}); do curl -sf -o /dev/null http://127.0.0.1:{port}/metrics; done"
    output = bed.guest(f"/tallyman/reads.pl /sys/fs/cgroup/records bash -c '{scrape}'")
    found = re.findall(r"^(\d+)\t/([^\n]+)/([^/\n]+)$", output, re.MULTILINE)
    return {(group, file): int(times) for times, group, file in found if "." in file}


def said_of_reader(bed):
    """What a scrape after which it is asked says of how cgroups are read."""
    text = bed.guest(f"curl -sf http://127.0.0.1:{FAST}/metrics > /dev/null; curl -sf http://127.0.0.1:{FAST}/api/v1/sources")
    return json.loads(text)["cgroups"]


def left_by_kernel(bed):
    """Files of which the newest kernel may have numbers that are not known here yet: the exporter says so."""
    reason = said_of_reader(bed)["reason"] or ""
    return [file for file in ("memory.stat", "io.stat") if beds.KERNEL == "sid" and reason.startswith(file)]


def check_reads_busy(bed, left):
    """Where only reading it adds it up, memory.stat of a group is read when it has got ahead of the topmost one."""
    groups = len({group for group, _ in files_read(bed, FILES)})
    read = files_read(bed, FAST, ROUNDS)
    times = {file: sum(n for (_, name), n in read.items() if name == file) for _, file in read}
    print(f"# read of {groups} groups in {ROUNDS} scrapes: {times}")
    support.equal({file for file in times if file not in [*LEFT, *left, "memory.stat"]}, set(), "files of records")
    require("memory.stat" in left or times.get("memory.stat", 0) < groups * ROUNDS / 2, "memory.stat is read rather than not")


def check_reads_still(bed, left):
    files, read = files_read(bed, FILES), files_read(bed, FAST)
    groups = {group for group, _ in files}
    print(f"# read of {len(groups)} groups: {len(files)} files, {len(read)} with records")
    support.equal({key for key in read if key[1] not in LEFT + left}, set(), "files of records")
    for file, least in (("memory.stat", 5), ("cpu.stat", 5), ("io.stat", WITH_IO)):
        require(sum(name == file for _, name in files) >= least, f"no {file} at all")
    for file in ("memory.pressure", "io.pressure"):
        stands = [group for group in groups if (group, file) in files and (group, file) not in read]
        require(len(stands) >= 3, f"{file} is in records of {stands} alone")


def check_said(bed, left):
    """Nothing; and io.stat, while it has numbers that no record has."""
    if left:
        support.skip(said_of_reader(bed)["reason"])
    support.equal(said_of_reader(bed), {"reader": "records", "reason": None})
    cost = "echo $(cat /sys/block/vda/dev) enable=%d > /sys/fs/cgroup/io.cost.qos"
    try:
        bed.guest(cost % 1)
        reason = said_of_reader(bed)["reason"] or ""
        require(reason.startswith("io.stat") and "cost" in reason, reason)
        read = {group for group, file in files_read(bed, FAST) if file == "io.stat"}
        require(len(read) >= WITH_IO, f"io.stat is read of {read} alone")
    finally:
        bed.guest(cost % 0)


MANY = """
top=/sys/fs/cgroup/many
mkdir -p $top
echo '+cpu +memory +io +pids' > /sys/fs/cgroup/cgroup.subtree_control
echo '+cpu +memory +io +pids' > $top/cgroup.subtree_control
seq -f "$top/docker-%064.0f.scope" {0} | xargs mkdir
"""
NONE = "find /sys/fs/cgroup/many -depth -type d | xargs rmdir"


def own(bed, script):
    """What a script prints of the exporter, whose process is $pid."""
    return bed.guest(f"pid=$(systemctl show -P MainPID fast)\n{script}", 600)


def scrape_many(bed):
    """Whether all was told, of how many groups and in how many series, after how many calls that read."""
    output = own(bed, "calls() { grep syscr /proc/$pid/io | cut -d' ' -f2; }\nbefore=$(calls)\n"
                 f"curl -s -o /dev/shm/many -H 'X-Prometheus-Scrape-Timeout-Seconds: 60' http://127.0.0.1:{FAST}/metrics\n"
                 "echo $(($(calls) - before))\n"
                 "grep '^tallyman_scrape_complete ' /dev/shm/many; grep -c '^container_memory_rss{.*/many/' /dev/shm/many; "
                 "grep -c ^container_ /dev/shm/many; rm /dev/shm/many")
    calls, complete, groups, series = map(int, re.findall(r"\d+$", output, re.MULTILINE))
    return complete == 1, groups, series, calls


def time_many(bed):
    """Seconds from the request to the end of the reply, as Prometheus asks: what the client does with it is not its time."""
    return bed.guest("curl -s -o /dev/null -w '%{time_starttransfer} s, received after %{time_total} s, %{size_download} bytes' "
                     f"-H 'X-Prometheus-Scrape-Timeout-Seconds: 10' http://127.0.0.1:{FAST}/metrics")


def many_workloads(bed):
    """All of them, from the first scrape on; and once they are known no file is read of each. How long it takes is
    printed alone: on a machine that others use, too, it says little."""
    bed.guest(MANY.format(WORKLOADS), 600)
    start(bed, "fast", FAST, "--cgroups.max=20000")
    with bed.check("records", f"none of {WORKLOADS} workloads is left out"):
        scrapes = [scrape_many(bed) for _ in range(3)]
        for scrape in scrapes:
            print("# complete %s, %d groups, %d series, %d read calls" % scrape)
        support.equal([scrape[:2] for scrape in scrapes], [(True, WORKLOADS)] * 3)
        calls = [scrape[3] for scrape in scrapes[1:]]  # what else is in the machine has processes, and is read
        require(max(calls) < WORKLOADS / 2, f"{calls} read calls")
        for _ in range(5):
            print(f"# read in {time_many(bed)}")
    with bed.check("records", f"memory and descriptors for {WORKLOADS} workloads"):
        memory, descriptors = map(int, own(bed, "grep VmHWM /proc/$pid/status | tr -dc '0-9\\n'\nls /proc/$pid/fd | wc -l").split())
        print(f"# {memory / 1e3:.0f} MB at most, {descriptors} descriptors")
        require(memory < 16 * WORKLOADS, f"{memory} kB")
        require(descriptors < 1.1 * WORKLOADS, f"{descriptors} descriptors")
    stop(bed, "fast")
    bed.guest(NONE, 600)


def test(bed):
    bed.machine.push({"records.sh": HERE / "records.sh", "reads.pl": HERE / "reads.pl"}, "/tallyman")
    bed.guest("/tallyman/records.sh start")
    start(bed, "files", FILES, "--cgroups.fast-path=off")
    start(bed, "fast", FAST, "--cgroups.fast-path=auto")
    texts(bed, FAST)
    with bed.check("records", "counters lie between the files before and after"):
        last = {}
        compared = [check_between(bed, last) for _ in range(ROUNDS)]
        require(min(compared) > 150, f"{compared} counters")
    left = left_by_kernel(bed)
    with bed.check("records", "what records have is not read from files"):
        check_reads_busy(bed, left)
    bed.guest("/tallyman/records.sh freeze")
    stop(bed, "fast")
    start(bed, "fast", FAST, "--cgroups.fast-path=auto")
    with bed.check("records", "all is equal when nothing runs"):
        texts(bed, FAST, FAST)
        first, text, after = texts(bed, FILES, FAST, FILES)
        before, told, then = series(first), series(text), series(after)
        require(reader(text) == "1", "files are read")
        still = {key: value for key, value in before.items() if then.get(key) == value}
        moved = {key for key in set(before) ^ set(still) if "_ratio" not in key[0]}
        print(f"# {len(still)} series stand still, moved: {sorted(moved)}")
        require(len(still) > 400 and len(moved) < 20, f"{len(still)} stand still, {len(moved)} do not")
        support.equal({key: (value, told.get(key)) for key, value in still.items() if told.get(key) != value}, {})
        support.equal({key for key in told if key not in before and key not in then}, set(), "records without files")
    with bed.check("records", "what records have is not read from files when nothing runs"):
        check_reads_still(bed, left)
    with bed.check("records", "what stays with files that need not is said, and why"):
        check_said(bed, left)
    with bed.check("records", "the work met what records have"):
        most = {}
        for (name, _), value in told.items():
            most[name] = max(most.get(name, 0), float(value))
        support.equal({name: (most.get(name), least) for name, least in USED.items()
                       if most.get(name) is None or most[name] < least}, {})
    with bed.check("records", "the exporter's own comparison"):
        text = texts(bed, FAST)[0]
        require(total(text, "tallyman_cgroup_records_compared_total") > 100, "little was compared")
        support.equal(total(text, "tallyman_cgroup_records_wrong_total"), 0)
    bed.guest("echo 0 > /sys/fs/cgroup/records/cgroup.freeze")
    with bed.check("records", "nothing falls when the reader changes"):
        stop(bed, "fast")
        bed.guest("mkdir -p /run/fast; echo 'cgroups: {fast-path: auto}' > /run/fast/config.yml")
        start(bed, "fast", FAST, "--config.file=/run/fast/config.yml")
        texts(bed, FAST)
        last, readers = {}, set()
        for flip in range(FLIPS):
            choice = ("off", "auto")[flip % 2]
            bed.guest(f"echo 'cgroups: {{fast-path: \"{choice}\"}}' > /run/fast/config.yml; systemctl kill -s HUP fast; "
                      "sleep 0.5")
            for text in texts(bed, FAST, FAST):
                names = counters(text)
                readers.add(reader(text))
                for key, value in series(text).items():
                    if key[0] in names:
                        require(float(value) >= last.get(key, 0), f"{key} fell from {last.get(key)} to {value}")
                        last[key] = float(value)
        support.equal(readers, {"0", "1"})
    stop(bed, "fast")
    stop(bed, "files")
    bed.guest("/tallyman/records.sh end")
    if support.long_run() and beds.KERNEL == "6.12":
        many_workloads(bed)


if __name__ == "__main__":
    # The newest kernel's machine has none of the runtimes, which nothing here needs.
    beds.main(test, beds.only(), steps="10-*" if beds.KERNEL == "sid" else None)
