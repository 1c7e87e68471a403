# SPDX-License-Identifier: Apache-2.0
"""Situations that somebody must know of: what brings real containers of the bed into each, what ends it,
and the alerts that it is the cause of. Durations of rules are divided by FACTOR where these are used, but what
they look back upon by LESS: a rate is of some use only over many scrapes, which come late in a busy machine.

An emulated processor is slow: as far as can be these are the containers that the bed has already, with a limit set
and a process put beside theirs."""

import contextlib
import pathlib
import tempfile

import bed as beds
from bed import require
import load
import support

FACTOR = 20
LESS = 10
# What the alerts need. Two that scrape share what is read, which is dear there; so are the probes, of which the
# rules have no need.
LIGHT = ("--containers.settle=5s --web.min-scrape-interval=3500ms --metrics.enable=container_file_descriptors "
         + beds.only())
# What the dashboards need. The probes would cost more than their budget: that is proved elsewhere.
FLAGS = ("--containers.settle=5s --probe.budget=0 --probe.max-memory=96 --web.min-scrape-interval=3500ms"
         " --collector.requests --collector.tcp --collector.udp"
         " --metrics.enable=container_file_descriptors --metrics.enable=container_sockets"
         " --metrics.enable=container_blkio_duration_seconds")

# {alert: {who}}: what is the matter at first, by the label that tells them apart.
FIRST = {
    "ContainerMemoryNearLimit": {"cgroupfs"},
    "ContainerMemoryThrottled": {"api"},
    "ContainerOOMKilled": {"gone"},
    "ContainerStalledOnIO": {"plain2"},
    "ContainerStalledOnMemory": {"pinched"},
    "ContainerCPUThrottled": {"hostnet"},
    "ContainerCPUNearQuota": {"hostnet"},
    "ContainerIOAtLimit": {"bundle-runc"},
    "ContainerThreadsNearLimit": {"pcgroupfs"},
    "ContainerForksFail": {"pcgroupfs"},
    "ContainerStorageNearlyFull": {"/srv/small"},
    "ContainerInodesNearlyFull": {"/srv/small"},
    "ContainerRestartLoop": {"flapper"},
    "ContainerFilesNearLimit": {"plain1"},
}
SECOND = {
    "ContainerMemoryReachesLimitSoon": {"pweb"},
    "ContainerOOMKilled": {"cgroupfs"},
    "ContainerStorageFull": {"/srv/small"},
    "ContainerStalledOnCPU": {"victim"},
}
# Not awaited: what swaps waits for memory or for the disk, as the kernel sees it, or is killed where the disk is too
# slow for it, and comes near its limit; load.STEADY grows for dashboards.
SWAPS = ("ContainerMemoryNearLimit", "ContainerOOMKilled", "ContainerStalledOnIO", "ContainerStalledOnMemory")
MAYBE = {**{alert: {"bundle-crun"} for alert in SWAPS}, "ContainerMemoryReachesLimitSoon": {"c1"}}
# An exporter on this host that has every trouble which can be made on the spot.
SICK = {
    "TallymanIdentityMissing": {""},
    "TallymanConfigNotReloaded": {""},
    "TallymanSeriesDropped": {"workloads"},
    "TallymanSourceDown": {"network", "filesystem"},
}

# The containers: $NAME is a process of each, $NAME_at its cgroup. To ask all the runtimes takes long: once is enough.
FIND = r"""
cg=/sys/fs/cgroup
hungry=$(docker inspect -f '{{.State.Pid}}' cgroupfs)
hostnet=$(docker inspect -f '{{.State.Pid}}' hostnet)
read -r -d '' forker leaker < <(podman inspect -f '{{.State.Pid}}' pcgroupfs pweb) || true
crawler=$(cri_task api web-cgfs)
swapper=$(crun state bundle-crun | jq .pid)
writer=$(runc state bundle-runc | jq .pid)
opener=$(task default plain1)
waiter=$(task default plain2)
for name in hungry hostnet forker leaker crawler swapper writer waiter; do
	declare "${name}_at=$(cgroup_of "${!name}")"
done
declare -p cg opener {hungry,hostnet,forker,leaker,crawler,swapper,writer,waiter}{,_at} > /run/places
"""

