# SPDX-License-Identifier: Apache-2.0
"""What requests cost server and client while they are counted: CPU time per request of both groups, by
their cpu.stat, with the probe and without it in turns."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from bench.support.daemon import BUILD, FULL, Daemon, figure, note

PAIRS = 31 if FULL else 15
BAR = 1.05
NAMES = ("redis", "redis_pipelined", "nginx")
PORT = int(os.environ.get("BENCH_PORT", "11500")) + 10
NGINX = """daemon off; master_process off; error_log {0}/error.log; pid {0}/pid;
events {{}}
http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;
uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; keepalive_requests 100000000;
server {{ listen 127.0.0.1:{1}; location / {{ return 200 "hello"; }} }} }}
"""


class Groups(contextlib.ExitStack):
    """A cgroup for the server and one for the client."""

    def __enter__(self):
        super().__enter__()
        mount = next(m.split()[1] for m in open("/proc/self/mounts") if m.split()[2] == "cgroup2")
        self.top = pathlib.Path(mount, f"tallyman-bench-{os.getppid()}")
        self.paths = [self.top / "server", self.top / "client"]
        self.top.mkdir(exist_ok=True)
        self.callback(self.top.rmdir)
        for path in self.paths:
            path.mkdir()
            self.callback(path.rmdir)
        return self

    def start(self, group, command):
        return subprocess.Popen(
            ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.paths[group] / "cgroup.procs"), *map(str, command)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def serve(self, command):
        process = self.start(0, command)
        self.callback(process.wait)
        self.callback(process.kill)
        time.sleep(0.5)

    def cpu_us(self):
        return sum(int(re.search(r"usage_usec (\d+)", (path / "cpu.stat").read_text())[1]) for path in self.paths)

    def cost(self, work):
        """Microseconds of CPU time for a request, and requests a second."""
        command, count = work
        used, start = self.cpu_us(), time.monotonic()
        out = self.start(1, command).communicate()[0]
        took = time.monotonic() - start
        n = count(out)
        return (self.cpu_us() - used) / n, n / took


def works(groups, folder):
    """{name: (command, what reads the number of requests from its output)}, of the programs that are here."""
    found = {}
    redis = shutil.which("redis-check-rdb")  # the server, under another name
    if redis and shutil.which("redis-benchmark"):
        server = pathlib.Path(folder) / "redis-server"
        server.symlink_to(redis)
        groups.serve([server, "--port", PORT, "--bind", "127.0.0.1", "--save", "", "--dir", folder])
        benchmark = ["redis-benchmark", "-p", PORT, "-t", "get", "-q"]
        found["redis"] = ([*benchmark, "-n", 30000, "-c", 20], lambda out: 30000)
        found["redis_pipelined"] = ([*benchmark, "-n", 300000, "-c", 20, "-P", 16], lambda out: 300000)
    nginx = BUILD / "peers/stage/nginx"
    if nginx.exists() and shutil.which("wrk"):
        conf = pathlib.Path(folder) / "nginx.conf"
        conf.write_text(NGINX.format(folder, PORT + 1))
        groups.serve([nginx, "-p", folder, "-c", conf])
        found["nginx"] = (["wrk", "-t1", "-c10", "-d2s", f"http://127.0.0.1:{PORT + 1}/"],
                          lambda out: int(re.search(r"(\d+) requests in", out)[1]))
    return found


def interval(ratios):
    """95 % of the median: by the binomial order of the values."""
    ordered, n = sorted(ratios), len(ratios)
    skip = max(0, int(n / 2 - 0.98 * n ** 0.5))
    return ordered[skip], ordered[n - 1 - skip]


def measure(groups, name, work):
    ratios, speeds = [], []
    groups.cost(work)  # warm
    for _ in range(PAIRS):
        found = {}
        for watched in random.sample([True, False], 2):
            with contextlib.ExitStack() as stack:
                if watched:
                    stack.enter_context(Daemon("--collector.disable-defaults", "--collector.requests"))
                    time.sleep(1)
                found[watched] = groups.cost(work)
        ratios.append(found[True][0] / found[False][0])
        speeds.append(found[True][1] / found[False][1])
    low, high = interval(ratios)
    verdict = "met" if high <= BAR else "not met" if low > BAR else "undecided"
    note(f"{name}: CPU per request watched over unwatched {statistics.median(ratios):.3f}, 95 % between "
         f"{low:.3f} and {high:.3f}: {verdict}; requests per second {statistics.median(speeds):.3f}")
    figure(f"requests/{name}", high, "ratio", bar=BAR, runs=PAIRS,
           method="CPU time per request of server and client, watched over unwatched, upper bound of the median")


def main():
    with tempfile.TemporaryDirectory() as folder, Groups() as groups:
        found = works(groups, folder)
        for name in NAMES:
            if name in found:
                measure(groups, name, found[name])
            else:
                note(f"{name}: not measured, its programs are not here: tools/install-packages bench, bench/peers/fetch")


if __name__ == "__main__":
    main()
