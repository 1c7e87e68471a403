# SPDX-License-Identifier: Apache-2.0
"""What the exporter holds: its own memory, the kernel's memory behind its descriptors, and whether
either grows. On real cgroups, and on 1,000 copies of cgroup directories of a Kubernetes node, because
a host with controllers on cgroup v1 has only a part of the files."""

import statistics
import time

from bench.support import tree
from bench.support.daemon import FULL, WITHOUT_PROBES, Daemon, Workloads, figure, kernel_memory, note, raise_fd_limit

WORKLOADS = 1000
MIB = 1024 * 1024
STARTS = 3
CHURN_GROUPS, CHURN_EACH = 40, 10
CHURN_SCRAPES = 10000 if FULL else 1000
# Until as many groups have gone as are remembered: 10,000 keys of counters and 4,096 events. What has
# gone is also looked into for thirty seconds, so as many as go in that time are remembered beside.
FILL_SCRAPES = 300
FILL_S = 40
IDLE_S = 30
SETTLE_S = 20 # new groups are looked at for ten seconds after they were first seen


def hold(where, flags, barred):
    """Anonymous memory after three scrapes and while gzip is made, and open descriptors."""
    rest, peak, fds, kernel, estimate = [], [], [], [], []
    for _ in range(STARTS):
        with Daemon(*flags) as daemon:
            for _ in range(3):
                body = daemon.scrape()
            rest.append(daemon.status("RssAnon") / MIB)
            daemon.forget_peak()
            daemon.scrape("gzip")
            peak.append(daemon.peak_anon() / MIB)
            fds.append(daemon.open_fds())
            estimate.append(daemon.value("tallyman_cgroup_fd_kernel_memory_bytes") / MIB)
            time.sleep(0.5)
            before = kernel_memory()
            daemon.stop()
            time.sleep(0.5)
            kernel.append((before - kernel_memory()) / MIB)
    series = sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))
    note(f"{where}: {series} series in {len(body) / 1e6:.1f} MB of text; RssAnon {min(rest):.1f} to "
         f"{max(rest):.1f} MiB, while sending gzip {min(peak):.1f} to {max(peak):.1f} MiB; "
         f"SUnreclaim fell by {min(kernel):.1f} to {max(kernel):.1f} MiB at exit")
    mb = MIB / 1e6
    figure(f"memory/{where}/rss_anon", statistics.median(rest) * mb, "MB", 25, runs=STARTS,
           method="RssAnon after 3 scrapes of all default families")
    figure(f"memory/{where}/rss_anon_gzip_peak", statistics.median(peak) * mb, "MB",
           25 if barred else None, runs=STARTS, method="largest RssAnon during a scrape with gzip")
    figure(f"memory/{where}/fd_kernel_estimated", statistics.median(estimate) * mb, "MB", 30,
           runs=STARTS, method="tallyman_cgroup_fd_kernel_memory_bytes")
    if where == "host": # only files of kernfs have buffers
        figure(f"memory/{where}/fd_kernel_measured", statistics.median(kernel) * mb, "MB", 30,
               runs=STARTS, method="fall of SUnreclaim in /proc/meminfo when the exporter ends")
    figure(f"memory/{where}/fds", statistics.median(fds), "fds", runs=STARTS,
           method="entries of /proc/PID/fd")


def idle(flags):
    with Daemon(*flags, "--no-collector.filesystem", *WITHOUT_PROBES) as daemon:
        for _ in range(3):
            daemon.scrape()
        time.sleep(SETTLE_S)
        ticks, ns = daemon.cpu_ticks(), daemon.cpu_ns()
        time.sleep(IDLE_S)
        figure("memory/idle_ticks", daemon.cpu_ticks() - ticks, "ticks", 0,
               method=f"utime + stime over {IDLE_S} s without a scrape, probes and layer sizes off")
        figure("memory/idle_ns", (daemon.cpu_ns() - ns) / IDLE_S, "ns/s",
               method="the same by the scheduler's clock")


def growth():
    """Scrapes while groups come and go. What is remembered of those that have gone is filled first,
    and the first tenth fills what is allocated once."""
    anon = []
    with Workloads(CHURN_GROUPS) as groups, Daemon(f"--path.cgroupfs={groups.path}") as daemon:
        daemon.scrape()
        empty = daemon.status("RssAnon")
        for _ in range(FILL_SCRAPES):
            groups.tell(f"replace {CHURN_GROUPS}")
            daemon.scrape()
        end = time.monotonic() + FILL_S
        while time.monotonic() < end:
            groups.tell(f"replace {CHURN_EACH}")
            daemon.scrape()
        full = daemon.status("RssAnon")
        for i in range(CHURN_SCRAPES):
            groups.tell(f"replace {CHURN_EACH}")
            daemon.scrape()
            if i == CHURN_SCRAPES // 10:
                first_fds = daemon.open_fds()
            if i >= CHURN_SCRAPES // 10:
                anon.append(daemon.status("RssAnon"))
        fds = daemon.open_fds() - first_fds
    note(f"growth: {CHURN_SCRAPES} scrapes, {CHURN_EACH} of {CHURN_GROUPS} groups replaced before "
         f"each: RssAnon from {anon[0] // 1024} to {anon[-1] // 1024} KiB, "
         f"{min(anon) // 1024} to {max(anon) // 1024} KiB")
    figure("memory/remembered", (full - empty) / 1e6, "MB", method="rise of RssAnon while more "
           f"than {FILL_SCRAPES * CHURN_GROUPS} groups came and went: more than are remembered")
    figure("memory/growth", statistics.linear_regression(range(len(anon)), anon).slope / CHURN_EACH, "bytes/group",
           8 if FULL else 16,
           runs=CHURN_SCRAPES, method="slope of RssAnon after the first tenth, for each group that "
           "came and went; a forgotten allocation would be 32 or more")
    figure("memory/growth_fds", abs(fds), "fds", 0, runs=CHURN_SCRAPES,
           method="difference of open descriptors over the same scrapes")


def main():
    raise_fd_limit()
    with Workloads(WORKLOADS) as groups:
        hold("host", [f"--path.cgroupfs={groups.path}"], False)
        idle([f"--path.cgroupfs={groups.path}"])
    flags = tree.make(WORKLOADS)
    hold("node", flags, True)
    growth()


if __name__ == "__main__":
    main()
