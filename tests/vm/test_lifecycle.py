#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900
"""Containers that come, go and come back while the exporter runs: there at the next scrape with all
that is known of them, gone at the next, and a restarted one is a new one with a new start."""

import re
import time

import bed as beds
from bed import number, require, series_of
import support

DOCKER = "docker run -d --name {0} demo/busybox:1.0 sleep 1000000"
PODMAN = "podman run -d --name {0} --network none localhost/demo/busybox:1.0 sleep 1000000"
ROOTLESS = "as_dock podman run -d --name {0} --network none localhost/demo/busybox:1.0 sleep 1000000"
CTR = "ctr run -d demo.local/busybox:1.0 {0} sleep 1000000"
CTR_STOP = "ctr -n {1} tasks kill -s 9 {0}; sleep 1; ctr -n {1} tasks rm -f {0}; ctr -n {1} containers rm {0}"
# A namespace that nobody has told the exporter of.
CTR_OTHER = """ctr -n other images import /srv/busybox-oci.tar > /dev/null
ctr -n other run -d demo.local/busybox:1.0 {0} sleep 1000000"""
NSPAWN = """cp -a /var/lib/machines/m1 /var/lib/machines/{0}
systemd-run --quiet --unit={0} --collect systemd-nspawn -q -M {0} -D /var/lib/machines/{0} /bin/sleep 1000000
for _ in $(seq 100); do machinectl show {0} > /dev/null 2>&1 && break; sleep 0.1; done"""
LXC = """mkdir -p /var/lib/lxc/{0}
grep -v uts.name /var/lib/lxc/c1/config > /var/lib/lxc/{0}/config
lxc-start -n {0}"""
RUNC = """cp -a /srv/bundle-{1} /srv/{0}; cd /srv/{0}
jq '.linux.cgroupsPath = "/bundles/{0}"' config.json > new.json; mv new.json config.json
{1} run -d {0} < /dev/null > /dev/null 2>&1"""
SYSTEMD = "systemd-run --quiet --unit={0} sleep 1000000"
CRI_UID = "77777777-aaaa-bbbb-cccc-{0:012d}"


def cri_start(name, number_):
    uid = CRI_UID.format(number_)
    parent = f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid.replace('-', '_')}.slice"
    return f"pod {name} fresh {uid} {parent} 0 'cpu_shares:2' main"


CRI_STOP = """id=$(cri_id main {0}); sandbox=$(ctr -n k8s.io containers info "$id" | jq -r '.Spec.annotations["io.kubernetes.cri.sandbox-id"]')
cri StopContainer StopContainerRequest Empty <<< "container_id:\\"$id\\" timeout:0"
cri RemoveContainer StartContainerRequest Empty <<< "container_id:\\"$id\\""
cri StopPodSandbox RunPodSandboxResponse Empty <<< "pod_sandbox_id:\\"$sandbox\\""
cri RemovePodSandbox RunPodSandboxResponse Empty <<< "pod_sandbox_id:\\"$sandbox\\""
"""

