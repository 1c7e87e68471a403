#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial timeout=300
"""Kernel probes where something is missing: rights, or the kernel's types. What cannot be is down and says
why, once; the rest is served; and nothing stays in the kernel."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
WITHOUT_TYPES = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]
SCRAPES = 3


@contextlib.contextmanager
def readable_binary():
    """A copy that any user may start."""
    before = support.binary()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.environ["TALLYMAN"] = shutil.copy(before, folder)
        try:
            yield
        finally:
            os.environ["TALLYMAN"] = before


def probes(samples):
    return {s.labels["probe"]: float(s.value) for s in samples["tallyman_probe_up"]}


def loads(daemon):
    """{probe: whether it is up}, when all have been tried."""
    support.wait_for(lambda: all(not item.get("reason") or "not been opened" not in item["reason"]
                                 for item in json.loads(daemon.get("/api/v1/sources").text)["items"]),
                     "the probes are loaded", 60)
    for _ in range(SCRAPES):
        samples = daemon.metrics()
    if not samples["container_last_seen"] or not samples["machine_cpu_cores"]:
        raise AssertionError("the rest is not served")
    return probes(samples)


def require_root():
    if os.geteuid() != 0:
        support.skip("only root may load programs and become somebody else")


def up_for_root():
    with support.Daemon() as daemon:
        return loads(daemon)


def check_said_once(daemon, names, word):
    """Of each that is down there is one line in the log that says why."""
    for name in names:
        lines = [line for line in daemon.log().splitlines()
                 if f"source={name} " in line and "not been opened" not in line]
        support.equal(len(lines), 1, f"lines about {name}")
        if word not in lines[0]:
            raise AssertionError(f"{word!r} is not in: {lines[0]}")


def test_all_load_here():
    """Also that this list is not empty, which the others are compared with."""
    require_root()
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        support.skip("this kernel has no type information")
    up = up_for_root()
    support.equal({name for name, value in up.items() if value != 1}, set(), "down")
    if len(up) < 6:
        raise AssertionError(f"few probes: {up}")


def test_two_capabilities_are_enough():
    require_root()
    wanted = up_for_root()
    capabilities = "-all,+bpf,+perfmon"
    through = [*NOBODY, f"--bounding-set={capabilities}", f"--inh-caps={capabilities}",
               f"--ambient-caps={capabilities}"]
    with readable_binary(), support.Daemon(through=through) as daemon:
        status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
        support.equal(int(re.search(r"CapEff:\s*(\S+)", status)[1], 16), 1 << 39 | 1 << 38, "capabilities")
        support.equal(loads(daemon), wanted)


def test_without_rights():
    require_root()
    with readable_binary(), support.Daemon(through=[*NOBODY, "--bounding-set=-all", "--inh-caps=-all"]) as daemon:
        up = loads(daemon)
        support.equal({name for name, value in up.items() if value != 0}, set(), "up")
        check_said_once(daemon, up, "CAP_BPF")


def test_without_types():
    require_root()
    if subprocess.run([*WITHOUT_TYPES, "true"], check=False, capture_output=True).returncode:
        support.skip("nothing can be mounted over /sys/kernel/btf here")
    with support.Daemon(through=WITHOUT_TYPES) as daemon:
        up = loads(daemon)
        support.equal({name for name, value in up.items() if value != 0}, set(), "up")
        check_said_once(daemon, up, "type information")


def readers(through):
    """How cgroups are read, and the lines of the log about it."""
    with support.Daemon("--cgroups.fast-path=auto", through=through) as daemon:
        for _ in range(SCRAPES):
            samples = daemon.metrics()
            time.sleep(0.3)  # or they share a reading
        found = {s.labels["reader"] for s in samples["tallyman_cgroup_reader"] if float(s.value) == 1}
        return found, [line for line in daemon.log().splitlines() if "reading cgroups by" in line]


def test_records_need_two_capabilities():
    require_root()
    capabilities = "-all,+bpf,+perfmon"
    wanted, _ = readers([])
    if os.path.exists("/sys/kernel/btf/vmlinux") and tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 1):
        support.equal(wanted, {"records"}, "for root")
    with readable_binary():
        found, log = readers([*NOBODY, f"--bounding-set={capabilities}", f"--inh-caps={capabilities}",
                              f"--ambient-caps={capabilities}"])
        support.equal((found, len(log)), (wanted, 1))
        found, log = readers([*NOBODY, "--bounding-set=-all", "--inh-caps=-all"])
    support.equal((found, len(log)), ({"files"}, 1))
    if "CAP_BPF" not in log[0]:
        raise AssertionError(f"no reason is in: {log[0]}")


def test_records_need_types():
    require_root()
    if subprocess.run([*WITHOUT_TYPES, "true"], check=False, capture_output=True).returncode:
        support.skip("nothing can be mounted over /sys/kernel/btf here")
    found, log = readers(WITHOUT_TYPES)
    support.equal((found, len(log)), ({"files"}, 1))
    if "type information" not in log[0]:
        raise AssertionError(f"no reason is in: {log[0]}")


def in_kernel(pid):
    """(kind, id) of all programs, maps and links that a process holds."""
    found = set()
    for file in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        text = file.read_text()
        for kind in ("link", "map", "prog"):
            match = re.search(rf"^{kind}_id:\s*(\d+)", text, re.MULTILINE)
            if match:
                found.add((kind, match[1]))
                break
    return found


def is_there(kind, number):
    shown = subprocess.run(["bpftool", kind, "show", "id", number], check=False, capture_output=True)
    return shown.returncode == 0


def pinned():
    return {str(path) for path in pathlib.Path("/sys/fs/bpf").rglob("*")}


def test_nothing_stays_after_kill():
    require_root()
    before = pinned()
    daemon = support.Daemon()
    try:
        daemon.__enter__()  # no `with`, which would want a clean end
        if not any(loads(daemon).values()):
            support.skip("no probe can be loaded here")
        held = in_kernel(daemon.process.pid)
        support.equal({kind for kind, _ in held}, {"link", "map", "prog"})
        support.equal({item for item in held if not is_there(*item)}, set(), "not shown while it runs")
        support.equal(pinned() - before, set(), "pinned")
    finally:
        daemon.kill()
    support.wait_for(lambda: not any(is_there(*item) for item in held), "nothing is left in the kernel", 60)
    support.equal(pinned() - before, set(), "pinned")


if __name__ == "__main__":
    support.main(globals())
