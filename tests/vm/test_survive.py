#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900
"""Containers that are OOM-killed and started anew between two scrapes: increase() over their kills is
exactly the kernel's number, over their restarts the runtime's, however short they lived."""

import time

import bed as beds
from bed import require
import support

# One process that touches more than its limit at once.
HOG = "dd if=/dev/zero of=/dev/null bs=100M count=1"
SETTLE = 4

WAIT_HOG = """for _ in $(seq 240); do [ "$(docker inspect -f '{{.State.Status}}' hog)" != exited ] || break; sleep 0.5; done"""
DOCKER_LOOP = f"""docker run -d --name hog --restart on-failure:2 -m 32m demo/busybox:1.0 sh -c 'sleep 2; exec {HOG}'
{WAIT_HOG}
docker inspect -f '@@{{{{.RestartCount}}}} {{{{.State.ExitCode}}}} {{{{.State.OOMKilled}}}}' hog"""
DOCKER_FLASH = f"docker run --name flash -m 32m demo/busybox:1.0 {HOG}; echo code $?"
DOCKER_RM = f"docker run --rm --name flash-rm -m 32m demo/busybox:1.0 {HOG}; echo code $?"
DOCKER_MANY = f"""for i in 1 2 3 4 5 6; do docker run --name many$i -m 32m demo/busybox:1.0 {HOG} & done
wait; true"""
PODMAN_LOOP = f"""podman run -d --name phog --network none --restart on-failure:2 -m 32m localhost/demo/busybox:1.0 sh -c 'sleep 2; exec {HOG}'
for _ in $(seq 240); do [ "$(podman inspect -f '{{{{.State.Status}}}} {{{{.RestartCount}}}}' phog)" != 'exited 2' ] || break; sleep 0.5; done
podman inspect -f '@@{{{{.RestartCount}}}} {{{{.State.ExitCode}}}}' phog"""
SERVICE_LOOP = f"""systemd-run --quiet --unit=hog -p MemoryMax=32M -p MemorySwapMax=0 -p Restart=on-failure -p RestartSec=500ms \
	-p StartLimitBurst=3 -p StartLimitIntervalSec=1000 sh -c 'sleep 1; exec {HOG}'
for _ in $(seq 120); do [ "$(systemctl is-active hog)" != failed ] || break; sleep 0.5; done
systemctl is-active hog; true"""
# As a kubelet does it: each attempt is another container in the same sandbox.
CRI_TWICE = """uid=88888888-aaaa-bbbb-cccc-000000000001
config=$(sandbox oom-1 survive $uid /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid//-/_}.slice)
id=$(cri RunPodSandbox RunPodSandboxRequest RunPodSandboxResponse <<< "config { $config }" | sed 's/.*"\\(.*\\)"/\\1/')
mkdir -p /var/log/pods/survive_oom-1_$uid/hog
for attempt in 0 1; do
	container=$(cri CreateContainer CreateContainerRequest CreateContainerResponse <<T | sed 's/.*"\\(.*\\)"/\\1/'
pod_sandbox_id:"$id" sandbox_config { $config } config {
  metadata { name:"hog" attempt:$attempt } image { image:"demo.local/busybox:1.0" }
  command:"dd" args:"if=/dev/zero" args:"of=/dev/null" args:"bs=100M" args:"count=1" log_path:"hog/$attempt.log"
  labels { key:"io.kubernetes.container.name" value:"hog" } labels { key:"io.kubernetes.pod.name" value:"oom-1" }
  labels { key:"io.kubernetes.pod.namespace" value:"survive" } labels { key:"io.kubernetes.pod.uid" value:"$uid" }
  linux { resources { memory_limit_in_bytes:33554432 } security_context { namespace_options { pid:CONTAINER } } } }
T
	)
	cri StartContainer StartContainerRequest Empty <<< "container_id:\\"$container\\""
	sleep 4
done"""