# title: (start, a command for its process, how far up its cgroup is, stop, labels)
KINDS = {
    "docker": (DOCKER, "docker inspect -f '{{{{.State.Pid}}}}' {0}", 0, "docker rm -f {0}",
               {"name": "{0}", "image": "demo/busybox:1.0"}),
    "podman": (PODMAN, "podman inspect -f '{{{{.State.Pid}}}}' {0}", 1, "podman rm -t 0 -f {0}",
               {"name": "{0}", "image": "localhost/demo/busybox:1.0"}),
    "podman, rootless": (ROOTLESS, "as_dock podman inspect -f '{{{{.State.Pid}}}}' {0}", 1,
                         "as_dock podman rm -t 0 -f {0}", {"name": "{0}", "image": "localhost/demo/busybox:1.0"}),
    "containerd CRI": (cri_start, "cri_task main {0}", 0, CRI_STOP,
                       {"pod": "{0}", "namespace": "fresh", "container": "main", "image": "demo.local/busybox:1.0"}),
    "containerd ctr": (CTR, "task default {0}", 0, CTR_STOP.replace("{1}", "default"), {"name": "{0}"}),
    "containerd ctr, a new namespace": (CTR_OTHER, "task other {0}", 0, CTR_STOP.replace("{1}", "other"),
                                        {"name": "{0}"}),
    "crun": (lambda name, _: RUNC.format(name, "crun"), "crun state {0} | jq .pid", 0, "crun delete -f {0}", {"name": "{0}"}),
    "runc": (lambda name, _: RUNC.format(name, "runc"), "runc state {0} | jq .pid", 0, "runc delete -f {0}", {"name": "{0}"}),
    "systemd service": (SYSTEMD, "systemctl show -P MainPID {0}", 0, "systemctl stop {0}", {}),
    "nspawn, own scope": (NSPAWN, "machinectl show -p Leader {0} | cut -d= -f2", 1, "machinectl kill -s KILL {0}; for _ in $(seq 50); do machinectl show {0} > /dev/null 2>&1 || break; sleep 0.1; done",
                          {"name": "{0}"}),
    "lxc": (LXC, "lxc-info -n {0} -p -H", 0, "lxc-stop -k -n {0}", {"name": "{0}"}),
}


def start_script(kind, name, number_):
    start = KINDS[kind][0]
    return start(name, number_) if callable(start) else start.format(name)


def find(bed, kind, name):
    """(pid, cgroup) of a container, by its own tool."""
    _, command, up, _, _ = KINDS[kind]
    output = bed.guest(f'pid=$({command.format(name)}); echo "@@$pid@@$(cgroup_of "$pid")"')
    pid, cgroup = re.search(r"^@@(\d+)@@(/.*)$", output, re.MULTILINE).groups()
    for _ in range(up):
        cgroup = cgroup.rpartition("/")[0]
    return int(pid), cgroup


def guest_time(bed):
    return float(bed.guest("date +%s.%N"))


def is_there(samples, cgroup, labels, name):
    found = series_of(samples, "container_info", cgroup)
    support.equal(len(found), 1, f"series of {cgroup}")
    wanted = {key: value.format(name) for key, value in labels.items()}
    support.equal({key: found[0].labels[key] for key in wanted}, wanted)
    for metric in ("container_cpu_usage_seconds_total", "container_memory_usage_bytes"):
        require(series_of(samples, metric, cgroup), f"no {metric} of {cgroup}")


def check_one(bed, kind, number_):
    name = f"fresh{number_}"
    labels, stop = KINDS[kind][4], KINDS[kind][3]
    cgroup = None
    with bed.check(kind, "new is there"):
        text = bed.guest(f"date +@@%s.%N\n{start_script(kind, name, number_)}\ndate +@@%s.%N")
        before, after = map(float, re.findall(r"^@@([\d.]+)$", text, re.MULTILINE))
        samples = bed.metrics()
        _, cgroup = find(bed, kind, name)
        is_there(samples, cgroup, labels, name)
    if not cgroup:
        return
    with bed.check(kind, "start time"):
        start = number(samples, "container_start_time_seconds", cgroup)
        require(start is not None, "there is none")
        require(before - 1.1 <= start <= after + 1.1, f"{start}, but started from {before} to {after}")
    with bed.check(kind, "removed is gone"):
        text = bed.guest(f"{stop.format(name)}\n[ ! -e '/sys/fs/cgroup{cgroup}' ] && echo @@gone || echo @@there")
        require("@@gone\n" in text, f"{cgroup} is still there")
        left = [name for name, group in bed.metrics().items() for s in group if s.labels.get("id") == cgroup]
        support.equal(left, [], f"series of {cgroup}")


