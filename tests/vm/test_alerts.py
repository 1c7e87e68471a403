#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain long timeout=1200
"""Alerts from end to end: real containers are driven into each situation, a real Prometheus that scrapes
the exporter in the machine evaluates the shipped rules, and a real Alertmanager brings to a webhook each
alert for its cause and no other, and its end once the cause is gone.

The rules are those of dashboards/rules/ with every duration divided by FACTOR; shipped durations are
proved by promtool (tests/rules/), and so are the alerts that have no cause here which comes when it is
called: ContainerCPUNearQuota, ContainerMemoryReachesLimitSoon, ContainerStalledOnMemory, TallymanAbsent,
TallymanScrapeIncomplete, TallymanScrapeSlow, and that a probe steps down or loses events. Prometheus is
2.x on Linux 6.1 and 3.x elsewhere; make test-full has both everywhere."""

import contextlib
import pathlib
import re
import tempfile
import time

import bed as beds
from bed import require
import alerting
import prometheus
import support

FACTOR = 15
# An emulated processor is so slow that the probes would cost more than their budget: that is proved elsewhere.
FLAGS = "--containers.settle=5s --metrics.enable=container_file_descriptors --probe.budget=0"

# {alert: {who}}: what the situations below are, by the label that tells them apart.
FIRST = {
    "ContainerMemoryNearLimit": {"hungry"},
    "ContainerMemoryThrottled": {"crawler"},
    "ContainerOOMKilled": {"gone"},
    "ContainerStalledOnIO": {"slowdisk"},
    "ContainerIOAtLimit": {"writer"},
    "ContainerThreadsNearLimit": {"forker"},
    "ContainerForksFail": {"forker"},
    "ContainerStorageNearlyFull": {"/srv/small"},
    "ContainerRestartLoop": {"flapper"},
    "ContainerFilesNearLimit": {"opener"},
}
SECOND = {
    "ContainerOOMKilled": {"hungry"},
    "ContainerStorageFull": {"/srv/small"},
    "ContainerInodesNearlyFull": {"/srv/small"},
    "ContainerCPUThrottled": {"throttled"},
    "ContainerStalledOnCPU": {"victim"},
}
# Comes with the quota when the machine has time enough to use it up all the while: not awaited.
MAYBE = {"ContainerCPUNearQuota": {"throttled"}}
# An exporter on this host that has every trouble which can be made on the spot.
SICK = {
    "TallymanIdentityMissing": {""},
    "TallymanConfigNotReloaded": {""},
    "TallymanSeriesDropped": {"workloads"},
    "TallymanSourceDown": {"network", "filesystem"},
}

# From outside: what is at its limit cannot start another process.
SHM = r"""
shm_of() { echo "/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/root/dev/shm"; }
"""

