# SPDX-License-Identifier: Apache-2.0
"""The real exporter, the groups that it reads, and what the kernel says about both."""

import http.client
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
# The sources that have programs in the kernel; without them files and records are left.
PROBES = ["runqueue", "blkio", "memory_stalls", "syscalls", "lifetime", "connections"]
WITHOUT_PROBES = [f"--no-collector.{probe}" for probe in PROBES]
FIRST_PORT = int(os.environ.get("BENCH_PORT", "11500"))
FULL = os.environ.get("BENCH_FULL", "") not in ("", "0")


def figure(name, value, unit, bar=None, better="lower", runs=1, method=""):
    """One line for bench/run: the same that bench/support/figure.c prints."""
    passed = None
    if bar is not None:
        passed = value <= bar if better == "lower" else value >= bar
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, "bar": bar,
                      "better": better, "pass": passed, "runs": runs, "method": method}),
          flush=True)


def note(text):
    print(text, flush=True)


class Workloads:
    """Real cgroups with a process in each (bench/workloads.c)."""

    def __init__(self, n):
        self.process = subprocess.Popen([BUILD / "bench/workloads", str(n)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.path = self.process.stdout.readline().strip()
        if not self.path:
            raise RuntimeError("no groups could be made: root and a writable cgroup2 are needed")

    def tell(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


class Daemon:
    """build/tallyman with the given flags on a port of its own; ready when made."""

    def __init__(self, *flags, port=FIRST_PORT):
        self.port = port
        self.process = subprocess.Popen(
            [BUILD / "tallyman", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
             "--web.min-scrape-interval=0s", *flags])
        self.proc = pathlib.Path(f"/proc/{self.process.pid}")
        for _ in range(200):
            time.sleep(0.05)
            if self.process.poll() is not None:
                raise RuntimeError("the exporter did not start")
            try:
                if self.get("/-/ready")[0] == 200:
                    return
            except OSError:
                pass
        raise RuntimeError("the exporter is not ready after 10 s")

    def get(self, path="/metrics", coding="identity", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        # Only a client that weighs its codings gets a coding over loopback.
        connection.request("GET", path, headers={"Accept-Encoding": coding + ";q=1", **(headers or {})})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply.status, body

    def scrape(self, coding="identity"):
        status, body = self.get(coding=coding)
        if status != 200:
            raise RuntimeError(f"a scrape was answered with {status}")
        return body

    def value(self, name):
        """A family of one series without labels."""
        found = re.search(rf"^{name} (\S+)$", self.scrape().decode(), re.M)
        return float(found[1]) if found else None

    def status(self, key):
        """A line of /proc/PID/status, in bytes."""
        found = re.search(rf"^{key}:\s+(\d+)", (self.proc / "status").read_text(), re.M)
        return int(found[1]) * 1024

    def forget_peak(self):
        (self.proc / "clear_refs").write_text("5")

    def peak_anon(self):
        """The largest RssAnon since forget_peak(): pages of files do not come and go."""
        return self.status("VmHWM") - self.status("RssFile") - self.status("RssShmem")

    def open_fds(self):
        """Without what is open for a moment: sockets of requests, of which the last may not be closed
        yet, and the kernel's statistics of programs, on for 100 ms of each minute."""
        count = 0
        for fd in (self.proc / "fd").iterdir():
            try:
                count += not os.readlink(fd).startswith(("socket:", "anon_inode:bpf-stats"))
            except FileNotFoundError:
                pass
        return count

    def cpu_ticks(self):
        fields = (self.proc / "stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def cpu_ns(self):
        """Time on a CPU of all threads, by the scheduler's clock."""
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in (self.proc / "task").iterdir())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()


def raise_fd_limit():
    """The exporter takes what it may have: 1,000 workloads need some 9,000 descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def kernel_memory():
    """What the kernel has allocated for itself and cannot take back, in bytes."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return int(re.search(r"^SUnreclaim:\s+(\d+)", text, re.M)[1]) * 1024
