#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The configurations that we ship are right, and say what the README promises of them."""

import pathlib
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


def test_scrapes_leave_time_for_the_next():
    for path, job in jobs():
        support.equal((job["scrape_interval"], job["scrape_timeout"]), ("15s", "10s"), str(path))


def test_readme_lists_them():
    readme = (FOLDER / "README.md").read_text()
    for path in SHIPPED:
        support.equal(f"`{path.name}`" in readme, True, path.name)


if __name__ == "__main__":
    support.main(globals())