def check_together(bed):
    """Two runtimes at once, several containers at once: none is missed."""
    names = {f"both{i}": kind for i, kind in enumerate(["docker", "podman", "docker", "containerd ctr"])}
    with bed.check("several at once", "new are there"):
        bed.guest("".join(f"({start_script(kind, name, 0)}) &\n" for name, kind in names.items()) + "wait")
        samples = bed.metrics()
        for name, kind in names.items():
            is_there(samples, find(bed, kind, name)[1], KINDS[kind][4], name)
    with bed.check("several at once", "removed are gone"):
        cgroups = [find(bed, kind, name)[1] for name, kind in names.items()]
        bed.guest("".join(f"({KINDS[kind][3].format(name)}) &\n" for name, kind in names.items()) + "wait")
        ids = {s.labels["id"] for s in bed.metrics()["container_info"]}
        support.equal([cgroup for cgroup in cgroups if cgroup in ids], [])


def check_restart(bed):
    """A restarted container has a cgroup of its own: counters from nothing, another start."""
    restarts = {"docker": "docker restart -t 0 job", "podman": "podman restart -t 0 pweb"}
    for kind, command in restarts.items():
        name = command.split()[-1]
        with bed.check(kind, "restart"):
            _, cgroup = find(bed, kind, name)
            directory = f"stat -c %i '/sys/fs/cgroup{cgroup}'"
            # Enough that a fresh one has less.
            bed.guest(f"(echo $BASHPID > /sys/fs/cgroup{cgroup}{'/container' if kind == 'podman' else ''}/cgroup.procs; "
                      "for _ in $(seq 60000); do :; done)")
            old, inode = bed.metrics(), bed.guest(directory)
            began = guest_time(bed)
            bed.guest(command)
            new = bed.metrics()
            _, after = find(bed, kind, name)
            support.equal(after, cgroup, "the path")
            require(bed.guest(directory) != inode, "the cgroup is the same")
            is_there(new, cgroup, KINDS[kind][4], name)
            start = number(new, "container_start_time_seconds", cgroup)
            require(start is not None and start >= began - 1.1, f"start {start}, but restarted after {began}")
            usage = [number(samples, "container_cpu_usage_seconds_total", cgroup) for samples in (old, new)]
            require(usage[1] < usage[0], f"CPU time went from {usage[0]} to {usage[1]}")


def check_late(bed, kind, title, script):
    """A runtime that begins anew is followed: what it starts from now on is known, too."""
    with bed.check(kind, title):
        bed.guest(f"{script}\n{start_script(kind, 'late', 99)}", 300)
        cgroup = find(bed, kind, "late")[1]
        end = time.monotonic() + 30
        while True:
            samples = bed.metrics()
            try:
                is_there(samples, cgroup, KINDS[kind][4], "late")
                return
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(1)


# A new file under the old name, as dpkg leaves it.
UPGRADE = """cp /usr/bin/containerd /usr/bin/containerd.new && mv /usr/bin/containerd.new /usr/bin/containerd
systemctl restart containerd
for _ in $(seq 60); do cri Version VersionRequest VersionResponse <<< '' > /dev/null 2>&1 && break; sleep 1; done"""


def check_upgrade(bed):
    """Pods outlive an upgrade of containerd, and are known after it as before."""
    (pod,) = [runtime for runtime in beds.RUNTIMES if runtime.title == "containerd CRI, burstable"]
    command = f'cgroup_of "$({pod.pid})"'
    before = bed.guest(command).strip()
    check_late(bed, "containerd CRI", "upgrade", UPGRADE)
    with bed.check("containerd CRI", "older than an upgrade"):
        support.equal(bed.guest(command).strip(), before, "its cgroup")
        is_there(bed.metrics(), before, pod.labels, "")


def test(bed):
    bed.metrics()
    for number_, kind in enumerate(KINDS):
        check_one(bed, kind, number_)
    check_together(bed)
    check_restart(bed)
    check_late(bed, "docker", "daemon restart", "systemctl restart docker")
    check_upgrade(bed)


if __name__ == "__main__":
    beds.main(test, beds.only("lifetime"))
