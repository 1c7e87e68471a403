# SPDX-License-Identifier: Apache-2.0
"""What a whole scrape costs the exporter, from the request's first byte to the reply's last: CPU time
of all its threads, by the scheduler's clock. The codings take turns."""

import statistics

from bench.support import tree
from bench.support.daemon import Daemon, Workloads, figure, note, raise_fd_limit

WORKLOADS = 1000
ROUNDS = 15
CODINGS = ["identity", "gzip", "zstd"]


def scrapes(where, flags):
    cost = {coding: [] for coding in CODINGS}
    size = {}
    with Daemon(*flags) as daemon:
        for _ in range(6):
            daemon.scrape()
        for _ in range(ROUNDS):
            for coding in CODINGS:
                before = daemon.cpu_ns()
                size[coding] = len(daemon.scrape(coding)) / 1e6
                cost[coding].append((daemon.cpu_ns() - before) / 1e6)
    for coding in CODINGS:
        low, high = min(cost[coding]), max(cost[coding])
        note(f"{where}, {coding}: {low:.1f} to {high:.1f} ms")
        figure(f"http/{where}/{coding}", statistics.median(cost[coding]), "ms", runs=ROUNDS,
               method="CPU time of the exporter for one scrape, median of interleaved scrapes")
        figure(f"http/{where}/{coding}_size", size[coding], "MB", runs=ROUNDS, method="the reply")


def main():
    raise_fd_limit()
    with Workloads(WORKLOADS) as groups:
        scrapes("host", [f"--path.cgroupfs={groups.path}"])
    scrapes("node", tree.make(WORKLOADS))


if __name__ == "__main__":
    main()
