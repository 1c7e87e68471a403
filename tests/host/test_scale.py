#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial timeout=300
"""More cgroups than descriptors: everything is served nevertheless, within RLIMIT_NOFILE; where descriptors
run out, that is counted, and passes."""

import contextlib
import http.client
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402

GROUPS, PROCESSES = 600, 20
LIMIT, CONNECTIONS = 2800, 650  # a quarter may be connections
FEW = 800  # of them 512 are for everything else; the groups alone have 600 directories and 2,400 kept files


@contextlib.contextmanager
def crowd():
    """Many cgroups, a process in some of them."""
    with support.Cgroup() as top, contextlib.ExitStack() as stack:
        for number in range(GROUPS):
            group = stack.enter_context(support.Cgroup(f"docker-{number:064x}.scope", top))
            if number < PROCESSES:
                group.run(["sleep", "600"])
        yield top


def exporter(top, limit):
    """One that may open so many files, and looks at the crowd alone. Records would need hardly any."""
    return support.Daemon("--web.min-scrape-interval=0s", f"--path.cgroupfs={top.path}", "--cgroups.fast-path=off",
                          through=["prlimit", f"--nofile={limit}:{limit}", "--"])


def series(samples):
    """What is told of groups, by name and labels: all but what differs from scrape to scrape."""
    return {(name, tuple(sorted(sample.labels.items())))
            for name, found in samples.items() if name.startswith("container_") for sample in found
            if "id" in sample.labels}


def own(samples, name):
    return float(support.value(samples, name))


def check_whole(samples, wanted):
    support.equal(own(samples, "tallyman_scrape_complete"), 1)
    missing = wanted - series(samples)
    support.equal(sorted(missing)[:3], [], f"{len(missing)} series are missing")
    told = {s.labels["id"]: float(s.value) for s in samples["container_processes"]}
    support.equal(sum(told.values()), PROCESSES, "processes")
    support.equal(len(told), GROUPS + 1)


def kept(samples):
    """Series that come from files of the groups: present while files can be opened."""
    return {(name, labels) for name, labels in series(samples)
            if name.startswith(("container_cpu_", "container_pressure_", "container_last_seen"))}


def test_few_descriptors():
    """From the start: then less is kept open, and no limit is reached."""
    with crowd() as top:
        with exporter(top, 20000) as daemon:
            daemon.metrics()
            wanted = kept(daemon.metrics())
            many = daemon.fds()
        if len(wanted) < 10 * GROUPS or many < 3 * GROUPS:
            raise AssertionError(f"{len(wanted)} series, {many} descriptors: this compares nothing")
        with exporter(top, FEW) as daemon:
            for _ in range(3):
                samples = daemon.metrics()
                check_whole(samples, wanted)
                if daemon.fds() > FEW:
                    raise AssertionError(f"{daemon.fds()} descriptors are open of {FEW}")
            support.equal(own(samples, "process_max_fds"), FEW)
            support.equal(own(samples, "tallyman_fds_exhausted_total"), 0)
            print(f"# {many} descriptors without a limit, {daemon.fds()} with one of {FEW}")


def connect(daemon):
    """A connection that has asked for something, and stays."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    connection.request("GET", "/-/healthy")
    support.equal(connection.getresponse().read() and True, True)
    return connection


def test_descriptors_run_out():
    """Connections take more than is set aside for them: of what was kept some is given back, that is counted,
    and all is told nevertheless."""
    with crowd() as top, contextlib.ExitStack() as stack:
        with exporter(top, 20000) as daemon:
            daemon.metrics()
            wanted = kept(daemon.metrics())
        daemon = stack.enter_context(exporter(top, LIMIT))
        for _ in range(CONNECTIONS):
            stack.callback(connect(daemon).close)
        for _ in range(3):
            samples = daemon.metrics()
            check_whole(samples, wanted)
        exhausted = own(samples, "tallyman_fds_exhausted_total")
        print(f"# {daemon.fds()} descriptors of {LIMIT}, exhausted {exhausted:.0f} times")
        if not 1 <= exhausted <= 10:
            raise AssertionError(f"exhausted {exhausted:.0f} times")


if __name__ == "__main__":
    support.main(globals())
