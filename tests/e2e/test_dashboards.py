#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=300
"""Every expression of every dashboard runs, at one time and over a range, on a real Prometheus 2.x and 3.x
that scrape the exporter, under one and under several jobs and clusters, in which nodes may have the same name,
with and without native histograms and recording rules. That they show what containers do is for
tests/vm/test_situations.py to say."""

import re
import sys
import time

import prometheus
import support

sys.path.insert(0, str(support.ROOT / "tests/dashboards"))
import grafana  # noqa: E402  pylint: disable=wrong-import-position

SPAN, STEP = 300, 15
RULES = sorted((support.ROOT / "dashboards/rules").glob("*.yaml"))


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
        live.metrics()  # probes are tried at first, which takes its time
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


def shown(server, dashboard, where, wanted):
    """The value of a panel with one number."""
    values = grafana.variables(dashboard, Answers(server), wanted, SPAN, STEP)
    query = next(expression for place, expression, _ in grafana.queries(dashboard) if place == where)
    return server.scalar(grafana.interpolate(query, values))


def rows(server, dashboard, where):
    """How many series a panel shows."""
    values = grafana.variables(dashboard, Answers(server), (), SPAN, STEP)
    query = next(expression for place, expression, _ in grafana.queries(dashboard) if place == where)
    return len(server.api("query", query=grafana.interpolate(query, values))["result"])


def test_clusters_with_the_same_names():
    """Nodes and jobs that are called the same in two clusters, and in one under a second job, are told apart by
    dashboards and rules; the jobs have no name that anybody expects, and a node has no cluster. What others export
    under the names of cAdvisor, and whether they are up, is nobody's business here."""
    with support.Daemon(*support.fixture("debian-6.12"), *support.everything()) as daemon:
        def job(name, cluster):
            labels = {"instance": "node-1", "__metrics_path__": "/metrics", **({"cluster": cluster} if cluster else {})}
            return {**prometheus.scrape_config(name, daemon.port, honor_labels=True),
                    "static_configs": [{"targets": [f"127.0.0.1:{daemon.port}"], "labels": labels}]}

        daemon.metrics()  # probes are tried at first, which takes its time
        jobs = [job("a-name", "harbour"), job("b-name", "harbour"), job("c-name", "")]
        jobs[0]["static_configs"] += job("a-name", "quay")["static_configs"]
        other = job("of-another", "quay")
        other["metric_relabel_configs"] = [
            {"source_labels": ["__name__"], "regex": "tallyman_.*|container_info", "action": "drop"}]
        jobs += [other, prometheus.scrape_config("of-nobody", 9)]
        with prometheus.Prometheus(2, jobs, rules=RULES) as server:
            support.wait_for(lambda: (server.scalar('min(sum_over_time(up{job!="of-nobody"}[1m]))') or 0) >= 3
                             and server.scalar("count(up)") == 6, "3 scrapes of each", 60)
            run_all(server)
            fleet = grafana.load()["tallyman-fleet"]
            one = shown(server, fleet, "Workloads A", {"cluster": ["quay"]})
            counts = {name: (shown(server, fleet, "Nodes up A", wanted), shown(server, fleet, "Workloads A", wanted))
                      for name, wanted in (("all", {}), ("harbour", {"cluster": ["harbour"]}),
                                           ("one job", {"cluster": ["harbour"], "job": ["b-name"]}))}
            if not one:
                raise AssertionError("no workload in one cluster")
            support.equal(counts, {"all": (4, 4 * one), "harbour": (2, 2 * one), "one job": (1, one)})
            support.equal(shown(server, fleet, "Nodes down A", {}), 0.0, "nodes down")
            limits = grafana.load()["tallyman-limits"]
            support.equal([rows(server, fleet, "Nodes A"), rows(server, fleet, "Nodes I"),
                           rows(server, limits, "Memory limits of containers against the host C")], [4, 4, 4], "nodes")
            support.wait_for(lambda: server.scalar("count(workload:container_memory_needed_bytes:sum)"), "recorded", 60)
            broken = [(rule["name"], rule.get("lastError")) for group in server.api("rules")["groups"]
                      for rule in group["rules"] if rule["health"] == "err"]
            support.equal(broken, [], "rules that fail")


def test_dashboards_need_no_recording_rules():
    recorded = re.findall(r"record: (\S+)", "".join(path.read_text() for path in RULES))
    used = [name for name in recorded for dashboard in grafana.load().values()
            for _, expression, _ in grafana.queries(dashboard) if name in expression]
    support.equal((used, len(recorded) > 5), ([], True))


if __name__ == "__main__":
    support.main(globals())