# evict NAME ends all in it but that process.
PLACES = beds.BUNDLES + load.ENTER + r"""
. /run/places
evict() {
	local at="$1_at" pid others
	for _ in $(seq 100); do # what one of them has just started, too
		others=$(grep -vx "${!1}" "$cg${!at}/cgroup.procs") || return 0
		for pid in $others; do
			kill -9 "$pid" 2> /dev/null
		done
		sleep 0.2
	done
}
"""

START = FIND + PLACES + r"""
# Whatever containers do, the exporter is read; but the kernel's own threads, which let through what waits for a limit,
# are not to come too late for that.
systemctl set-property --runtime tallyman.service CPUWeight=10000
systemctl set-property --runtime system.slice CPUWeight=500
echo 500 > "$cg/bundles/cpu.weight"

docker run -d --name flapper -m 64m --restart=always --network none demo/busybox:1.0 sh -c 'exit 3' > /dev/null

# Gone when the OOM killer has come, which the exporter sees from outside.
bundle gone "$(memory 24)" 'sleep 15; exec tail /dev/zero'
(setsid sh -c 'until [ "$(runc state gone | jq -r .status)" = stopped ]; do sleep 2; done; runc delete gone') > /dev/null 2>&1 < /dev/null &

# A writable layer on a small file system.
mkdir -p /srv/small /srv/filler-root
mount -t tmpfs -o size=40m,nr_inodes=500 small /srv/small
mkdir /srv/small/upper /srv/small/work
mount -t overlay -o lowerdir=/srv/busybox,upperdir=/srv/small/upper,workdir=/srv/small/work overlay /srv/filler-root
chmod 755 /srv/filler-root/dev
bundle filler "$(memory 128) | .root.path = \"/srv/filler-root\"" \
	'dd if=/dev/zero of=/file bs=1M count=36 2> /dev/null; n=0; while [ $n -lt 460 ]; do n=$((n+1)); : > /f$n; done; sleep 1000000'

enter "$waiter_at" sh -c 'exec dd if=/dev/zero bs=64k oflag=direct >&3' 3<> /dev/vdb # it may not open it
echo 0 > "$cg$hungry_at/memory.swap.max"
enter "$hungry_at" dd if=/dev/zero of=/proc/"$hungry"/root/dev/shm/a bs=1M count=59
echo 20 > "$cg$forker_at/pids.max"
enter "$forker_at" dash -c 'n=0; while [ $n -lt 30 ]; do n=$((n+1)); sleep 1000000 & done'
prlimit --pid "$opener" --nofile=3
# One write is let through each second, so rarely that it matters little if the machine is late for it: the kernel
# takes away what was not used in time.
echo '254:0 wbps=131072' > "$cg$writer_at/io.max"
for n in 1 2 3 4 5 6; do # so many that something waits for the limit all the time
	enter "$writer_at" dd if=/dev/zero of=/var/tmp/limited$n bs=128k oflag=direct
done
echo '30000 1000000' > "$cg$hostnet_at/cpu.max" # in long periods: one that a busy machine is late for is not lost
enter "$hostnet_at" sh -c 'while :; do :; done'
# Of its 64 MiB almost two thirds soon, and a little more all the time.
enter "$leaker_at" python3 -c '
import time
held = [b"x" * (36 << 20)]
while len(held) < 400:
	held.append(b"x" * (1 << 15))
	time.sleep(1)
time.sleep(1000000)'
mkdir /run/crawler
mount -t tmpfs crawler /run/crawler
echo 16M > "$cg$crawler_at/memory.high"
enter "$crawler_at" sh -c 'while :; do dd if=/dev/zero of=/run/crawler/a bs=64k count=640; done'
# It reads over and over more pages than it may have. Who writes faster than a slow disk takes is killed: so they are
# filled slowly, and then only read.
echo 12M > "$cg$swapper_at/memory.max"
cat > /run/swapper.py <<'P'
import time
held = bytearray(20 << 20)
for i in range(0, len(held), 4096):
	held[i] = 1
	if i % (1 << 18) == 0:
		time.sleep(0.2)
while True:
	for i in range(0, len(held), 4096):
		held[i]
P
enter "$swapper_at" sh -c 'while :; do python3 /run/swapper.py; done'
# It has no memory.high, but the group above it has, and little to give back.
bundle pinched "$(memory 64) | .linux.cgroupsPath = \"/pinch/pinched\"" 'sleep 1000000'
echo 12M > "$cg/pinch/memory.high"
cat > /run/pinched.py <<'P'
held = bytearray(11 << 20)
for i in range(0, len(held), 4096):
	held[i] = 1
while True:
	more = bytearray(4 << 20)
	for i in range(0, len(more), 4096):
		more[i] = 1
P
enter /pinch/pinched python3 /run/pinched.py
"""