def value_of(samples, name, wanted):
    """The one value of a key, or None."""
    found = [s for s in samples.get(name, ()) if all(s.labels[k] == v for k, v in wanted.items())]
    require(len(found) < 2, f"{len(found)} series of {name} for {wanted}")
    return float(found[0].value) if found else None


def total(samples):
    return sum(float(s.value) for s in samples["container_oom_kills_total"])


def kernel_kills(bed):
    return int(bed.guest("sed -n 's/^oom_kill //p' /proc/vmstat"))


def run(bed, script):
    """Runs a script between two scrapes: samples before, right after, and when counters have settled."""
    before = bed.metrics()
    output = bed.guest(script, 300)
    print("".join(f"# {line}\n" for line in output.splitlines() if line.strip()), end="")
    first = bed.metrics()
    time.sleep(SETTLE + 1)
    return before, first, bed.metrics(), output


def expect(samples, wanted, kills, restarts, code):
    support.equal(value_of(samples, "container_oom_kills_total", wanted), kills, f"kills of {wanted}")
    support.equal(value_of(samples, "container_restarts_total", wanted), restarts, f"restarts of {wanted}")
    if code is not None:
        support.equal(value_of(samples, "container_last_exit_code", wanted), code, f"code of {wanted}")


def check_counts(bed, title, check, script, wanted, kills, restarts, code):
    """Counts from the first scrape that shows the key to the last are what has happened."""
    with bed.check(title, check):
        machine = kernel_kills(bed)
        before, first, last, _ = run(bed, script)
        support.equal(kernel_kills(bed) - machine, kills, "the kernel's own count")
        require(value_of(before, "container_oom_kills_total", wanted) is None, "there before")
        support.equal(value_of(first, "container_oom_kills_total", wanted), 0, "at first sight")
        expect(last, wanted, kills, restarts, code)
        support.equal(total(last) - total(before), kills, "over all rows")


def test(bed):
    bed.metrics()
    time.sleep(SETTLE + 1)
    check_counts(bed, "docker", "killed thrice, restarted twice", DOCKER_LOOP,
                 {"kind": "container", "name": "hog"}, 3, 2, 137)
    check_counts(bed, "docker", "killed before any scrape", DOCKER_FLASH,
                 {"kind": "container", "name": "flash"}, 1, 0, 137)
    check_counts(bed, "docker", "killed before any scrape, and removed", DOCKER_RM,
                 {"kind": "container", "name": "flash-rm"}, 1, 0, None)
    check_counts(bed, "containerd CRI", "killed twice, restarted once", CRI_TWICE,
                 {"kind": "container", "namespace": "survive", "pod": "oom-1", "container": "hog"}, 2, 1, 137)
    check_counts(bed, "systemd service", "killed thrice, restarted twice", SERVICE_LOOP,
                 {"kind": "service", "name": "/system.slice/hog.service"}, 3, 2, None)
    check_counts(bed, "podman", "killed thrice, restarted twice", PODMAN_LOOP,
                 {"kind": "container", "name": "phog"}, 3, 2, None)
    with bed.check("docker", "killed again, seen by a settled series"):
        before, first, _, _ = run(bed, f"docker start hog; {WAIT_HOG}")
        name = {"kind": "container", "name": "hog"}
        kills = [value_of(s, "container_oom_kills_total", name) for s in (before, first)]
        restarts = [value_of(s, "container_restarts_total", name) for s in (before, first)]
        require(kills[1] > kills[0] and restarts[1] > restarts[0], f"{kills}, {restarts}")
    with bed.check("docker", "six killed at once"):
        machine = kernel_kills(bed)
        before, _, last, _ = run(bed, DOCKER_MANY)
        support.equal(kernel_kills(bed) - machine, 6, "the kernel's own count")
        support.equal(total(last) - total(before), 6, "over all rows")
        for i in range(1, 7):
            expect(last, {"kind": "container", "name": f"many{i}"}, 1, 0, 137)


if __name__ == "__main__":
    beds.main(test, f"--containers.settle={SETTLE}s")
