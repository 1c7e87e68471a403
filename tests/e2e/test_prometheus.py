#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout=600
"""Prometheus itself as judge: promtool, the reference parser, and real servers 2.x and 3.x that
scrape the exporter, whose stored values are compared with the kernel's files."""

import collections
import pathlib
import re

from prometheus_client.openmetrics.parser import text_string_to_metric_families

import prometheus
import support

FIXTURE = "debian-6.12"
ALLOWED = support.ROOT / "tests/promtool-allow.txt"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
KUBERNETES = {"namespace": "monitoring", "pod": "tallyman-abcde", "container": "tallyman"}

# What the files mean, said again here: (metric, further labels, file, key or None, units per base unit).
# A key of a nested file such as *.pressure is (line, field).
EXPECTED = [
    ("container_cpu_usage_seconds_total", {"cpu": "total"}, "cpu.stat", "usage_usec", 1e6),
    ("container_cpu_user_seconds_total", {}, "cpu.stat", "user_usec", 1e6),
    ("container_cpu_system_seconds_total", {}, "cpu.stat", "system_usec", 1e6),
    ("container_memory_usage_bytes", {}, "memory.current", None, 1),
    ("container_memory_max_usage_bytes", {}, "memory.peak", None, 1),
    ("container_memory_swap", {}, "memory.swap.current", None, 1),
    ("container_memory_cache", {}, "memory.stat", "file", 1),
    ("container_memory_rss", {}, "memory.stat", "anon", 1),
    ("container_memory_mapped_file", {}, "memory.stat", "file_mapped", 1),
    ("container_memory_kernel_usage", {}, "memory.stat", "kernel", 1),
    ("container_memory_total_inactive_file_bytes", {}, "memory.stat", "inactive_file", 1),
    ("container_memory_failures_total", {"failure_type": "pgfault", "scope": "hierarchy"},
     "memory.stat", "pgfault", 1),
    ("container_memory_events_high_total", {}, "memory.events", "high", 1),
    ("container_memory_events_max_total", {}, "memory.events", "max", 1),
    ("container_threads", {}, "pids.current", None, 1),
    ("container_pressure_cpu_waiting_seconds_total", {}, "cpu.pressure", ("some", "total"), 1e6),
    ("container_pressure_memory_waiting_seconds_total", {}, "memory.pressure", ("some", "total"), 1e6),
    ("container_pressure_memory_stalled_seconds_total", {}, "memory.pressure", ("full", "total"), 1e6),
    ("container_pressure_io_waiting_seconds_total", {}, "io.pressure", ("some", "total"), 1e6),
    ("container_pressure_io_stalled_seconds_total", {}, "io.pressure", ("full", "total"), 1e6),
]


def of_fixture():
    """All that the exporter can say of a fixture."""
    return [*support.fixture(FIXTURE), *support.everything()]


def of_host():
    return support.everything()


EXPORTERS = [of_fixture, of_host]


def read_expected(directory, file, key):
    """The raw integer, or None where the kernel gives none."""
    try:
        lines = (directory / file).read_text().splitlines()
    except OSError:
        return None
    if key is None:
        return int(lines[0]) if lines and lines[0].isdigit() else None
    for line in lines:
        words = line.split()
        if isinstance(key, tuple) and words[0] == key[0]:
            return int(dict(word.split("=") for word in words[1:])[key[1]])
        if words[0] == key:
            return int(words[1])
    return None


def key_of(labels, *without):
    return frozenset((name, value) for name, value in labels.items() if value and name not in without)


def compare_with_files(server, job, root, ids):
    """Every expected metric of these cgroups is stored with exactly the file's value, or absent."""
    compared = 0
    for metric, labels, file, key, scale in EXPECTED:
        selector = "".join(f',{name}="{value}"' for name, value in labels.items())
        stored = collections.defaultdict(list)
        for series, number in server.query(f'{metric}{{job="{job}"{selector}}}'):
            stored[series["id"]].append(float(number))
        for cgroup in ids:
            raw = read_expected(support.files_of(root / cgroup.lstrip("/")), file, key)
            if raw is None and cgroup == "/":
                continue  # the root has no such file; what stands for it comes from procfs
            wanted = [] if raw is None else [raw / scale]
            support.equal(stored.get(cgroup, []), wanted, f"{metric} of {cgroup} ({file})")
            compared += raw is not None
    return compared


def fixture_ids(server, job):
    """The cgroups that the exporter showed of a fixture."""
    return sorted({series["id"] for series, _ in server.query(
        f'{{job="{job}",__name__=~"container_.+",id!=""}}')})


def compare_with_text(server, job, daemon, without=()):
    """Every series of the text format that stands still is stored with its value, and no other is."""
    text = daemon.metrics()
    stored = {}
    for series, number in server.query(f'{{job="{job}",__name__=~"container_.+|machine_.+"}}'):
        stored[key_of(series, "job", "instance", *without)] = number
    volatile = ("container_last_seen",)
    for name, samples in text.items():
        if not re.match("container_|machine_", name) or name in volatile:
            continue
        for sample in samples:
            key = key_of({**sample.labels, "__name__": name}, *without)
            if key not in stored:
                raise AssertionError(f"not stored: {name} {sample.labels}")
            support.equal(float(stored.pop(key)), float(sample.value), f"{name} {sample.labels}")
    left = [dict(key) for key in stored if dict(key)["__name__"] not in volatile]
    if left:
        raise AssertionError(f"{len(left)} series are stored that the text has not: {left[:3]}")


