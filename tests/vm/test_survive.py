#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900
"""Containers that are OOM-killed and started anew, also between two scrapes: increase() in a real Prometheus over
their kills is exactly the kernel's number, over their restarts the runtime's, however short they lived. Asked at the
time of the last sample: there is nothing then that increase() would have to guess. All of them happen at once; only
then is waited for the counters. Prometheus is 2.x on Linux 6.1 and 3.x elsewhere; where none can be had, the
exporter's own numbers are looked at alone."""

import contextlib
import time
import typing

import bed as beds
from bed import require
import prometheus
import support

INTERVAL_S = 4
SETTLE_S = 5 * INTERVAL_S  # longer than the longest time between two scrapes, some of which a busy machine misses
# One process that touches more than its limit at once.
HOG = "dd if=/dev/zero of=/dev/null bs=100M count=1"
ONCE = f"[ -e /seen ] && exec sleep 1000000; touch /seen; exec {HOG}"
AT_ONCE = 6 if support.long_run() else 3

# until WANTED COMMAND: waits for what the command says.
WAIT = """
until_is() {
	local wanted=$1 is _
	shift
	for _ in $(seq 120); do is=$("$@"); [ "$is" != "$wanted" ] || return 0; sleep 1; done
	echo "$*: $is, not $wanted"
	return 1
}
state() { "$1" inspect -f '{{.RestartCount}} {{.State.Status}}' "$2"; }
"""
AGAIN = "docker start hog\nuntil_is exited docker inspect -f '{{.State.Status}}' hog\n"
DOCKER = f"""
begin() {{ docker run --network none -m 32m --name "$@"; }}
flash() {{ local code=0; begin "$@" || code=$?; [ $code = 137 ]; }}
begin hog -d --restart on-failure:2 demo/busybox:1.0 sh -c 'sleep 2; exec {HOG}'
begin again -d --restart on-failure:5 demo/busybox:1.0 sh -c '{ONCE}'
flash flash-kept demo/busybox:1.0 {HOG} & all=$!
flash flash-removed --rm demo/busybox:1.0 {HOG} & all="$all $!"
for i in $(seq {AT_ONCE}); do flash many$i demo/busybox:1.0 {HOG} & all="$all $!"; done
for pid in $all; do wait $pid; done
until_is '1 running' state docker again
until_is '2 exited' state docker hog
"""
PODMAN = f"""
podman run -d --name pagain --network none --restart on-failure:5 -m 32m localhost/demo/busybox:1.0 sh -c '{ONCE}'
podman run -d --name pended --network none -m 32m localhost/demo/busybox:1.0 sh -c 'sleep 5; exit 5'
until_is '1 running' state podman pagain
until_is '0 exited' state podman pended
"""
# In slices of their own: of two that have gone from one at once the kernel's files do not say which was killed.
SERVICES = f"""
systemd-run --quiet --unit=hog --slice=hog -p MemoryMax=32M -p MemorySwapMax=0 -p Restart=on-failure -p RestartSec=500ms \\
	-p StartLimitBurst=3 -p StartLimitIntervalSec=1000 sh -c 'sleep 1; exec {HOG}'
systemd-run --quiet --unit=once --slice=once -p MemoryMax=32M -p MemorySwapMax=0 -p Restart=on-failure \\
	-p RestartSec=200ms sh -c '[ -e /run/once ] && exec sleep 1000000; touch /run/once; exec {HOG}'
until_is 1 systemctl show -P NRestarts once
until_is failed systemctl show -P ActiveState hog
"""
# As a kubelet does it: the second attempt is another container in the same sandbox.
POD = """
uid=88888888-aaaa-bbbb-cccc-000000000002
config=$(sandbox once-1 increase $uid /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid//-/_}.slice)
id=$(cri RunPodSandbox RunPodSandboxRequest RunPodSandboxResponse <<< "config { $config }" | sed 's/.*"\\(.*\\)"/\\1/')
mkdir -p /var/log/pods/increase_once-1_$uid/main
for attempt in 0 1; do
	[ $attempt = 0 ] && args='args:"if=/dev/zero" args:"of=/dev/null" args:"bs=100M" args:"count=1"' command=dd ||
		args='args:"1000000"' command=sleep
	container=$(cri CreateContainer CreateContainerRequest CreateContainerResponse <<T | sed 's/.*"\\(.*\\)"/\\1/'
pod_sandbox_id:"$id" sandbox_config { $config } config {
  metadata { name:"main" attempt:$attempt } image { image:"demo.local/busybox:1.0" }
  command:"$command" $args log_path:"main/$attempt.log"
  labels { key:"io.kubernetes.container.name" value:"main" } labels { key:"io.kubernetes.pod.name" value:"once-1" }
  labels { key:"io.kubernetes.pod.namespace" value:"increase" } labels { key:"io.kubernetes.pod.uid" value:"$uid" }
  linux { resources { memory_limit_in_bytes:33554432 } security_context { namespace_options { pid:CONTAINER } } } }
T
	)
	cri StartContainer StartContainerRequest Empty <<< "container_id:\\"$container\\""
	[ $attempt = 1 ] || for _ in $(seq 120); do
		ctr -n k8s.io tasks ls | grep -q "^$container .*RUNNING" || break
		sleep 1
	done
done
"""
RUNTIMES = {"docker": DOCKER, "podman": PODMAN, "containerd CRI": POD, "systemd service": SERVICES}


