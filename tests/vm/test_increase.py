#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900 kernels=6.12 long-kernels=6.1,6.12
"""increase() in a real Prometheus, over a container that was OOM-killed once and started anew, is exactly
1, also when no scrape has seen it alive. Asked at the time of the last sample: there is nothing then
that increase() would have to guess. Prometheus is 2.x on Linux 6.1 and 3.x elsewhere."""

import bed as beds
from bed import require
import prometheus
import support
from test_survive import HOG, kernel_kills

INTERVAL_S = 8
SETTLE_S = 2 * INTERVAL_S  # longer than the longest time between two scrapes
# Killed in its first life only.
ONCE = f"[ -e /seen ] && exec sleep 1000000; touch /seen; exec {HOG}"
WAIT = """for _ in $(seq 480); do [ "$({0})" != "{1}" ] || break; sleep 0.25; done; [ "$({0})" = "{1}" ]
"""


def run_docker(tool, name, flags):
    image = "demo/busybox:1.0" if tool == "docker" else "localhost/demo/busybox:1.0"
    wait = WAIT.format(f"{tool} inspect -f '{{{{.RestartCount}}}} {{{{.State.Status}}}}' {name}", "1 running")
    return f"{tool} run -d --name {name} {flags} --restart on-failure:5 -m 32m {image} sh -c '{ONCE}'\n{wait}"


SERVICE = f"""systemd-run --quiet --unit=once -p MemoryMax=32M -p MemorySwapMax=0 -p Restart=on-failure \
	-p RestartSec=200ms sh -c '[ -e /run/once ] && exec sleep 1000000; touch /run/once; exec {HOG}'
""" + WAIT.format("systemctl show -P NRestarts once", "1")

# As a kubelet does it: the second attempt is another container in the same sandbox.
POD = """uid=88888888-aaaa-bbbb-cccc-000000000002
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
	pid=$(task k8s.io "$container")
	[ $attempt = 1 ] || for _ in $(seq 480); do [ -d "/proc/$pid" ] || break; sleep 0.25; done
done
"""
FLASH = "docker run --name flash-{0} {1} -m 32m demo/busybox:1.0 {2}; [ $? = 137 ]\n"

# title, check: (script, labels, restarts, whether no scrape shall have seen it alive)
CASES = {
    ("docker", "killed once, restarted"): (run_docker("docker", "again", "--network none"), 'name="again"', 1),
    ("podman", "killed once, restarted"): (run_docker("podman", "pagain", "--network none"), 'name="pagain"', 1),
    ("containerd CRI", "killed once, restarted"):
        (POD, 'namespace="increase",pod="once-1",container="main"', 1),
    ("systemd service", "killed once, restarted"):
        (SERVICE, 'name="/system.slice/once.service"', 1),
    ("docker", "killed between two scrapes"): (FLASH.format("kept", "", HOG), 'name="flash-kept"', 0),
    ("docker", "killed between two scrapes, and removed"):
        (FLASH.format("removed", "--rm", HOG), 'name="flash-removed"', 0),
}


def wait_for_scrape(server):
    """Until another scrape has been stored."""
    before = server.scalar('timestamp(up{job="tallyman"})') or 0
    support.wait_for(lambda: (server.scalar('timestamp(up{job="tallyman"})') or 0) > before, "another scrape",
                     5 * INTERVAL_S)


def at_last_sample(server, expression):
    """Expression's values at the time of the last scrape: {labels' text: value}."""
    time = server.scalar('timestamp(up{job="tallyman"})')
    found = server.api("query", query=expression, time=time)["result"]
    return [float(series["value"][1]) for series in found]


def check_case(bed, server, title, check, case):
    script, labels, restarts = case
    with bed.check(title, f"increase() = 1: {check}"):
        machine = kernel_kills(bed)
        wait_for_scrape(server)
        bed.guest(script)
        support.equal(kernel_kills(bed) - machine, 1, "the kernel's own count")
        series = f"container_oom_kills_total{{{labels}}}"
        support.wait_for(lambda: server.scalar(series) == 1, f"{series} is 1", 300)
        wait_for_scrape(server)
        support.equal(at_last_sample(server, f"increase({series}[1h])"), [1.0], f"increase({series})")
        support.equal(at_last_sample(server, f"increase(container_restarts_total{{{labels}}}[1h])"),
                      [float(restarts)], "restarts")
        seen = server.scalar(f"count(count_over_time(container_start_time_seconds{{{labels}}}[1h]))")
        print(f"# {title}, {check}: seen alive by {int(seen or 0)} series")


def test(bed):
    major = 2 if beds.KERNEL == "6.1" else 3
    try:
        prometheus.fetch(major)
    except support.Skip as reason:
        bed.row("all", "increase()", "skip", str(reason))
        return
    bed.metrics()
    job = prometheus.scrape_config("tallyman", bed.port, scrape_interval=f"{INTERVAL_S}s",
                                   scrape_timeout=f"{INTERVAL_S}s")
    before = kernel_kills(bed)
    with prometheus.Prometheus(major, [job]) as server:
        server.wait_scrapes(1)
        for (title, check), case in CASES.items():
            check_case(bed, server, title, check, case)
        with bed.check("all", "increase() over all rows"):
            total = at_last_sample(server, "sum(increase(container_oom_kills_total[1h]))")
            require(total and round(total[0], 6) == kernel_kills(bed) - before == len(CASES),
                    f"{total}, the kernel says {kernel_kills(bed) - before}")
            support.equal(server.complaints(), [])


if __name__ == "__main__":
    beds.main(test, f"--containers.settle={SETTLE_S}s")
