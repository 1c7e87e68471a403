#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What puts the dashboards into a Grafana names files that are there, each dashboard once, and a Prometheus
that promtool accepts. No Grafana runs here: Debian has none."""

import json
import pathlib
import shutil
import tempfile

import yaml

import prometheus
import support

FOLDER = support.ROOT / "dashboards"
DASHBOARDS = sorted(path.name for path in FOLDER.glob("*.json"))
# kubectl keeps what it applied in an annotation, and annotations have this limit together.
CONFIGMAP_BYTES = 262144


def read(name):
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def mounts(service):
    """{target: source} of a service of the compose file; volumes of its own are left out."""
    pairs = (volume.split(":")[:2] for volume in service["volumes"])
    return {target: FOLDER / source for source, target in pairs if source.startswith(".")}


def test_compose_mounts_what_is_there():
    compose = read("compose.yaml")
    for name, service in compose["services"].items():
        for target, source in mounts(service).items():
            if not source.exists():
                raise AssertionError(f"{name}: {source} for {target} is not there")
        support.equal(":latest" in service["image"] or ":" not in service["image"], False, service["image"])
    grafana = mounts(compose["services"]["grafana"])
    provider = read("provisioning/dashboards/tallyman.yaml")["providers"][0]
    support.equal(grafana[provider["options"]["path"]].resolve(), FOLDER, "where the provider looks")
    support.equal(provider["allowUiUpdates"], False)
    for kind in ("datasources", "dashboards"):
        support.equal(grafana[f"/etc/grafana/provisioning/{kind}"].resolve(), FOLDER / "provisioning" / kind)


def test_datasource_is_the_prometheus_of_the_compose_file():
    source = read("provisioning/datasources/tallyman.yaml")["datasources"][0]
    support.equal((source["type"], source["access"]), ("prometheus", "proxy"))
    command = read("compose.yaml")["services"]["prometheus"]["command"]
    if f"--web.listen-address={source['url'].removeprefix('http://')}" not in command:
        raise AssertionError(f"{source['url']} is not where {command} listens")


def test_prometheus_takes_its_files():
    """As they lie in the container; 2.x cannot read scrape configurations of a file of their own."""
    with tempfile.TemporaryDirectory() as folder:
        for target, source in mounts(read("compose.yaml")["services"]["prometheus"]).items():
            there = pathlib.Path(folder, target.removeprefix("/etc/prometheus/"))
            (shutil.copytree if source.is_dir() else shutil.copy)(source, there)
        status, lines = prometheus.promtool(3, "check", "config", f"{folder}/prometheus.yml")
        support.equal(status, 0, lines)
        if not any("rules found" in line for line in lines):
            raise AssertionError(f"no rules: {lines}")


def test_configmaps():
    """kustomize makes one of each dashboard, with the label that Grafana's sidecar looks for."""
    kustomization = read("kustomization.yaml")
    made = kustomization["configMapGenerator"]
    support.equal(sorted(name for entry in made for name in entry["files"]), DASHBOARDS, "dashboards")
    support.equal(len({entry["name"] for entry in made}), len(made), "names")
    options = kustomization["generatorOptions"]
    support.equal(options["labels"]["grafana_dashboard"], "1")
    for entry in made:
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "data": {
            name: (FOLDER / name).read_text(encoding="utf-8") for name in entry["files"]}}
        size = len(json.dumps(config_map).encode())
        if size > CONFIGMAP_BYTES * 0.9:
            raise AssertionError(f"{entry['name']} has {size} bytes; kubectl apply takes {CONFIGMAP_BYTES}")


if __name__ == "__main__":
    support.main(globals())
