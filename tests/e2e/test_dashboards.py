#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=300
"""Every expression of every dashboard runs, at one time and over a range, on a real Prometheus 2.x and 3.x
that scrape the exporter, under one and under several jobs and clusters. That they show what containers do is
for tests/vm/test_dashboards.py to say."""

import sys
import time

import prometheus
import support

sys.path.insert(0, str(support.ROOT / "tests/dashboards"))
import grafana  # noqa: E402  pylint: disable=wrong-import-position

SPAN, STEP = 300, 15


class Answers:
    """What variables ask of a Prometheus."""

    def __init__(self, server):
        self.server = server

    def label_values(self, selector, label):
        return self.server.api(f"label/{label}/values", **{"match[]": selector, "start": time.time() - SPAN})


def run_all(server, wanted=()):
    """Runs everything; {dashboard and place: number of series}. A query that fails is an error."""
    found, failed, end = {}, [], time.time()
    for uid, dashboard in grafana.load().items():
        values = grafana.variables(dashboard, Answers(server), wanted, SPAN, STEP)
        for where, expression, instant in grafana.queries(dashboard):
            query = grafana.interpolate(expression, values)
            try:
                result = server.api("query", query=query, time=end)["result"]
                if not instant:
                    result = server.api("query_range", query=query, start=end - SPAN, end=end, step=STEP)["result"]
            except AssertionError as error:
                failed.append(f"{uid}: {where}: {error}")
                continue
            found[f"{uid}: {where}"] = len(result)
    if failed:
        raise AssertionError(f"{len(failed)} queries fail:\n" + "\n".join(failed))
    return found


def of(major, native):
    with support.Daemon(*support.fixture("debian-6.12"), *support.everything()) as still, \
            support.Daemon(*support.everything()) as live:
        one = {"cluster": "harbour", "node": "crane"}
        jobs = [prometheus.scrape_config("cadvisor", still.port, one, honor_labels=True),
                prometheus.scrape_config("other-name", live.port, {"cluster": "quay"}, honor_labels=True)]
        with prometheus.Prometheus(major, jobs, native) as server:
            server.wait_scrapes(5)
            found = run_all(server)
            if len(found) < 250:
                raise AssertionError(f"only {len(found)} queries")
            # What each Prometheus has, and what a captured host is known to do.
            for where in ("tallyman-fleet: Nodes up A", "tallyman-fleet: Nodes A", "tallyman-fleet: Workloads A",
                          "tallyman-self: Exporters B", "tallyman-self: Series by source A"):
                if not found.get(where):
                    raise AssertionError(f"nothing in {where}: {sorted(w for w, n in found.items() if not n)}")
            support.equal(server.scalar("count(count by (cluster) (tallyman_build_info))"), 2.0, "clusters")
            # A choice of a person: one cluster, one job, one node.
            choice = {"cluster": ["harbour"], "job": ["cadvisor"], "instance": [f"127.0.0.1:{still.port}"]}
            run_all(server, choice)


def test_prometheus_2():
    of(2, False)


def test_prometheus_3_with_native_histograms():
    of(3, True)


if __name__ == "__main__":
    support.main(globals())