START = beds.BUNDLES + r"""
# Whatever containers do, the exporter is read.
systemctl set-property --runtime tallyman.service CPUWeight=10000
systemctl set-property --runtime system.slice CPUWeight=10000

# A writable layer on a small file system.
mkdir -p /srv/small /srv/filler-root
mount -t tmpfs -o size=40m,nr_inodes=500 small /srv/small
mkdir /srv/small/upper /srv/small/work
mount -t overlay -o lowerdir=/srv/busybox,upperdir=/srv/small/upper,workdir=/srv/small/work overlay /srv/filler-root
chmod 755 /srv/filler-root/dev
bundle filler "$(memory 128) | .root.path = \"/srv/filler-root\"" \
	'dd if=/dev/zero of=/file bs=1M count=36 2> /dev/null; sleep 1000000'
bundle opener "$(memory 64) | .process.rlimits = [{type: \"RLIMIT_NOFILE\", hard: 11, soft: 11}]" \
	'exec 3< /bin/sh 4< /bin/sh 5< /bin/sh 6< /bin/sh 7< /bin/sh 8< /bin/sh 9< /bin/sh; exec sleep 1000000'
bundle crawler "$(memory 256) | $shm | .linux.resources.unified = {\"memory.high\": \"25165824\"}" \
	'while :; do dd if=/dev/zero of=/dev/shm/a bs=64k count=1600 2> /dev/null; done'
bundle writer "$(memory 64) | $data |
	.linux.resources.blockIO = {throttleWriteBpsDevice: [{major: 254, minor: 0, rate: 262144}]}" \
	'for n in 1 2 3 4; do dd if=/dev/zero of=/data/limited$n bs=64k oflag=direct 2> /dev/null & done; wait'
bundle slowdisk "$(memory 64) | .mounts += [{destination: \"/disk\", type: \"bind\", source: \"/dev/vdb\", options: [\"bind\", \"rw\"]}] |
	.linux.resources.devices += [{allow: true, type: \"b\", major: 254, minor: 16, access: \"rwm\"}]" \
	'exec dd if=/dev/zero of=/disk bs=64k oflag=direct 2> /dev/null'

docker run -d --name flapper -m 64m --restart=always --network none demo/busybox:1.0 sh -c 'exit 3' > /dev/null
# Gone when the OOM killer has come, which the exporter sees from outside.
docker run -d --rm --name gone -m 24m --memory-swap 24m --network none demo/busybox:1.0 sh -c \
	'sleep 15; exec tail /dev/zero' > /dev/null
docker run -d --name hungry -m 64m --memory-swap 64m --shm-size 300m --network none demo/busybox:1.0 sh -c \
	'dd if=/dev/zero of=/dev/shm/a bs=1M count=59 2> /dev/null; exec sleep 1000000' > /dev/null
podman run -d --name forker -m 64m --pids-limit 20 --network none localhost/demo/busybox:1.0 sh -c \
	'(n=0; while [ $n -lt 30 ]; do n=$((n+1)); sleep 1000000 & done) 2> /dev/null; exec sleep 1000000' > /dev/null
"""

# What is done once these alerts have fired: an OOM kill beside a process that lives on, a full disk; and
# what is dear: a quota that runs out, and two on one processor, of which the second takes almost all,
# also from one that would start. The system keeps to the other processor.
ESCALATE = beds.BUNDLES + SHM + r"""
docker rm -f flapper > /dev/null
docker exec hungry dd if=/dev/zero of=/dev/shm/b bs=1M count=100 > /dev/null 2>&1
rm -f "$(shm_of hungry)/b"
in_container filler 'dd if=/dev/zero of=/more bs=1M count=10 2> /dev/null; true'
in_container filler 'n=0; while [ $n -lt 470 ]; do n=$((n+1)); : > /f$n; done 2> /dev/null; true'
systemctl set-property --runtime system.slice AllowedCPUs=0
bundle throttled "$(memory 64) | .linux.resources.cpu = {quota: 3000, period: 100000}" 'while :; do :; done'
bundle victim "$(memory 64) | .linux.resources.cpu = {cpus: \"1\", shares: 2}" 'while :; do :; done'
bundle hog "$(memory 64) | .linux.resources.cpu = {cpus: \"1\", shares: 262144}" 'while :; do :; done'
"""

RELIEVE = beds.BUNDLES + SHM + r"""
for name in hog victim throttled opener writer slowdisk crawler; do
	runc delete -f $name
done
systemctl set-property --runtime system.slice AllowedCPUs=
in_container filler 'rm -f /f* /file /more'
rm -f "$(shm_of hungry)/a"
podman rm -f forker > /dev/null
"""


def who(labels):
    """The label that tells apart what an alert is about."""
    for name in ("device", "source", "dropped", "probe"):
        if labels["alertname"].startswith(("ContainerStorage", "ContainerInodes", "Tallyman")) and name in labels:
            return labels[name]
    return labels.get("name", "")