class Case(typing.NamedTuple):
    title: str
    check: str
    labels: dict
    kills: int
    restarts: int
    code: int | None  # of its last end, where that is its last word


def container(name):
    return {"kind": "container", "name": name}


def service(name):
    return {"kind": "service", "name": f"/{name}.slice/{name}.service"}


CASES = [
    Case("docker", "killed once, restarted", container("again"), 1, 1, None),
    Case("docker", "killed thrice, restarted twice", container("hog"), 3, 2, 137),
    Case("docker", "killed between two scrapes", container("flash-kept"), 1, 0, 137),
    Case("docker", "killed between two scrapes, and removed", container("flash-removed"), 1, 0, None),
    *(Case("docker", f"killed with others, {i + 1}", container(f"many{i + 1}"), 1, 0, 137) for i in range(AT_ONCE)),
    Case("podman", "killed once, restarted", container("pagain"), 1, 1, None),
    Case("podman", "ended by itself", container("pended"), 0, 0, 5),
    Case("containerd CRI", "killed once, restarted",
         {"kind": "container", "namespace": "increase", "pod": "once-1", "container": "main"}, 1, 1, None),
    Case("systemd service", "killed once, restarted", service("once"), 1, 1, None),
    Case("systemd service", "killed thrice, restarted twice", service("hog"), 3, 2, None),
]


def value_of(samples, name, wanted):
    """The one value of a key, or None."""
    found = [s for s in samples.get(name, ()) if all(s.labels[k] == v for k, v in wanted.items())]
    require(len(found) < 2, f"{len(found)} series of {name} for {wanted}")
    return float(found[0].value) if found else None


def total(samples):
    return sum(float(s.value) for s in samples["container_oom_kills_total"])


def kernel_kills(bed):
    return int(bed.guest("sed -n 's/^oom_kill //p' /proc/vmstat"))


def happen(bed):
    """All of it, each runtime's beside the others'."""
    begin = "".join(f"(set -e\n{script}) > /run/survive-{i} 2>&1 & pid{i}=$!\n"
                    for i, script in enumerate(RUNTIMES.values()))
    end = "".join(f"wait $pid{i} || {{ echo \"{title}: code $?\"; cat /run/survive-{i}; bad=1; }}\n"
                  for i, title in enumerate(RUNTIMES))
    bed.guest(f"{WAIT}{begin}bad=0\n{end}[ $bad = 0 ]", 500)


