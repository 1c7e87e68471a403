# SPDX-License-Identifier: Apache-2.0
"""A storm of short-lived containers between two scrapes: what following them costs, and whether one is
lost. Each is what a runtime leaves: a cgroup with a process in it and a file that names it, made and
taken away again. What was made is counted by the calls that the kernel has answered with success; the
same with real containers of runc and crun is tests/vm/test_storm.py."""

import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import threading
import time

from bench.support.daemon import FIRST_PORT, FULL, Daemon, figure, note

CONTAINERS = 1000
WITHIN_S = 50 if FULL else 25
LIFE_S = 0.1
ALWAYS_THERE = 200  # workloads that nothing happens to
SETTLE_S = 5
MOUNTS = "/sys/fs/cgroup/unified", "/sys/fs/cgroup"


def container_id(i):
    return hashlib.sha256(str(i).encode()).hexdigest()


def tell(root, i, state):
    """What Docker says of a container."""
    folder = root / "var/lib/docker/containers" / container_id(i)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.v2.json").write_text(json.dumps(
        {"Name": f"/storm-{i}", "Config": {"Image": "storm:1"}, "State": state}))


def live(top, root, i):
    """One container from its beginning to its end."""
    group = top / f"docker-{container_id(i)}.scope"
    group.mkdir()
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    (group / "cgroup.procs").write_text(str(pid))
    time.sleep(LIFE_S)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    tell(root, i, {"Running": False, "ExitCode": 137, "FinishedAt": "2026-01-01T00:00:00Z"})
    for _ in range(1000):
        try:
            group.rmdir()
            return
        except OSError:  # busy: its process is not quite gone
            time.sleep(0.001)
    raise RuntimeError(f"cannot remove {group}")


def storm(top, root):
    """How many were made, and in which time."""
    start = time.monotonic()
    threads = []
    for i in range(CONTAINERS):
        wait = start + i * WITHIN_S / CONTAINERS - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        threads.append(threading.Thread(target=live, args=(top, root, i)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return time.monotonic() - start


def events(daemon, kind):
    """Names of all events of a type, page by page."""
    names, path = [], f"/api/v1/events?type={kind}&limit=10000"
    while path:
        status, body = daemon.get(path)
        if status != 200:
            raise RuntimeError(f"events were answered with {status}")
        page = json.loads(body)
        names += [event["name"] for event in page["items"]]
        path = page["next"]
    return names


def measure(top, root):
    with Daemon(f"--path.cgroupfs={top}", f"--path.rootfs={root}", "--no-collector.filesystem",
                port=FIRST_PORT) as daemon:
        daemon.scrape()
        time.sleep(1)
        start = daemon.cpu_ns()
        took = storm(top, root)
        time.sleep(SETTLE_S)
        used = (daemon.cpu_ns() - start) / 1e9
        started = [name for name in events(daemon, "started") if name.startswith("storm-")]
        gone = [name for name in events(daemon, "gone") if name.startswith("storm-")]
    by_name = len(set(started) & set(gone))
    note(f"{CONTAINERS} containers in {took:.1f} s, each for {LIFE_S} s, beside {ALWAYS_THERE} others: "
         f"{len(started)} starts and {len(gone)} ends were told by name")
    figure("storm/seen_by_name", by_name, "containers", better="higher",
           method="of 1,000: names in /api/v1/events that have a start and an end")
    figure("storm/lost", CONTAINERS - by_name, "containers", 0,
           method="made, by what mkdir(2) said, less those")
    figure("storm/told_twice", len(started) + len(gone) - 2 * by_name, "events", 0,
           method="starts and ends beyond one for each")
    figure("storm/cpu", used, "s", method="CPU time of the exporter from the first to 5 s after the last")
    figure("storm/cpu_each", used / CONTAINERS * 1e3, "ms", method="the same for each container")
    figure("storm/cpu_share", 100 * used / took, "% of a CPU", 20, method="the same by the time of the storm")


def main():
    mount = next(m for m in MOUNTS if os.path.exists(f"{m}/cgroup.procs"))
    top = pathlib.Path(mount, f"tallyman-bench-{os.getpid()}")
    root = pathlib.Path(tempfile.mkdtemp(prefix="tallyman-bench-"))
    try:
        top.mkdir()
        for i in range(ALWAYS_THERE):
            (top / f"calm-{i}.service").mkdir()
        for i in range(CONTAINERS):
            tell(root, i, {"Running": True})
        measure(top, root)
    finally:
        for group in top.iterdir() if top.exists() else []:
            if group.is_dir():
                group.rmdir()
        if top.exists():
            top.rmdir()
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
