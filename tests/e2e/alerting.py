# SPDX-License-Identifier: Apache-2.0
"""What alerts go through: a real Alertmanager, a webhook that keeps what arrives, and the shipped rules
with all their durations divided by one factor."""

import collections
import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

import support

RULES = sorted((support.ROOT / "dashboards/rules").glob("*.yaml"))
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def fetch():
    """The folder with Alertmanager and amtool; skips loudly if it is not to be had."""
    result = subprocess.run([support.ROOT / "tools/fetch-alertmanager"], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, check=False)
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:] or ["no message"]
        support.skip(f"no Alertmanager here: {last[0]}")
    return pathlib.Path(result.stdout.strip()) / "usr/bin"


def scale(text, factor, less):
    """The text of a rule file with every duration divided: by `factor` what `for` and `offset` say, and what increase()
    counts in, which is right with two scrapes; by `less` the ranges that rules look back upon else, and horizons of
    predictions, which are written as `N * 3600`. Thresholds stay."""
    def shorter(by):
        return lambda match: f"{match[1]}{round(int(match[2]) * UNITS[match[3]] * 1000 / by)}ms{match[4]}"

    text = re.sub(r"(\bincrease\([^()[\]]*\[)(\d+)([smhd])(\])", shorter(factor), text)
    text = re.sub(r"(\[)(\d+)([smhd])(\])", shorter(less), text)
    text = re.sub(r"(\boffset )(\d+)([smhd])()", shorter(factor), text)
    text = re.sub(r"(\bfor: )(\d+)([smhd])()", shorter(factor), text)
    return re.sub(r"\* 3600\b", f"* {3600 / less:g}", text)


@contextlib.contextmanager
def scaled_rules(factor, less):
    """Paths of the shipped rule files with their durations divided, see scale()."""
    with tempfile.TemporaryDirectory(prefix="tallyman-rules-") as folder:
        for path in RULES:
            (pathlib.Path(folder) / path.name).write_text(scale(path.read_text(), factor, less))
        yield sorted(pathlib.Path(folder).iterdir())


Arrived = collections.namedtuple("Arrived", "status labels annotations")


class Webhook:
    """Keeps what Alertmanager sends, in the order in which it came."""

    def __enter__(self):
        arrived = self.arrived = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in document["alerts"]:
                    arrived.append(Arrived(alert["status"], alert["labels"], alert["annotations"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Alertmanager:
    """Sends each alert by itself and at once to a webhook's port (None: to nobody)."""

    def __init__(self, webhook=None, port=None):
        self.webhook = webhook
        self.port = port
        self.process = None

    def __enter__(self):
        program = fetch() / "prometheus-alertmanager"
        self.directory = tempfile.mkdtemp(prefix="tallyman-alertmanager-")
        self.port = self.port or support.free_port()
        receiver = {"name": "all"}
        if self.webhook:
            receiver["webhook_configs"] = [{"url": f"http://127.0.0.1:{self.webhook}/", "send_resolved": True}]
        config = {"route": {"receiver": "all", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s",
                            "repeat_interval": "1h"},
                  "receivers": [receiver]}
        path = os.path.join(self.directory, "alertmanager.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)  # JSON is YAML
        with open(os.path.join(self.directory, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [program, f"--config.file={path}", f"--storage.path={self.directory}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=program.parents[1] / "share/prometheus/alertmanager",
                env=dict(os.environ, GOMAXPROCS="2"))
        try:
            support.wait_for(self.is_ready, "Alertmanager is ready", 60)
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
            raise AssertionError("Alertmanager ended:\n" + self.log()[-4000:])
        try:
            return support.http_get("127.0.0.1", self.port, "/-/ready").status == 200
        except OSError:
            return False
