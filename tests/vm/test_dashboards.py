#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain long timeout=900
"""The dashboards show what containers do: a real Prometheus scrapes the exporter in the machine while its
containers are under load, and every expression of every panel, annotation and variable returns data. What
cannot have data here stands in EMPTY with the reason. Prometheus is 2.x on Linux 6.1, and 3.x with native
histograms elsewhere."""

import math
import sys
import time

import bed as beds
import load
import prometheus
import support
from bed import require

sys.path.insert(0, str(support.ROOT / "tests/dashboards"))
import grafana  # noqa: E402  pylint: disable=wrong-import-position

SPAN, STEP, INTERVAL = 150, 10, "10s"
# Sources and rows that panels show and that are off by default.
FLAGS = ("--collector.tcp --metrics.enable=container_file_descriptors --metrics.enable=container_sockets")
# Metrics that have no data here, and why. An expression that names one may be empty.
EMPTY = {
    "container_fs_io_cost_": "iocost is off in the guest",
    "container_memory_zswap_": "no swap in the guest",
    'container_memory_swap{cluster=~"$cluster", job=~"$job", instance=~"$instance", id="/"}': "no swap in the guest",
    "container_pressure_irq_": "the guest's kernel accounts no time of interrupts",
    "container_health_state": "no container of the bed has a health check",
    "tallyman_udp_namespaces_skipped_total": "the source is off",
    "container_blkio_errors_total": "no disk of the guest fails",
    "container_memory_direct_reclaim_seconds": "no memory runs short under this load",
    "container_memory_high_throttled_seconds": "nobody is above memory.high under this load",
    "container_memory_major_fault_seconds": "all that is needed is in memory",
    "tallyman_probe_lost_total": "nothing is lost",
    "tallyman_source_errors_total": "only sources that fail are shown",
}
# An answer within a fixed time: the expression asks for what was before.
SOONER = ("offset 5m", "offset 60s")


def planned():
    """Families that this version does not export yet."""
    lines = (support.ROOT / "dashboards/planned.txt").read_text(encoding="utf-8").splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


class Answers:
    """What variables ask of a Prometheus."""

    def __init__(self, server):
        self.server = server

    def label_values(self, selector, label):
        return self.server.api(f"label/{label}/values", **{"match[]": selector, "start": time.time() - SPAN})


def ask(server, query, instant, end):
    if instant:
        return server.api("query", query=query, time=end)["result"]
    return server.api("query_range", query=query, start=end - SPAN, end=end, step=STEP)["result"]


def last_scrape(server):
    """A time at which there is a scrape: an emulated machine may miss one."""
    now = time.time()
    found = server.api("query_range", query="up == 1", start=now - 100, end=now, step=1)["result"]
    require(found, "no scrape in the last 100 seconds")
    return float(found[0]["values"][-1][0])


def is_number(result):
    """Whether no value is NaN or infinite: a division by nothing would be drawn as such."""
    values = [value for series in result for _, value in series.get("values", [series.get("value", (0, "0"))])]
    return all(math.isfinite(float(value)) for value in values)


def check_dashboard(bed, server, title, uid, dashboard):
    wanted = {"id": Answers(server).label_values('container_info{kind!="host"}', "id"), "window": ["10m"]}
    values = grafana.variables(dashboard, Answers(server), wanted, SPAN, STEP)
    values["__rate_interval"] = "45s"
    heatmaps = {panel["title"] + " " for panel in dashboard["panels"] if panel["type"] == "heatmap"}
    not_yet, end = planned(), last_scrape(server)
    empty, odd, shown = [], [], {}
    for where, expression, instant in grafana.queries(dashboard):
        query = grafana.interpolate(expression.replace(*SOONER), values)
        result = ask(server, query, instant, end)
        if not result and not any(name in expression for name in (*EMPTY, *not_yet)):
            empty.append((where, query))
        shown[where] = bool(result)
        if not is_number(result):
            odd.append(f"{where}: {query}")
    with bed.check(title, f"{uid}: {len(shown)} expressions have data"):
        # A heatmap asks for the native and for the classic form, of which there is one.
        empty = [(where, query) for where, query in empty
                 if not (where[:-1] in heatmaps and (shown.get(where[:-1] + "A") or shown.get(where[:-1] + "B")))]
        require(not empty, "nothing is returned by\n" + "\n".join(": ".join(pair) for pair in empty))
        require(not odd, "NaN or infinite values from\n" + "\n".join(odd))
    with bed.check(title, f"{uid}: variables have values"):
        missing = [variable["name"] for variable in dashboard["templating"]["list"] if not values[variable["name"]]]
        require(not missing, f"no value for {missing}")


def test(bed):
    major = 2 if beds.KERNEL == "6.1" else 3
    try:
        prometheus.fetch(major)
    except support.Skip as reason:
        bed.row(f"dashboards, Prometheus {major}", "all", "skip", str(reason))
        return
    load.start(bed)
    job = prometheus.scrape_config("cadvisor", bed.port, {"cluster": "harbour"}, honor_labels=True,
                                   scrape_interval=INTERVAL, scrape_timeout=INTERVAL)
    with prometheus.Prometheus(major, [job], native_histograms=major == 3) as server:
        time.sleep(SPAN * 0.6)  # the range that is asked for
        load.deploy(bed)
        time.sleep(SPAN * 0.4)
        for uid, dashboard in grafana.load().items():
            check_dashboard(bed, server, f"dashboards, Prometheus {major}", uid, dashboard)


if __name__ == "__main__":
    beds.main(test, FLAGS)