def check_scrapes(server, jobs):
    """All targets are up, every sample was taken, none refused."""
    for job in jobs:
        support.equal(server.scalar(f'min_over_time(up{{job="{job}"}}[10m])'), 1.0, f"up of {job}")
        scraped = server.scalar(f'scrape_samples_scraped{{job="{job}"}}')
        support.equal(server.scalar(f'scrape_samples_post_metric_relabeling{{job="{job}"}}'), scraped, job)
        stored = server.scalar(f'count({{job="{job}",__name__!~"up|scrape_.+"}})')
        support.equal(stored, scraped, f"series of {job} stored against scraped")
    support.equal(server.complaints(), [], "complaints of Prometheus")


def scrape_with(major, native):
    """One server that scrapes a fixture, this host, and this host as Kubernetes would."""
    prometheus.fetch(major)
    with support.Daemon(*support.fixture(FIXTURE)) as still, support.Daemon() as live:
        jobs = [prometheus.scrape_config("fixture", still.port),
                prometheus.scrape_config("live", live.port),
                prometheus.scrape_config("kubernetes", live.port, KUBERNETES, honor_labels=True)]
        with support.Cgroup() as group:
            group.run(["/bin/sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 600"])
            support.wait_for(lambda: "sleep" in pathlib.Path(
                f"/proc/{group.read('cgroup.procs').split()[0]}/comm").read_text(), "the work is done")
            group.freeze()
            # For names that no runtime tells it waits some seconds before it shows what outlives containers.
            support.wait_for(lambda: any(s.labels["kind"] == "container" for s in still.metrics().get(
                "container_oom_kills_total", ())), "containers without a name are shown", 60)
            with prometheus.Prometheus(major, jobs, native) as server:
                server.wait_scrapes(4)
                check_scrapes(server, [job["job_name"] for job in jobs])
                root = support.FIXTURES / FIXTURE / "cgroup"
                ids = fixture_ids(server, "fixture")
                if compare_with_files(server, "fixture", root, ids) < 100:
                    raise AssertionError(f"too little compared: {ids}")
                compare_with_text(server, "fixture", still)
                for job in ("live", "kubernetes"):
                    if not compare_with_files(server, job, support.cgroup2_mount(), [group.id]):
                        raise AssertionError("nothing compared on this host")
                # What the exporter says of a workload is never replaced by labels of its own target.
                for series, _ in server.query('container_cpu_usage_seconds_total{job="kubernetes"}'):
                    for label, mine in KUBERNETES.items():
                        if series.get(label) == mine:
                            raise AssertionError(f"{series} carries the target's {label}")
                support.equal(server.scalar('count(tallyman_build_info{job="kubernetes",pod="tallyman-abcde"})'), 1.0,
                              "series of the exporter itself carry its target's labels")
                used = server.scalar('max(tallyman_http_requests_total{job="fixture",code="200"})')
                if not used:
                    raise AssertionError("no requests were counted")


def test_prometheus_2():
    scrape_with(2, False)


def test_prometheus_2_native_histograms():
    scrape_with(2, True)


def test_prometheus_3():
    scrape_with(3, False)


def test_prometheus_3_native_histograms():
    scrape_with(3, True)


def lint(major):
    """promtool finds nothing but what the list allows, and everything that the list allows."""
    prometheus.fetch(major)
    allowed = {}
    for line in ALLOWED.read_text().splitlines():
        if line and not line.startswith("#"):
            allowed[line] = False
    contract = (support.ROOT / "docs/cadvisor-compatibility.md").read_text()
    foreign = [line for line in allowed if f"`{line.split()[0]}`" not in contract]
    support.equal(foreign, [], "lines that are no name of cAdvisor")
    outputs = []
    for arguments in EXPORTERS:
        with support.Daemon(*arguments()) as daemon:
            outputs.append(daemon.get("/metrics").text)
    for text in outputs:
        status, found = prometheus.promtool(major, "check", "metrics", stdin=text)
        if status not in (0, 3):
            raise AssertionError(f"promtool ended with {status}: {found[:5]}")
        unknown = [line for line in found if line not in allowed]
        if unknown:
            raise AssertionError("promtool found:\n" + "\n".join(unknown))
        for line in found:
            allowed[line] = True
    unused = [line for line, seen in allowed.items() if not seen]
    if unused:
        raise AssertionError("tests/promtool-allow.txt allows what is not found:\n" + "\n".join(unused))


def test_promtool_2():
    lint(2)


def test_promtool_3():
    lint(3)


def test_reference_openmetrics_parser():
    """The reference parser takes it, families stand once each, and all is as in the text format."""
    for arguments in EXPORTERS:
        with support.Daemon(*arguments()) as daemon:
            response = daemon.get("/metrics", OPENMETRICS)
            support.equal(response.headers["Content-Type"].split(";")[0], "application/openmetrics-text")
            families = list(text_string_to_metric_families(response.text))
            names = [family.name for family in families]
            support.equal(len(names), len(set(names)), "families that stand once")
            without_help = [family.name for family in families if not family.documentation]
            support.equal(without_help, [], "families without help")
            series = set()
            for family in families:
                for sample in family.samples:
                    key = (sample.name, frozenset(sample.labels.items()))
                    if key in series:
                        raise AssertionError(f"twice: {key}")
                    series.add(key)
                    support.equal(sample.timestamp, None, "a sample's timestamp")
            text = {(name, frozenset(sample.labels.items()))
                    for name, samples in daemon.metrics().items() for sample in samples}
            # Requests that were counted in between may have brought series of their own.
            differ = {key for key in text ^ series if not re.match("tallyman_|process_", key[0])}
            if differ and arguments is not of_host:
                raise AssertionError(f"in one format only: {sorted(map(str, differ))[:5]}")


if __name__ == "__main__":
    support.main(globals())