def add_disk(bed):
    """A second disk, /dev/vdb, that takes 256 KiB a second."""
    answer = bed.machine.monitor("drive_add 0 if=none,id=slow,driver=null-co,size=8589934592,throttling.bps-total=262144")
    answer += bed.machine.monitor("device_add virtio-blk-pci,drive=slow,id=slowdisk")
    require("rror" not in answer, f"the disk is not taken: {answer}")
    bed.guest("for _ in $(seq 100); do [ -b /dev/vdb ] && exit; sleep 0.1; done; exit 1")


@contextlib.contextmanager
def sick_exporter():
    """Its port, and what is to be told of it. It reads a hierarchy of files, so that no probe is attached."""
    with tempfile.TemporaryDirectory(prefix="tallyman-sick-") as folder:
        config = pathlib.Path(folder, "tallyman.yaml")
        config.write_text("cgroups: {max: 3}\n")
        root = support.FIXTURES / "debian-6.12"
        pathlib.Path(folder, "proc").mkdir()
        with support.Daemon(f"--config.file={config}", "--no-collector.info", f"--path.cgroupfs={root}/cgroup",
                            f"--path.procfs={folder}/proc", f"--path.sysfs={root}/sys",
                            f"--path.rootfs={root}/root") as daemon:
            config.write_text("nonsense: 1\n")
            daemon.reload()
            daemon.wait_log("broken")
            daemon.metrics()
            probes = {s.labels["probe"] for s in daemon.metrics().get("tallyman_probe_up", ()) if s.value == "0"}
            yield daemon.port, {**SICK, "TallymanProbeDown": probes}


def without_limit(bed):
    """The containers and VMs that neither have a memory limit nor are below one, by the kernel's files."""
    files = bed.files(["memory.max"])
    found = set()
    for sample in bed.metrics()["container_info"]:
        if sample.labels["kind"] not in ("container", "vm"):
            continue
        path, limits = sample.labels["id"], []
        while path:
            limits.append(files.get(f"/sys/fs/cgroup{path}/memory.max", "max").strip())
            path = path.rpartition("/")[0]
        inner = files.get(f"/sys/fs/cgroup{sample.labels['id']}/container/memory.max", "max").strip()
        if set(limits) | {inner} == {"max"}:
            found.add(sample.labels["name"] or sample.labels["id"])
    return found


class Post:
    """What has arrived at the webhook."""

    def __init__(self, webhook):
        self.webhook = webhook

    def fired(self):
        return {(a.labels["alertname"], who(a.labels)) for a in list(self.webhook.arrived) if a.status == "firing"}

    def resolved(self):
        """What has fired and is over."""
        last = {(a.labels["alertname"], who(a.labels)): a.status for a in list(self.webhook.arrived)}
        return {key for key, status in last.items() if status == "resolved"}

    def wait(self, keys, state, within):
        """Waits until all of these have arrived as fired, or as resolved."""
        end = time.monotonic() + within
        while missing := keys - state():
            require(time.monotonic() < end, f"not {state.__name__} within {within} s: {sorted(missing)}")
            time.sleep(0.5)

    def first(self, alert, name):
        return next(a for a in self.webhook.arrived if a.labels["alertname"] == alert and who(a.labels) == name)


def keys(table):
    return {(alert, name) for alert, names in table.items() for name in names}


def check_arrived(bed, title, post, expected):
    """Rows of the table: each alert for its cause, with its labels; and no other."""
    for alert, name in sorted(expected):
        with bed.check(title, f"{alert} {name}".strip()):
            arrived = post.first(alert, name)
            labels, notes = arrived.labels, arrived.annotations
            require(labels["cluster"] == "bed" and labels["instance"], f"labels of its target: {labels}")
            require(labels["severity"] in ("critical", "warning", "info"), f"severity: {labels}")
            support.equal(notes["runbook_url"], f"docs/runbooks/{alert}.md")
            # Those of a pod are called by the pod and by their place in it.
            called = labels.get("container") or labels.get("name", "")
            require("<" not in notes["description"] and called in notes["description"],
                    f"description: {notes['description']}")
            if labels["severity"] != "info":  # what tells of a limit that is not there has none to tell
                require(re.search(r"\d", notes["description"]), f"no number: {notes['description']}")
    with bed.check(title, "nothing else"):
        support.equal(sorted(post.fired() - expected - keys(MAYBE)), [], "alerts without a cause")


