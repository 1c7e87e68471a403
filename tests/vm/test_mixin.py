#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600 kernels=6.12 long-kernels=6.1,6.12
"""kubernetes-mixin works unchanged: its recording rules and its CPU alert, in a real Prometheus that
scrapes the exporter in the machine as job "cadvisor", give each container of the pods once, with the
values of the cgroups' own files. Prometheus is 3.x; make test-full has both, on both kernels."""

import contextlib
import http.server
import re
import threading

import bed as beds
from bed import require
import prometheus
import support
from test_runtimes import between, net_dev, read_value

RULES = beds.HERE / "kubernetes-mixin.yml"
CONTAINERS = [("shop", "web-7d4b9c", "api"), ("shop", "web-7d4b9c", "proxy"), ("shop", "db-0", "postgres"),
              ("jobs", "batch-x1", "worker"),
              # those of the cgroupfs driver
              ("shop", "web-cgfs", "api"), ("shop", "db-cgfs", "postgres"), ("jobs", "batch-cgfs", "worker")]
PODS = sorted({(namespace, pod) for namespace, pod, _ in CONTAINERS})
RATE = "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m"
IRATE = "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_irate"
MEMORY = {"container_memory_working_set_bytes": None, "container_memory_rss": ("memory.stat", "anon"),
          "container_memory_cache": ("memory.stat", "file"),
          "container_memory_swap": ("memory.swap.current", None)}
# What its dashboards sum, without filters on containers.
NETWORK = "sum by (namespace, pod) (container_network_{0}_bytes_total{{job=\"cadvisor\",namespace=~\".+\"}})"
# and what they show of memory, which bears duplicates: so it is held against the plain sum.
SUM = "sum by (namespace, pod, container) (container_memory_rss{job=\"cadvisor\",container!=\"\",image!=\"\"})"
# What the kernel itself may send between the last scrape and now: a few router solicitations of 70 bytes.
SOLICITED = 300


class PodInfo(http.server.BaseHTTPRequestHandler):
    """What kube-state-metrics would say of the pods."""

    def do_GET(self):  # pylint: disable=invalid-name
        body = "".join(f'kube_pod_info{{namespace="{namespace}",pod="{pod}",node="vm"}} 1\n'
                       for namespace, pod in PODS).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def pod_info():
    """The port of a target with the pods of the bed."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), PodInfo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def by_container(server, expression):
    """{(namespace, pod, container): value}; fails if one stands twice."""
    found = {}
    for labels, value in server.query(expression):
        key = tuple(labels.get(name, "") for name in ("namespace", "pod", "container"))
        require(key not in found, f"{expression}: twice {key}")
        found[key] = float(value)
    return found


def check_rules(bed, server, title, cgroups):
    wanted = sorted(CONTAINERS)
    for name in (RATE, IRATE, *(f"node_namespace_pod_container:{metric}" for metric in MEMORY)):
        with bed.check(title, name.split(":", 1)[1].replace("container_", "")):
            found = by_container(server, name)
            support.equal(sorted(found), wanted, name)
            nodes = {labels.get("node") for labels, _ in server.query(name)}
            support.equal(nodes, {"vm"}, "nodes")
            source = MEMORY.get(name.removeprefix("node_namespace_pod_container:"))
            files = bed.files(["memory.stat", "memory.current", "memory.swap.current"]) if "memory" in name else {}
            wrong = []
            for key, cgroup in cgroups.items():
                if source:
                    raw = read_value(files, cgroup, *source)
                    wrong += between(f"{name} of {key}", found[key], raw, raw)
                elif files:
                    raw = read_value(files, cgroup, "memory.current", None) - \
                        read_value(files, cgroup, "memory.stat", "inactive_file")
                    wrong += between(f"{name} of {key}", found[key], raw, raw)
            require(not wrong, "\n".join(wrong))


def check_rate(bed, server, title, cgroups):
    """The worker's CPU time of the last minutes, by the rule and by its file."""
    with bed.check(title, "CPU rate equals cpu.stat"):
        key = ("shop", "web-7d4b9c", "api")
        query = 'increase(container_cpu_usage_seconds_total{job="cadvisor",pod="web-7d4b9c",container="api"}[5m])'
        grown = server.scalar(query)
        require(grown and grown > 0.5, f"the spinning container used {grown} s")
        stored = server.scalar('container_cpu_usage_seconds_total{job="cadvisor",pod="web-7d4b9c",container="api"}')
        now = read_value(bed.files(["cpu.stat"]), cgroups[key], "cpu.stat", "usage_usec") / 1e6
        require(stored <= now and now - stored < 30, f"stored {stored}, the file has {now}")
        require(by_container(server, RATE)[key] > 0, "no rate")


