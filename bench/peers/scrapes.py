# SPDX-License-Identifier: Apache-2.0
"""Exporters side by side over the same cgroups (bench/peers/meter.py). On this machine they see a
hierarchy of their own: a cgroup namespace without what others do, and cgroup v2 where a hybrid host has
v1. In a virtual machine they see all of v2's controllers and the containers of all runtimes, but it is
emulated, so times there are many times those of a real one, and only ratios say something."""

import os
import pathlib
import statistics
import subprocess
import sys

from bench.support.daemon import BUILD, FULL, ROOT, figure, note

sys.path.append(str(ROOT / "tests/vm"))
import vm  # noqa: E402

KERNEL = os.environ.get("KERNEL", "6.12")
PORT = os.environ.get("BENCH_PORT", "11500")
STAGE = BUILD / "peers/stage"
HOST_INTERVAL_S, VM_INTERVAL_S = 15, 30
ROUNDS = 9 if FULL else 5
CHEAP = ["tallyman", "tallyman-files", "node_exporter", "ebpf_exporter", "podman_exporter", "netdata", "pcp"]
# How many cgroups, and who looks at them. cAdvisor as it comes looks at each once a second, for which
# the emulated machine is too slow with more of them; Netdata and PCP have their places compiled in.
HOST_RUNS = [(n, ["tallyman", "tallyman-files", "node_exporter", "cadvisor-10s", "cadvisor", "ebpf_exporter-some"])
             for n in (200, 1000)]
VM_RUNS = [(50, [*CHEAP, "cadvisor-10s", "cadvisor"]), (200, [*CHEAP, "cadvisor-10s"])]
COLUMNS = {"cpu_ms": "ms", "scrape_cpu_ms": "ms", "duration_ms": "ms", "series": "series", "bytes": "bytes",
           "RssAnon": "MB", "VmRSS": "MB", "maps_mb": "MB", "kernel_mb": "MB"}
FIGURES = ["cpu_ms", "duration_ms", "RssAnon", "maps_mb"]  # what bench/run is told; the rest is in a note
ALONE = """mkdir {top} && echo $$ > {top}/cgroup.procs && exec unshare -m -C sh -c 'mount --make-rprivate /
umount -l -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh "$@"
"""


def stage():
    """Name in the folder that the meter is given: file here."""
    return {str(p.relative_to(STAGE)): p for p in STAGE.rglob("*") if p.is_file() or p.is_symlink()}


def parsed(where, workloads, output):
    """{(exporter, key): values}; what else was said is a note."""
    found = {}
    for line in output.splitlines():
        name, key, *values = line.split()
        if key in COLUMNS:
            found[name, key] = [float(v) for v in values]
        else:
            note(f"{where}, {workloads} cgroups, {line}")
    return found


def report(where, workloads, interval, found):
    names = list(dict.fromkeys(name for name, _ in found))
    note(f"{where}, {workloads} cgroups, a scrape each {interval} s:")
    note("  ".join(["exporter".ljust(16), *(c.rjust(13) for c in COLUMNS)]))
    for name in names:
        cells = [f"{statistics.median(found[name, c]):,.1f}" if (name, c) in found else "" for c in COLUMNS]
        note("  ".join([name.ljust(16), *(c.rjust(13) for c in cells)]))
    for (name, key), values in found.items():
        if key not in FIGURES:
            continue
        figure(f"peers/{where}/{workloads}/{name}/{key.lower()}", statistics.median(values), COLUMNS[key],
               runs=ROUNDS, method=f"side by side, one scrape each {interval} s")


def here():
    unified = pathlib.Path("/sys/fs/cgroup/unified")
    mount = unified if unified.exists() else unified.parent
    for name in "tallyman", "bench/workloads":
        target = STAGE / pathlib.Path(name).name
        target.unlink(missing_ok=True)
        target.symlink_to(BUILD / name)
    for workloads, names in HOST_RUNS:
        top = mount / f"tallyman-peers-{os.getpid()}"
        meter = [sys.executable, pathlib.Path(__file__).with_name("meter.py"), STAGE, str(workloads), str(ROUNDS),
                 str(HOST_INTERVAL_S), PORT, *names]
        try:
            output = subprocess.run(["sh", "-c", ALONE.format(top=top), "sh", *meter], stdout=subprocess.PIPE,
                                    text=True, check=True).stdout
        finally:
            top.rmdir()
        report("host", workloads, HOST_INTERVAL_S, parsed("host", workloads, output))


def in_a_machine():
    where = f"vm-{KERNEL}"
    with vm.restored(KERNEL) as machine:
        machine.push(stage() | {"tallyman": BUILD / "tallyman", "workloads": BUILD / "bench/workloads",
                                "meter.py": pathlib.Path(__file__).with_name("meter.py")}, "/peers")
        machine.succeed("tar -C /peers/root -c . | tar -C / -x --keep-directory-symlink --skip-old-files && ldconfig")
        for workloads, names in VM_RUNS:
            output = machine.succeed(f"python3 /peers/meter.py /peers {workloads} {ROUNDS} {VM_INTERVAL_S} 11300 "
                                     + " ".join(names), 3600)
            report(where, workloads, VM_INTERVAL_S, parsed(where, workloads, output))
