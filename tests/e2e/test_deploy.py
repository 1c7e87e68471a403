#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The configurations that we ship are right, and say what the README promises of them."""

import pathlib
import re
import tempfile

import yaml

import prometheus
import support

FOLDER = pathlib.Path("deploy/prometheus")
SHIPPED = sorted(FOLDER.glob("*.yml"))


def jobs():
    for path in SHIPPED:
        for job in yaml.safe_load(path.read_text())["scrape_configs"]:
            yield path, job


def test_promtool_accepts_them():
    """Debian builds Prometheus without Kubernetes' discovery: it is checked with a static target instead."""
    for path in SHIPPED:
        config = yaml.safe_load(path.read_text())
        for job in config["scrape_configs"]:
            if job.pop("kubernetes_sd_configs", None):
                job["static_configs"] = [{"targets": ["127.0.0.1:10061"]}]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as f:
            yaml.safe_dump(config, f)
            f.flush()
            for major in (2, 3):
                status, lines = prometheus.promtool(major, "check", "config", f.name)
                support.equal(status, 0, f"{path}: {lines}")


def test_labels_are_honoured():
    for path, job in jobs():
        support.equal(job.get("honor_labels"), True, str(path))


def test_jobs_are_those_that_rules_select():
    for path, job in jobs():
        labels = {rule.get("target_label"): rule.get("replacement") for rule in job.get("relabel_configs", [])}
        if path.name == "scrape-kube-prometheus.yml":
            support.equal((labels.get("job"), labels.get("metrics_path")),
                          ("kubelet", "/metrics/cadvisor"), str(path))
        else:
            support.equal(job["job_name"], "cadvisor", str(path))


def snake(value):
    """The operator's names of keys as Prometheus has them."""
    if isinstance(value, dict):
        return {re.sub("[A-Z]", lambda match: "_" + match[0].lower(), key): snake(item) for key, item in value.items()}
    return [snake(item) for item in value] if isinstance(value, list) else value


def test_service_monitor_is_the_configuration_for_kube_prometheus():
    service, monitor = yaml.safe_load_all((FOLDER / "service-monitor.yaml").read_text())
    (job,) = yaml.safe_load((FOLDER / "scrape-kube-prometheus.yml").read_text())["scrape_configs"]
    support.equal(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"], "which service")
    (endpoint,) = monitor["spec"]["endpoints"]
    support.equal(endpoint.pop("port"), service["spec"]["ports"][0]["name"], "port")
    keep, *relabelings = job["relabel_configs"]  # the selector of the service stands for the first
    support.equal({keep["regex"]}, set(service["spec"]["selector"].values()), "pods")
    endpoint = snake(endpoint)
    endpoint["scrape_interval"] = endpoint.pop("interval")
    support.equal(endpoint, {"honor_labels": job["honor_labels"], "relabelings": relabelings,
                             **{key: job[key] for key in ("scrape_interval", "scrape_timeout")}})


def test_scrapes_leave_time_for_the_next():
    for path, job in jobs():
        support.equal((job["scrape_interval"], job["scrape_timeout"]), ("15s", "10s"), str(path))


def test_readme_lists_them():
    readme = (FOLDER / "README.md").read_text()
    for path in (*SHIPPED, FOLDER / "service-monitor.yaml"):
        support.equal(f"`{path.name}`" in readme, True, path.name)


if __name__ == "__main__":
    support.main(globals())
