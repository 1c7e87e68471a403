#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain serial timeout=900
"""Many scrapes while cgroups come and go: memory and descriptors stay what they were."""

import collections

import support

ACCEPTS = [
    "text/plain; version=0.0.4",
    "application/openmetrics-text; version=1.0.0",
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
]
# What the allocator may take more without there being a leak; a leak of 30 bytes per scrape is over
# it in the long run, and one of 600 bytes in the short one.
SLACK = 256 * 1024
NAMES = 300
# Scrapes with two cgroups each, until all that is kept of those that have gone (some thousand events,
# what is looked into for ten seconds) is as large as it gets.
WARM_UP = 3500
# What is done once a minute has memory of its own, half a megabyte when it comes first: a leak grows in each of these.
PERIODS = 5


class Churn:
    """At most `size` cgroups below one of ours; each step makes two and removes the two oldest."""

    def __init__(self, parent, size):
        self.parent = parent
        self.size = size
        self.made = 0
        self.groups = collections.deque()

    def step(self):
        for _ in range(2):
            # Names of several lengths, with and without a process, some with characters to escape. They
            # recur: what is remembered of workloads that have gone is bounded by their number.
            name = self.made % NAMES
            name = f"docker-{name:064x}.scope" if name % 3 else f'odd "{name}"\t\\'
            group = support.Cgroup(name, self.parent).__enter__()
            if self.made % 20 == 0:
                group.run(["sleep", "600"])
            self.groups.append(group)
            self.made += 1
        while len(self.groups) > self.size:
            self.groups.popleft().remove()

    def remove(self):
        while self.groups:
            self.groups.popleft().remove()


def scrape(daemon, number):
    headers = {"Accept": ACCEPTS[number % len(ACCEPTS)]}
    if number % 2:
        headers["Accept-Encoding"] = "gzip;q=1"  # a neighbour that does not weigh gets plain bytes
    support.equal(daemon.get("/metrics", headers).status, 200)
    if number % 10 == 0:
        support.equal(daemon.get("/api/v1/workloads").status, 200)


def test_memory_and_descriptors_stay():
    scrapes = 10000 if support.long_run() else 600
    grown = []
    # Only what is below our own cgroup, so that nothing else on this host moves the figures.
    with support.Cgroup() as parent, support.Daemon("--web.min-scrape-interval=0s",
                                                    f"--path.cgroupfs={parent.path}") as daemon:
        for number in range(20):
            scrape(daemon, number)
        fds_before = daemon.fds()
        churn = Churn(parent, 60)
        try:
            for number in range(WARM_UP):
                churn.step()
                scrape(daemon, number)
            while len(grown) < PERIODS and (not grown or grown[-1] > SLACK):
                early = daemon.rss_anon()
                for number in range(scrapes):
                    churn.step()
                    scrape(daemon, number)
                grown.append(daemon.rss_anon() - early)
        finally:
            churn.remove()
        for number in range(3):
            scrape(daemon, number)
        print(f"# {churn.made} cgroups; growth of RssAnon in {scrapes} scrapes: {grown} bytes;"
              f" {fds_before} descriptors before, {daemon.fds()} after")
        if grown[-1] > SLACK:
            raise AssertionError(f"RssAnon of {early} bytes grew by {grown} bytes, in {scrapes} scrapes each time")
        if daemon.fds() > fds_before + 2:
            raise AssertionError(f"{fds_before} descriptors before, {daemon.fds()} after")


if __name__ == "__main__":
    support.main(globals())
