# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus for end-to-end tests: fetched, started, asked."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.parse

import support


def fetch(major):
    """The folder with this major version's prometheus and promtool; skips loudly if it is not to be had."""
    result = subprocess.run([support.ROOT / "tools/fetch-prometheus", str(major)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:] or ["no message"]
        support.skip(f"no Prometheus {major}.x here: {last[0]}")
    return pathlib.Path(result.stdout.strip()) / "usr/bin"


def version(major):
    """(major, minor) of what fetch() gave."""
    text = subprocess.run([fetch(major) / "prometheus", "--version"], capture_output=True, text=True,
                          check=True)
    match = re.search(r"version (\d+)\.(\d+)", text.stdout + text.stderr)
    return int(match[1]), int(match[2])


def promtool(major, *args, stdin=""):
    """Runs promtool; returns (status, its lines)."""
    result = subprocess.run([fetch(major) / "promtool", *args], input=stdin, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return result.returncode, result.stdout.splitlines()


class Prometheus:
    """Scrapes `jobs`, a list of scrape_config dictionaries, every second until the `with` block ends,
    and evaluates the files `rules` as often; `alertmanager` is the port that its alerts go to."""

    def __init__(self, major, jobs, native_histograms=False, rules=(), alertmanager=None, port=None):
        self.major = major
        self.native = native_histograms
        self.jobs = jobs
        self.rules = [str(path) for path in rules]
        self.alertmanager = alertmanager
        self.port = port
        self.process = None

    def __enter__(self):
        program = fetch(self.major) / "prometheus"
        self.directory = tempfile.mkdtemp(prefix="tallyman-prometheus-")
        self.port = self.port or support.free_port()
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                  "rule_files": self.rules, "scrape_configs": self.jobs}
        if self.alertmanager:
            config["alerting"] = {"alertmanagers": [
                {"static_configs": [{"targets": [f"127.0.0.1:{self.alertmanager}"]}]}]}
        flags = []
        if self.native and version(self.major) >= (3, 8):
            config["global"]["scrape_native_histograms"] = True
        elif self.native:
            flags = ["--enable-feature=native-histograms"]
        path = os.path.join(self.directory, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)  # JSON is YAML
        with open(os.path.join(self.directory, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [program, f"--config.file={path}", f"--storage.tsdb.path={self.directory}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=debug", *flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env=dict(os.environ, GOMAXPROCS="2"))
        try:
            support.wait_for(self.is_ready, "Prometheus is ready", 60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        return pathlib.Path(self.directory, "log").read_text("utf-8", "replace")

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("Prometheus ended:\n" + self.log()[-4000:])
        try:
            return support.http_get("127.0.0.1", self.port, "/-/ready").status == 200
        except OSError:
            return False

    def api(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        response = support.http_get("127.0.0.1", self.port, f"/api/v1/{path}?{query}")
        document = json.loads(response.text)
        if document["status"] != "success":
            raise AssertionError(f"{path} {parameters}: {document}")
        return document["data"]

    def query(self, expression):
        """An instant vector: a list of (labels, value or native histogram)."""
        found = self.api("query", query=expression)["result"]
        return [(series["metric"], series["value"][1] if "value" in series else series["histogram"][1])
                for series in found]

    def scalar(self, expression):
        """The one value of an expression, or None."""
        found = self.query(expression)
        if len(found) > 1:
            raise AssertionError(f"{expression}: {len(found)} series")
        return float(found[0][1]) if found else None

    def wait_scrapes(self, count):
        """Waits until every job's every target was scraped well this many times."""
        def done():
            targets = self.api("targets", state="active")["activeTargets"]
            errors = [target["lastError"] for target in targets if target["lastError"]]
            if errors:
                raise AssertionError(f"a scrape failed: {errors}")
            return all((self.scalar(f'count_over_time(up{{job="{job["job_name"]}"}}[10m])') or 0) >= count
                       for job in self.jobs)
        support.wait_for(done, f"{count} scrapes of every target", 60)

    def complaints(self):
        """What it refused or found odd in scrapes: lines of its log, counters that are not 0."""
        found = []
        for line in self.log().splitlines():
            if re.search(r"level=(warn|error)", line, re.IGNORECASE) and re.search(
                    r"scrape|ingest|append|duplicate|out.of.order|histogram", line, re.IGNORECASE):
                found.append(line)
            elif re.search(r"Error on ingesting|duplicate (sample|timestamp)|Appending scrape", line):
                found.append(line)
        own = support.parse_text(support.http_get("127.0.0.1", self.port, "/metrics").text)
        for name, samples in own.items():
            if re.match(r"prometheus_target_(scrapes_(sample_|exceeded|cache_flush)|metadata_lost)"
                        r"|prometheus_tsdb_(out_of_|head_(out_of|invalid))", name):
                found += [f"{name} {sample.labels} {sample.value}" for sample in samples
                          if float(sample.value) != 0]
        return found


def scrape_config(job, port, labels=None, **more):
    """A scrape_config for one exporter on loopback."""
    return {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels or {}}],
            **more}


