#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600 kernels=6.12
"""make demo: it says where everything is, that answers, and Ctrl-C ends all of it and nothing else."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import bed as beds
from bed import require
import alerting
import prometheus
import support
import vm

WITHIN = 400


def children(pid):
    """All processes below one, however deep."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().rsplit(") ", 1)[1].split()[1])
        except OSError:
            continue
    below = {pid}
    while more := {child for child, parent in found.items() if parent in below} - below:
        below |= more
    return below - {pid}


def wait_for_line(path, pattern, process):
    end = time.monotonic() + WITHIN
    while True:
        text = path.read_text()
        if match := re.search(pattern, text):
            return match
        require(process.poll() is None, f"it ended:\n{text}")
        require(time.monotonic() < end, f"no {pattern!r} within {WITHIN} s:\n{text}")
        time.sleep(0.5)


def answers(address):
    host, port, path = re.fullmatch(r"http://([\d.]+):(\d+)(/\S*)", address).groups()
    response = support.http_get(host, int(port), path)
    require(response.status == 200, f"{address}: {response.status}")
    return response.text


def follow(output, process):
    addresses = {name: wait_for_line(output, rf"(?m)^  {name} +(http://\S+)$", process)[1]
                 for name in ("Tallyman", "Prometheus", "Alertmanager")}
    for address in addresses.values():
        answers(address)
    wait_for_line(output, "the load is on", process)
    page = addresses["Tallyman"] + "metrics"
    support.wait_for(lambda: "shop-web" in answers(page), "the containers of the demo are shown", 60)
    rules = answers(re.match(r"http://[^/]+", addresses["Prometheus"])[0] + "/api/v1/rules")
    require("ContainerOOMKilled" in rules and '"health":"err"' not in rules, f"rules: {rules[:500]}")


def main():
    try:
        vm.prepare(beds.KERNEL)
        prometheus.fetch(2)
        alerting.fetch()
    except (vm.NoKernel, support.Skip) as reason:
        print(f"1..1\nok 1 - demo # SKIP {reason}")
        return 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tallyman-demo-") as folder:
        output = pathlib.Path(folder, "output")
        with open(output, "wb") as file:
            process = subprocess.Popen([support.ROOT / "tools/demo", "--kernel", beds.KERNEL], stdin=subprocess.DEVNULL,
                                       stdout=file, stderr=file, env=dict(os.environ, TMPDIR=folder))
        try:
            follow(output, process)
            below = children(process.pid)
            require(len(below) >= 3, f"a machine, Prometheus and Alertmanager: {below}")
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
            support.equal(status, 0, f"status; it said:\n{output.read_text()}")
            left = {pid for pid in below if pathlib.Path(f"/proc/{pid}").exists()}
            support.equal(left, set(), "processes that are left")
            support.equal(sorted(path.name for path in pathlib.Path(folder).iterdir()), ["output"], "files that are left")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    print(f"1..1\nok 1 - demo starts, answers and ends\n# {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