def check_alert(bed, server, title):
    with bed.check(title, "CPUThrottlingHigh"):
        groups = server.api("rules")["groups"]
        rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
        support.equal([rule["name"] for rule in rules.values() if rule["health"] != "ok"], [], "rules that fail")
        alerts = rules["CPUThrottlingHigh"]["alerts"]
        who = [(a["labels"]["namespace"], a["labels"]["pod"], a["labels"]["container"]) for a in alerts]
        support.equal(who, [("shop", "web-7d4b9c", "api")], "containers that are throttled")
        require(0.25 < float(alerts[0]["value"]) <= 1.0, f"throttled in {alerts[0]['value']} of its periods")


def check_sums(bed, server, title, cgroups, places):
    with bed.check(title, "dashboard sums"):
        found = by_container(server, SUM)
        support.equal(sorted(found), sorted(CONTAINERS))
        files = bed.files(["memory.stat"])
        wrong = []
        for key, cgroup in cgroups.items():
            raw = read_value(files, cgroup, "memory.stat", "anon")
            wrong += between(f"sum of {key}", found[key], raw, raw)
        for direction, column in (("receive", 0), ("transmit", 8)):
            sums = {key[:2]: value for key, value in by_container(server, NETWORK.format(direction)).items()}
            support.equal(sorted(sums), PODS, f"pods that {direction}")
            paths = {key[:2]: f"/proc/{pid}/net/dev" for key, pid in places.items()}
            devices = bed.files(["cgroup.type"], paths.values())
            for pod, path in paths.items():
                raw = net_dev(devices[path])["eth0"][column]
                wrong += between(f"{direction} of {pod}", sums[pod], raw - SOLICITED, raw)
        require(not wrong, "\n".join(wrong))


def check_with(bed, major, cgroups, places):
    title = f"kubernetes-mixin, Prometheus {major}"
    prometheus.fetch(major)
    with pod_info() as port:
        slow = {"scrape_interval": "2s", "scrape_timeout": "2s"}
        jobs = [prometheus.scrape_config("cadvisor", bed.port, honor_labels=True, **slow),
                prometheus.scrape_config("kube-state-metrics", port, **slow)]
        with prometheus.Prometheus(major, jobs, rules=[RULES]) as server:
            server.wait_scrapes(8)
            support.wait_for(lambda: server.query(RATE), "the rules are evaluated", 60)
            check_rules(bed, server, title, cgroups)
            check_rate(bed, server, title, cgroups)
            check_alert(bed, server, title)
            check_sums(bed, server, title, cgroups, places)
            with bed.check(title, "no complaints"):
                support.equal(server.complaints(), [])


def test(bed):
    lines = "".join(f'pid=$(cri_task {container} {pod}); echo "@@$pid@@$(cgroup_of "$pid")"\n'
                    for _, pod, container in CONTAINERS)
    found = re.findall(r"^@@(\d+)@@(/.*)$", bed.guest(lines), re.MULTILINE)
    places = {key: int(pid) for key, (pid, _) in zip(CONTAINERS, found)}
    cgroups = {key: cgroup for key, (_, cgroup) in zip(CONTAINERS, found)}
    support.equal(len(cgroups), len(CONTAINERS), "containers of pods")
    # One container is over its quota, half a core, until the machine is gone.
    spinning = cgroups[("shop", "web-7d4b9c", "api")]
    bed.guest(f"(echo $BASHPID > '/sys/fs/cgroup{spinning}/cgroup.procs'; while :; do :; done) > /dev/null 2>&1 &")
    for major in (2, 3) if support.long_run() else (3,):
        try:
            check_with(bed, major, cgroups, places)
        except support.Skip as reason:
            bed.row(f"kubernetes-mixin, Prometheus {major}", "all", "skip", str(reason))


if __name__ == "__main__":
    beds.main(test, beds.only("lifetime"))
