# SPDX-License-Identifier: Apache-2.0
"""Very many workloads on one host: what a scrape of them takes, and what the exporter holds for them. Real
cgroups with a process in each, and a scrape as Prometheus makes it, with its default time-out. And the same
for what this host itself has."""

import re
import statistics
import time

from bench.support.daemon import Daemon, Workloads, figure, note, raise_fd_limit

SIZES = [1000, 2500, 5000, 10000]
ROUNDS = 5
WARM_UPS = 3
TIMEOUT_S = 10  # Prometheus' default
OWN_MS = 100
MIB = 1024 * 1024


def scrape(daemon):
    """CPU ms, seconds, and the text."""
    before, start = daemon.cpu_ns(), time.monotonic()
    status, body = daemon.get(headers={"X-Prometheus-Scrape-Timeout-Seconds": str(TIMEOUT_S)})
    if status != 200:
        raise RuntimeError(f"a scrape was answered with {status}")
    return (daemon.cpu_ns() - before) / 1e6, time.monotonic() - start, body.decode()


def value(text, name):
    return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])


def measure(groups, number):
    """Bytes of the exporter's own and of the kernel's memory with so many groups."""
    groups.tell(f"grow {number}")
    cpu, seconds = [], []
    with Daemon(f"--path.cgroupfs={groups.path}", "--cgroups.max=20000") as daemon:
        for _ in range(WARM_UPS):
            daemon.scrape()
        for _ in range(ROUNDS):
            groups.tell("dirty")
            ms, took, text = scrape(daemon)
            cpu.append(ms)
            seconds.append(took)
        anon, fds = daemon.status("RssAnon"), daemon.open_fds()
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    seen = len(re.findall(r"^container_last_seen\{.*docker-", text, re.M))
    kernel = value(text, "tallyman_cgroup_fd_kernel_memory_bytes")
    note(f"{number}: {seen} of them, {series} series, {len(text) / 1e6:.1f} MB of text, {fds} descriptors of "
         f"{value(text, 'process_max_fds'):.0f}, RssAnon {anon / MIB:.1f} MiB")
    figure(f"scale/{number}/cpu", statistics.median(cpu), "ms", runs=ROUNDS, method="CPU time of one scrape, identity")
    figure(f"scale/{number}/time", max(seconds), "s", TIMEOUT_S, runs=ROUNDS,
           method="the longest scrape, from the request to the end of the reply")
    figure(f"scale/{number}/left_out", number - seen + (value(text, "tallyman_scrape_complete") != 1), "workloads", 0,
           method="groups that are not in the last scrape, or that it was not complete")
    figure(f"scale/{number}/rss_anon", anon / 1e6, "MB", method="RssAnon behind the scrapes")
    figure(f"scale/{number}/fd_kernel", kernel / 1e6, "MB", method="tallyman_cgroup_fd_kernel_memory_bytes")
    figure(f"scale/{number}/fds", fds, "fds", value(text, "process_max_fds"), method="entries of /proc/PID/fd")
    return anon


def main():
    raise_fd_limit()
    with Daemon() as daemon:
        for _ in range(WARM_UPS):
            daemon.scrape()
        cpu = [scrape(daemon) for _ in range(ROUNDS)]
    figure("scale/own/cpu", statistics.median(ms for ms, _, _ in cpu), "ms", OWN_MS, runs=ROUNDS,
           method="CPU time of one scrape of what this host has")
    figure("scale/own/workloads", len(re.findall(r"^container_last_seen\{", cpu[-1][2], re.M)), "workloads",
           method="of these")
    with Workloads(SIZES[0]) as groups:
        anon = [measure(groups, number) for number in SIZES]
    figure("scale/rss_anon_r_squared", statistics.correlation(SIZES, anon) ** 2, "", 0.98, better="higher", runs=len(SIZES),
           method="straight line through RssAnon at all sizes: 1 is a straight line")
    figure("scale/rss_anon_each", (anon[-1] - anon[0]) / (SIZES[-1] - SIZES[0]) / 1000, "kB/workload", runs=len(SIZES),
           method="from the smallest size to the largest")


if __name__ == "__main__":
    main()