# What is done once these alerts have fired: an OOM kill beside a process that lives on, a full disk; and two on one
# processor that nobody else has, of which the second takes almost all.
ESCALATE = PLACES + r"""
for name in crawler swapper writer hostnet forker; do
	evict $name
done
docker rm -f flapper > /dev/null
echo 1 > "$cg/pinch/cgroup.kill"
for _ in $(seq 50); do # it removes the group, which has to be empty
	runc delete -f pinched > /dev/null 2>&1
	rmdir "$cg/pinch/pinched" "$cg/pinch" 2> /dev/null
	[ -d "$cg/pinch" ] || break
	sleep 0.2
done
enter "$hungry_at" busybox tail /dev/zero
in_container filler 'dd if=/dev/zero of=/more bs=1M count=10 2> /dev/null; true'
echo +cpuset > "$cg/cgroup.subtree_control"
mkdir "$cg/isle"
echo 1 > "$cg/isle/cpuset.cpus"
echo root > "$cg/isle/cpuset.cpus.partition"
for name in victim hog; do
	bundle $name "$(memory 64) | .linux.cgroupsPath = \"/isle/$name\" |
		.linux.resources.cpu = {shares: $([ $name = hog ] && echo 262144 || echo 2)}" 'while :; do :; done'
done
"""

RELIEVE = PLACES + r"""
for name in hog victim; do
	runc delete -f $name
done
evict waiter
rmdir "$cg/isle"
in_container filler 'rm -f /f* /file /more'
evict leaker
rm -f /proc/"$hungry"/root/dev/shm/a
echo 100 > "$cg$forker_at/pids.max"
prlimit --pid "$opener" --nofile=1024
"""


def keys(*tables):
    return {(alert, name) for table in tables for alert, names in table.items() for name in names}


def who(labels):
    """The label that tells apart what an alert is about."""
    for name in ("device", "source", "dropped", "probe"):
        if labels["alertname"].startswith(("ContainerStorage", "ContainerInodes", "Tallyman")) and name in labels:
            return labels[name]
    return labels.get("container") or labels.get("name", "")


def add_disks(bed):
    """Three more disks: /dev/vdb takes 256 KiB a second, /dev/vdc cannot be read, /dev/vdd is for swap, and slow."""
    swap = bed.machine.folder / "swap"
    with open(swap, "wb") as file:
        file.truncate(160 << 20)
    disks = {
        "vdb": "driver=null-co,size=8589934592,throttling.bps-total=262144",
        "vdc": "driver=blkdebug,image.driver=null-co,image.size=8388608,inject-error.0.event=none,"
               "inject-error.0.iotype=read,inject-error.0.errno=5",
        "vdd": f"driver=raw,file.driver=file,file.filename={swap},throttling.bps-total=2097152",
    }
    for name, drive in disks.items():
        # One after the other: the guest gives names in the order in which it finds them.
        answer = bed.machine.monitor(f"drive_add 0 if=none,id=drive-{name},{drive}")
        answer += bed.machine.monitor(f"device_add virtio-blk-pci,drive=drive-{name},id=disk-{name}")
        require("rror" not in answer.replace("inject-error", ""), f"{name} is not taken: {answer}")
        bed.guest(f"for _ in $(seq 100); do [ -b /dev/{name} ] && exit; sleep 0.1; done; exit 1")


def without_limit(bed):
    """The containers and VMs that neither have a memory limit nor are below one, by the kernel's files. One that has
    only just been started may not have got it yet."""
    return without_limit_now(bed) & without_limit_now(bed)


def without_limit_now(bed):
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
            found.add(who({"alertname": "", **sample.labels}) or sample.labels["id"])
    return found


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