def situation(bed, title, post, always):
    """All of it but the end; what was expected."""
    first = keys({**FIRST, **always})
    with bed.check(title, "fired"):
        post.wait(first, post.fired, 240)
    bed.say("fired")
    bed.guest(ESCALATE)
    bed.say("escalated")
    with bed.check(title, "escalated"):
        post.wait({("ContainerStorageNearlyFull", "/srv/small")}, post.resolved, 120)
        post.wait(keys(SECOND), post.fired, 240)
    bed.say("fired")
    bed.guest(RELIEVE)
    bed.say("relieved")
    with bed.check(title, "resolved"):
        post.wait(keys(FIRST) | keys(SECOND), post.resolved, 240)
    bed.say("resolved")
    return first | keys(SECOND)


def check_down(bed, title, post):
    down = {("TallymanDown", "")}
    with bed.check(title, "TallymanDown"):
        bed.guest("systemctl kill -s STOP tallyman")
        post.wait(down, post.fired, 120)
        bed.guest("systemctl kill -s CONT tallyman")
        post.wait(down, post.resolved, 120)
    bed.say("down, and up again")


def scrapes(server):
    """How the scrapes of the machine went, for the log."""
    seconds = 'scrape_duration_seconds{job="any-name"}[1h]'
    return ", ".join(f"{name} {server.scalar(query):.2f}" for name, query in (
        ("scrape on average", f"avg_over_time({seconds})"), ("at most", f"max_over_time({seconds})"),
        ("share of good ones", 'avg_over_time(up{job="any-name"}[1h])')))


def check_with(bed, major):
    title = f"alerts, Prometheus {major}"
    prometheus.fetch(major)
    alerting.fetch()
    free = without_limit(bed)
    times = {"scrape_interval": "4s", "scrape_timeout": "4s", "honor_labels": True}
    labels = {"cluster": "bed", "node": "vm"}
    with alerting.Webhook() as webhook, alerting.Alertmanager(webhook.port) as manager, sick_exporter() as (port, sick), \
            alerting.scaled_rules(FACTOR) as rules:
        jobs = [prometheus.scrape_config("any-name", bed.port, labels, **times),
                prometheus.scrape_config("sick", port, {"cluster": "bed"}, **times)]
        with prometheus.Prometheus(major, jobs, rules=rules, alertmanager=manager.port) as server:
            server.wait_scrapes(2)
            bed.guest(START)
            bed.say("started")
            post = Post(webhook)
            expected = situation(bed, title, post, {**sick, "ContainerWithoutMemoryLimit": free})
            check_arrived(bed, title, post, expected)
            bed.say(scrapes(server))
            check_down(bed, title, post)
            with bed.check(title, "rules evaluate"):
                broken = [(rule["name"], rule.get("lastError")) for group in server.api("rules")["groups"]
                          for rule in group["rules"] if rule["health"] != "ok"]
                support.equal(broken, [])


def test(bed):
    start = time.monotonic()
    bed.say = lambda what: print(f"# {time.monotonic() - start:.0f} s: {what}", flush=True)
    add_disk(bed)
    one = (2,) if beds.KERNEL == "6.1" else (3,)
    for major in (2, 3) if support.long_run() else one:
        try:
            check_with(bed, major)
        except support.Skip as reason:
            bed.row(f"alerts, Prometheus {major}", "all", "skip", str(reason))


if __name__ == "__main__":
    beds.main(test, FLAGS)
