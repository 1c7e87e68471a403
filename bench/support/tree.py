# SPDX-License-Identifier: Apache-2.0
"""A node of a Kubernetes cluster as a tree of files: copies of cgroup directories that were captured
on Debian with kernel 6.12 (tests/fixtures/debian-6.12), with long names, numbers of their own, and a
process with a network namespace in each pod."""

import hashlib
import pathlib
import random
import re
import shutil

from bench.support.daemon import BUILD, ROOT, note

FIXTURE = ROOT / "tests/fixtures/debian-6.12"
NODE = BUILD / "bench/node"
BURSTABLE = "kubepods.slice/kubepods-burstable.slice"
# Of sources that are off by default, or of rows that are.
LEFT_OUT = re.compile(r"hugetlb\.|rdma\.|misc\.|.*\.numa_stat$|.*\.local$")
# Counters and sizes; limits stay as they are.
VARIED = re.compile(r"(cpu\.stat|memory\.(stat|current|peak|events|swap\.current)|io\.stat|"
                    r".*\.pressure|pids\.current)$")
FIRST_PID = 100000
NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: {0} {1} 0 0 0 0 0 0 {0} {1} 0 0 0 0 0 0
  eth0: {2} {3} 0 0 0 0 0 0 {4} {5} 0 0 0 0 0 0
"""


def files_of(directory):
    return {f.name: f.read_text() for f in directory.iterdir()
            if f.is_file() and not LEFT_OUT.match(f.name)}


def vary(text, rng):
    """Other numbers of about the same length; 0 and 1 stay, as do keys and fractions."""
    return re.sub(r"(?<=[ =\n])(\d{2,})(?=\s|$)",
                  lambda m: str(int(int(m[1]) * rng.uniform(0.5, 8))), "\n" + text)[1:]


def write_group(directory, files, rng, pid=None):
    directory.mkdir(parents=True)
    for name, text in files.items():
        if VARIED.match(name):
            text = vary(text, rng)
        if name == "cgroup.procs":
            text = f"{pid}\n" if pid else ""
        (directory / name).write_text(text)


def write_process(proc, pid, netns, rng):
    """As /proc shows it; what is the same for all is copied from this very process."""
    own = proc / str(pid)
    (own / "net").mkdir(parents=True)
    (own / "ns").mkdir()
    (own / "fd").mkdir()
    (own / "ns/net").symlink_to(f"net:[{netns}]")
    for name in "status", "limits":
        (own / name).write_text(pathlib.Path("/proc/self", name).read_text())
    stat = pathlib.Path("/proc/self/stat").read_text().split(" ", 1)[1]
    (own / "stat").write_text(f"{pid} {stat}")
    (own / "net/dev").write_text(NET_DEV.format(*(rng.randrange(10**9) for _ in range(6))))
    for fd in range(3):
        (own / "fd" / str(fd)).symlink_to("/dev/null")
    for fd in range(3, 12):
        (own / "fd" / str(fd)).symlink_to(f"socket:[{rng.randrange(10**6)}]")


def hex_string(rng, digits):
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def write_node(workloads):
    """Half pods, half containers: a pod of one container is what most pods are."""
    rng = random.Random(1)
    shutil.rmtree(NODE, ignore_errors=True)
    for part in "proc", "sys":
        shutil.copytree(FIXTURE / part, NODE / part, symlinks=True)
    for name in "stat", "loadavg", "cpuinfo", "version", "uptime":
        (NODE / "proc" / name).write_text(pathlib.Path("/proc", name).read_text())
    write_process(NODE / "proc", 1, 4026531840, rng)
    (NODE / "root").mkdir()
    for name in ".", "kubepods.slice", BURSTABLE:
        write_group(NODE / "cgroup" / name, files_of(FIXTURE / "cgroup" / name), rng)
    pod = next((FIXTURE / "cgroup" / BURSTABLE).glob("kubepods-burstable-pod*"))
    container = max(pod.glob("cri-containerd-*"),
                    key=lambda d: int((d / "memory.current").read_text()))
    pod_files, container_files = files_of(pod), files_of(container)
    for files in pod_files, container_files:
        files["io.stat"] = "".join(f"{device} rbytes=29976268 wbytes=12054937 rios=4216 wios=2297 "
                                   "dbytes=0 dios=0\n" for device in ("254:0", "254:16"))
    for i in range(workloads // 2):
        uid = "_".join(hex_string(rng, n) for n in (8, 4, 4, 4, 12))
        top = NODE / "cgroup" / BURSTABLE / f"kubepods-burstable-pod{uid}.slice"
        write_group(top, pod_files, rng)
        write_group(top / f"cri-containerd-{hex_string(rng, 64)}.scope", container_files, rng,
                    pid=FIRST_PID + i)
        write_process(NODE / "proc", FIRST_PID + i, 4026532000 + i, rng)


def make(workloads):
    """Makes it unless it is there, and returns the exporter's flags that read it."""
    made_of = hashlib.sha256(pathlib.Path(__file__).read_bytes() + str(workloads).encode())
    for file in sorted(FIXTURE.rglob("*.stat")):
        made_of.update(file.read_bytes())
    mark = NODE.parent / "node.made"
    if not mark.exists() or mark.read_text() != made_of.hexdigest():
        note(f"making the files of a node with {workloads} workloads in {NODE}")
        write_node(workloads)
        mark.write_text(made_of.hexdigest())
    return [f"--path.cgroupfs={NODE}/cgroup", f"--path.procfs={NODE}/proc",
            f"--path.sysfs={NODE}/sys", f"--path.rootfs={NODE}/root"]
