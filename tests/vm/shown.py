# SPDX-License-Identifier: Apache-2.0
"""What the dashboards show on a real Prometheus: every expression of every panel, annotation and variable has
data, once at least while the bed's containers are in trouble. What cannot have any stands in EMPTY with the
reason."""

import math
import sys
import time

import support
from bed import require

sys.path.insert(0, str(support.ROOT / "tests/dashboards"))
import grafana  # noqa: E402  pylint: disable=wrong-import-position

STEP = 5
RATE_INTERVAL = "20s"
# Metrics that have no data here, and why. An expression that names one may be empty.
EMPTY = {
    "container_pressure_irq_": "the guest's kernel accounts no time of interrupts",
    "container_memory_zswap_": "the guest's kernel has no zswap",
    "tallyman_probe_lost_total": "nothing is lost",
    "tallyman_source_errors_total": "nothing fails to be read, but when all is late",
}
# What only protobuf has, which classic histograms are not scraped by.
NATIVE = ("container_syscall_latency_seconds",)
# An answer within a fixed time: the expression asks for what was before.
SOONER = ("offset 5m", "offset 60s")


class Answers:
    """What variables ask of a Prometheus."""

    def __init__(self, server, span):
        self.server = server
        self.span = span

    def label_values(self, selector, label):
        return self.server.api(f"label/{label}/values", **{"match[]": selector, "start": time.time() - self.span})


def last_scrape(server, job=".+"):
    """The time of the last good scrape: an emulated machine may miss one. It is asked for at that time and not at any
    later one, for a scrape that is under way and fails takes away, from when it began, what was there before."""
    good = f'max_over_time((timestamp(up{{job=~"{job}"}}) and up{{job=~"{job}"}} == 1)[100s:1s])'
    found = [float(time_of) for _, time_of in server.query(good)]
    require(found, "no scrape in the last 100 seconds")
    return max(found)


def is_number(result):
    """Whether no value is NaN or infinite: a division by nothing would be drawn as such."""
    values = [value for series in result for _, value in series.get("values", [series.get("value", (0, "0"))])]
    return all(math.isfinite(float(value)) for value in values)


class Shown:
    """What the dashboards have shown of one Prometheus since `begin`. look() may be called more than once: what
    had no data before is asked for again. The tables of workloads have the exporter of `job` alone."""

    def __init__(self, server, job, begin):
        self.server, self.job, self.begin = server, job, begin
        self.data, self.odd, self.asked = {}, {}, {}

    def ask(self, query, instant, end):
        if instant:
            return self.server.api("query", query=query, time=end)["result"]
        return self.server.api("query_range", query=query, start=self.begin, end=end, step=STEP)["result"]

    def values_of(self, dashboard):
        span = int(time.time() - self.begin)
        answers = Answers(self.server, span)
        wanted = {"id": answers.label_values('container_info{kind!="host"}', "id"), "window": ["10m"]}
        if dashboard["uid"] != "tallyman-self":
            wanted["job"] = [self.job]
        values = grafana.variables(dashboard, answers, wanted, span, STEP)
        return {**values, "__rate_interval": RATE_INTERVAL}

    def look(self):
        end = last_scrape(self.server, self.job)
        for uid, dashboard in grafana.load().items():
            values = self.values_of(dashboard)
            self.data.setdefault(uid, {})
            for variable in dashboard["templating"]["list"]:
                self.data[uid][f"variable {variable['name']}"] = bool(values[variable["name"]])
            for where, expression, instant in grafana.queries(dashboard):
                if self.data[uid].get(where):
                    continue
                query = grafana.interpolate(expression.replace(*SOONER), values)
                result = self.ask(query, instant, end)
                self.data[uid][where] = bool(result)
                self.asked[uid, where] = (expression, query)
                if not is_number(result):
                    self.odd[uid, where] = query

    def missing(self):
        """{dashboard: what has had no data yet, and ought to}."""
        none = (*EMPTY, *(() if self.server.native else NATIVE))
        found = {}
        for uid, dashboard in grafana.load().items():
            data = self.data[uid]
            # A heatmap asks for the native and for the classic form, of which there is one.
            heatmaps = {panel["title"] + " " for panel in dashboard["panels"] if panel["type"] == "heatmap"}
            empty = [where for where, seen in data.items() if not seen and not (
                where[:-1] in heatmaps and (data.get(where[:-1] + "A") or data.get(where[:-1] + "B")))]
            found[uid] = [where for where in empty
                          if not any(name in self.asked.get((uid, where), ("",))[0] for name in none)]
        return found

    def check(self, bed, title):
        """A row of the table for each dashboard."""
        for uid, empty in self.missing().items():
            with bed.check(title, f"{uid}: {len(self.data[uid])} expressions have data"):
                require(not empty, "nothing is returned by\n" + "\n".join(
                    f"{where}: {self.asked.get((uid, where), ('',))[0][:300]}" for where in empty))
                odd = [where for of, where in self.odd if of == uid]
                require(not odd, f"NaN or infinite values from {odd}")
