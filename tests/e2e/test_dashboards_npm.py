#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900
"""The dashboards and what npm has of Grafana: its schema, Prometheus' grammar for editors, and previews by
its own components in a headless browser. The packages are those of tests/dashboards/package-lock.json; where
they cannot be had, this skips and says so."""

import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import prometheus
import support

FOLDER = support.ROOT / "tests/dashboards"
sys.path.insert(0, str(FOLDER))
import grafana  # noqa: E402  pylint: disable=wrong-import-position


def modules():
    """The folder of the packages."""
    result = subprocess.run([FOLDER / "fetch-npm"], capture_output=True, text=True, check=False)
    if result.returncode == 77:
        support.skip(result.stderr.strip().splitlines()[-1])
    if result.returncode:
        raise AssertionError(result.stderr)
    return pathlib.Path(result.stdout.strip()) / "node_modules"


class Anything:
    """Stands for a Prometheus where only the form of a query matters."""

    @staticmethod
    def label_values(_selector, label):
        return [label]


def judge(documents):
    """What is wrong with {name: dashboard} by npm's schema and grammar."""
    given = {name: {"dashboard": dashboard, "expressions": [
        grafana.interpolate(expression, grafana.variables(dashboard, Anything()))
        for _, expression, _ in grafana.queries(dashboard)]} for name, dashboard in documents.items()}
    result = subprocess.run(["node", FOLDER / "schema.mjs", modules()], input=json.dumps(given), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if result.returncode not in (0, 1):
        raise AssertionError(result.stdout)
    return result.stdout.splitlines()


MISTAKES = {
    "type": lambda d: d.update(title=5), "key": lambda d: d.update(refreshh="1s"),
    "panel": lambda d: d["panels"][0].update(gridpos={}),
    "option": lambda d: d["panels"][0]["options"].update(colourMode="value"),
    "unit": lambda d: d["panels"][0]["fieldConfig"]["defaults"].update(unit=3),
    "variable": lambda d: d["templating"]["list"][1].update(refresh="often"),
    "expression": lambda d: d["panels"][0]["targets"][0].update(expr="sum(up{)"),
}


def test_schema():
    """None of the dashboards has a fault, and each of MISTAKES is found, so that finding none means something."""
    documents = grafana.load()
    for name, make in MISTAKES.items():
        documents[name] = copy.deepcopy(documents["tallyman-fleet"])
        make(documents[name])
    faults = judge(documents)
    found = {line.split(":")[0] for line in faults}
    support.equal([line for line in faults if line.split(":")[0] not in MISTAKES], [], "against @grafana/schema")
    support.equal(found & set(MISTAKES), set(MISTAKES), "mistakes that are found")


def test_previews():
    """All panels are drawn, and none says undefined or NaN. What a host lacks may be empty."""
    if not shutil.which("chromium"):
        support.skip("no chromium here")
    modules()
    with support.Daemon(*support.fixture("debian-6.12"), *support.everything()) as still, \
            support.Daemon(*support.everything()) as live, tempfile.TemporaryDirectory() as folder:
        jobs = [prometheus.scrape_config("cadvisor", still.port, honor_labels=True),
                prometheus.scrape_config("live", live.port, honor_labels=True)]
        for daemon in (still, live):
            daemon.metrics()  # the first takes its time
        with prometheus.Prometheus(2, jobs) as server:
            server.wait_scrapes(30)
            result = subprocess.run(
                [FOLDER / "preview.py", "--span", "60", "--at", str(time.time()), "--width", "1280",
                 f"http://127.0.0.1:{server.port}", folder],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            print("".join(f"# {line}\n" for line in result.stdout.splitlines()), end="", flush=True)
            support.equal(result.returncode, 0, result.stdout[-4000:])
            pictures = sorted(pathlib.Path(folder).glob("*.png"))
            support.equal(len(pictures), len(grafana.load()), "pictures")
            for picture in pictures:
                if picture.stat().st_size < 30000:
                    raise AssertionError(f"{picture.name} has {picture.stat().st_size} bytes: nothing is drawn")


if __name__ == "__main__":
    support.main(globals())
