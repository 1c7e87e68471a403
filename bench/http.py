# SPDX-License-Identifier: Apache-2.0
"""What a whole scrape costs the exporter, from the request's first byte to the reply's last: CPU time
of all its threads, by the scheduler's clock. The codings take turns; on real groups also with a process
that only reads the files of each group by kept descriptors, which is what a scrape without kernel
programs cannot do without."""

import statistics
import time

from bench.support import tree
from bench.support.daemon import (FIRST_PORT, WITHOUT_PROBES, Daemon, Workloads, figure, note,
                                  raise_fd_limit)

WORKLOADS = 1000
ROUNDS = 15
CODINGS = ["identity", "gzip", "zstd"]
WHOLE_MS = 10  # of identity: 1,000 workloads with 100 series each
SETTLE_S = 12  # a runtime's files are looked for in each scrape of a group's first ten seconds


def count_series(body):
    return sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))


def measure(daemon, coding):
    """ms of CPU of one scrape, and the reply."""
    before = daemon.cpu_ns()
    body = daemon.scrape(coding)
    return (daemon.cpu_ns() - before) / 1e6, body


def settle(*daemons):
    for _ in range(SETTLE_S):
        for daemon in daemons:
            daemon.scrape()
        time.sleep(1)


def scrapes(where, flags, groups=None):
    cost = {coding: [] for coding in CODINGS}
    replies, floor, ratio, without = {}, [], [], []
    with Daemon(*flags) as daemon, Daemon(*flags, *WITHOUT_PROBES, port=FIRST_PORT + 1) as files:
        settle(daemon, files)
        for _ in range(ROUNDS):
            for coding in CODINGS:
                if groups:
                    groups.tell("dirty")
                ms, replies[coding] = measure(daemon, coding)
                cost[coding].append(ms)
            if groups:
                groups.tell("dirty")
                without.append(measure(files, "identity")[0])
                groups.tell("dirty")
                floor.append(int(groups.tell("floor")) / 1e6)
                ratio.append(cost["identity"][-1] / floor[-1])
    for coding in CODINGS:
        low, high = min(cost[coding]), max(cost[coding])
        note(f"{where}, {coding}: {low:.1f} to {high:.1f} ms")
        figure(f"http/{where}/{coding}", statistics.median(cost[coding]), "ms", runs=ROUNDS,
               method="CPU time of the exporter for one scrape, median of interleaved scrapes")
        figure(f"http/{where}/{coding}_size", len(replies[coding]) / 1e6, "MB", runs=ROUNDS, method="the reply")
    figure(f"http/{where}/series", count_series(replies["identity"]) / WORKLOADS, "series/workload",
           method="of one reply; the bar of a whole scrape is for 100")
    if groups:
        figure(f"http/{where}/whole", statistics.median(cost["identity"]), "ms", WHOLE_MS, runs=ROUNDS,
               method="identity, against the bar for 1,000 workloads")
        figure(f"http/{where}/without_probes", statistics.median(without), "ms", runs=ROUNDS,
               method="the same without the sources that have programs in the kernel, in the same rounds")
        figure(f"http/{where}/pread_floor", statistics.median(floor), "ms", runs=ROUNDS,
               method="control: up to six files of each group by pread on kept descriptors, in the same rounds")
        figure(f"http/{where}/whole_to_floor", statistics.median(ratio), "ratio", runs=ROUNDS,
               method="median of interleaved pairs")


def main():
    raise_fd_limit()
    with Workloads(WORKLOADS) as groups:
        scrapes("host", [f"--path.cgroupfs={groups.path}"], groups)
    scrapes("node", tree.make(WORKLOADS))


if __name__ == "__main__":
    main()