def is_settled(bed):
    time.sleep(2)
    samples = bed.metrics()
    return all(value_of(samples, "container_oom_kills_total", case.labels) == case.kills and
               value_of(samples, "container_restarts_total", case.labels) == case.restarts for case in CASES)


def at_last_sample(server, expression):
    """Expression's values at the time of the last scrape."""
    last = server.scalar('timestamp(up{job="tallyman"})')
    return [float(series["value"][1]) for series in server.api("query", query=expression, time=last)["result"]]


def check_case(bed, server, samples, case):
    with bed.check(case.title, case.check):
        support.equal(value_of(samples, "container_oom_kills_total", case.labels), case.kills, "kills")
        support.equal(value_of(samples, "container_restarts_total", case.labels), case.restarts, "restarts")
        if case.code is not None:
            support.equal(value_of(samples, "container_last_exit_code", case.labels), case.code, "code")
    if not server:
        return
    with bed.check(case.title, f"increase(): {case.check}"):
        labels = "{" + ",".join(f'{key}="{value}"' for key, value in case.labels.items()) + "}"
        support.equal(at_last_sample(server, f"increase(container_oom_kills_total{labels}[1h])"),
                      [float(case.kills)], "kills")
        support.equal(at_last_sample(server, f"increase(container_restarts_total{labels}[1h])"),
                      [float(case.restarts)], "restarts")


def check_again(bed):
    """A counter that has settled rises at once."""
    with bed.check("docker", "killed again, seen by a settled series"):
        before = bed.metrics()
        bed.guest(WAIT + AGAIN, 300)
        after = bed.metrics()
        for name in ("container_oom_kills_total", "container_restarts_total"):
            values = [value_of(samples, name, container("hog")) for samples in (before, after)]
            require(values[1] > values[0], f"{name}: {values}")


def wait_for_scrape(server):
    """Until a scrape has been stored that began after now: one that is under way may have seen older values.
    timestamp() knows the time of a sample of a bare selector only."""
    now, up = time.time(), 'up{job="tallyman"}'
    support.wait_for(lambda: (server.scalar(f"timestamp({up})") or 0) > now and server.scalar(up) == 1,
                     "another scrape", 15 * INTERVAL_S)


def start_prometheus(bed, stack):
    """A Prometheus that has scraped the machine, or None."""
    major = 2 if beds.KERNEL == "6.1" else 3
    try:
        prometheus.fetch(major)
    except support.Skip as reason:
        bed.row("all", "increase()", "skip", str(reason))
        return None
    times = {"scrape_interval": f"{INTERVAL_S}s", "scrape_timeout": f"{INTERVAL_S}s"}
    server = stack.enter_context(prometheus.Prometheus(
        major, [prometheus.scrape_config("tallyman", bed.port, **times)]))
    support.wait_for(lambda: server.scalar('up{job="tallyman"}') == 1, "a scrape", 120)
    return server


def test(bed):
    with contextlib.ExitStack() as stack:
        server = start_prometheus(bed, stack)
        kills, before = kernel_kills(bed), bed.metrics()
        happen(bed)
        with contextlib.suppress(AssertionError):  # what is not is said below
            support.wait_for(lambda: is_settled(bed), "counters have settled", SETTLE_S + 60)
        if server:
            wait_for_scrape(server)
        samples = bed.metrics()
        for case in CASES:
            check_case(bed, server, samples, case)
        with bed.check("all", "OOM kills as the kernel counts them"):
            wanted = sum(case.kills for case in CASES)
            support.equal(kernel_kills(bed) - kills, wanted, "the kernel's own count")
            support.equal(total(samples) - total(before), wanted, "over all rows")
        check_again(bed)
        if server:
            with bed.check("all", "increase() over all rows"):
                wait_for_scrape(server)
                (told,) = at_last_sample(server, "sum(increase(container_oom_kills_total[1h]))")
                support.equal(round(told, 6), kernel_kills(bed) - kills)
                support.equal(server.complaints(), [])


if __name__ == "__main__":
    beds.main(test, f"--containers.settle={SETTLE_S}s {beds.only('lifetime')}")
