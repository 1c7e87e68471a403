# SPDX-License-Identifier: Apache-2.0
"""What the tests in virtual machines share: a restored machine with the exporter in it, the workloads
that tests/vm/provision/ has started there, and the table of results.

A test is a script tests/vm/test_NAME.py, run by `tests/run vm` once for each kernel with VM_KERNEL in
the environment (`VM_KERNEL=6.12 tests/vm/test_NAME.py` alone). It prints TAP, and adds its rows to
build/vm-report.json."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import signal
import sys
import time
import traceback
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402
from support import require  # noqa: E402
import vm  # noqa: E402

KERNEL = os.environ.get("VM_KERNEL", "6.12")
REPORT = support.ROOT / "build/vm-report.json"
HERE = pathlib.Path(__file__).resolve().parent
PORT = 10061  # in the guest
MIB = 1 << 20
# Probes that a kernel refuses, which they say with the reason; any other that is refused fails the test.
# 5.10 lets no such program keep something with a socket (since 5.11).
CANNOT = {"5.10": ("connections", "requests")}
PROBES = ("blkio", "connections", "lifetime", "memory_stalls", "runqueue", "syscalls")  # that are on by default

# Functions that the scripts for the guest use; a workload is found by its own tools, as a process.
PRELUDE = r"""
set -u
as_dock() {
	(cd /home/dock && setpriv --reuid dock --regid dock --init-groups env -i HOME=/home/dock PATH="$PATH" \
		XDG_RUNTIME_DIR=/run/user/"$(id -u dock)" \
		DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/"$(id -u dock)"/bus "$@")
}
task() { ctr -n "$1" tasks ls | awk -v id="$2" '$1 == id { print $2 }'; }
cri_id() { ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.container.name\"==$1,labels.\"io.kubernetes.pod.name\"==$2"; }
cri_task() { task k8s.io "$(cri_id "$1" "$2")"; }
cgroup_of() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
# What the provisioning drives the CRI by.
eval "$(sed -n '/^cri()/,/^}/p;/^sandbox()/,/^}/p;/^pod()/,/^}/p' /provision/40-containerd.sh)"
"""

# bundle NAME CHANGES COMMAND: a container by runc, quickly made, its config.json changed by jq;
# memory MIB, $shm and $data are such changes.
BUNDLES = r"""
bundle() {
	mkdir -p "/srv/$1"
	jq --arg name "$1" --arg command "$3" '.root = {path: "/srv/bundle-runc/rootfs", readonly: false} |
		.linux.cgroupsPath = "/bundles/" + $name | .process.args = ["sh", "-c", $command] |
		.process.capabilities = {} | .hostname = $name | '"$2" /srv/bundle-runc/config.json > "/srv/$1/config.json"
	runc run -d -b "/srv/$1" "$1" < /dev/null > /dev/null 2>&1
}
in_container() { nsenter -t "$(runc state "$1" | jq .pid)" -a sh -c "$2"; }
memory() { echo ".linux.resources.memory = {limit: ($1 * 1048576), swap: ($1 * 1048576)}"; }
# Files in /dev/shm are memory that nothing can drop.
shm='(.mounts[] | select(.destination == "/dev/shm").options) = ["nosuid", "nodev", "mode=1777", "size=300m"]'
data='.mounts += [{destination: "/data", type: "bind", source: "/var/tmp", options: ["rbind", "rw"]}]'
"""


def only(*probes):
    """Flags for a script that needs no other probe: all of them together make an emulated machine slow, and
    each start and each scrape. What all together do, test_runtimes.py, test_probes.py and test_smoke.py see."""
    return " ".join(f"--no-collector.{probe}" for probe in PROBES if probe not in probes)


class Runtime(typing.NamedTuple):
    """A workload of the bed. `pid` is a command for its process, `up` how far above the process's
    cgroup its own is; the rest is what the exporter has to say of it."""
    title: str
    pid: str
    kind: str
    runtime: str
    labels: dict
    up: int = 0
    memory: int | None = None
    cpu: int | None = None  # quota in microseconds of each 100,000
    pids: int | None = None
    io: dict = {}
    stats: str | None = None  # see test_runtimes.py


def podman(title, name, up=1, **more):
    return Runtime(title, f"podman inspect -f '{{{{.State.Pid}}}}' {name}", "container", "podman",
                   {"name": name, "image": "localhost/demo/busybox:1.0"}, up=up, stats=f"podman {name}", **more)


def cri(title, namespace, pod, container, **more):
    return Runtime(title, f"cri_task {container} {pod}", "container", "containerd",
                   {"namespace": namespace, "pod": pod, "container": container,
                    "image": "demo.local/busybox:1.0"}, stats=f"cri {container} {pod}", **more)


RUNTIMES = [
    Runtime("docker", "docker inspect -f '{{.State.Pid}}' web", "container", "docker",
            {"name": "web", "image": "demo/busybox:1.0"}, memory=64 * MIB, cpu=50000, pids=100,
            stats="docker web"),
    Runtime("docker, host network", "docker inspect -f '{{.State.Pid}}' hostnet", "container", "docker",
            {"name": "hostnet", "image": "demo/busybox:1.0"}, stats="docker hostnet"),
    Runtime("docker, cgroupfs", "docker inspect -f '{{.State.Pid}}' cgroupfs", "container", "docker",
            {"name": "cgroupfs", "image": "demo/busybox:1.0"}, memory=64 * MIB, cpu=50000, pids=100,
            stats="docker cgroupfs"),
    podman("podman", "pweb", memory=64 * MIB, cpu=50000, pids=100),
    podman("podman, network", "pnet", pids=2048),
    podman("podman pod", "api", pids=2048),
    podman("podman, cgroupfs", "pcgroupfs", up=0, memory=64 * MIB, cpu=50000, pids=100),
    Runtime("podman, rootless", "as_dock podman inspect -f '{{.State.Pid}}' rootless", "container", "podman",
            {"name": "rootless", "image": "localhost/demo/busybox:1.0"}, up=1, pids=2048),
    cri("containerd CRI, burstable", "shop", "web-7d4b9c", "api", memory=64 * MIB, cpu=50000),
    cri("containerd CRI, guaranteed", "shop", "db-0", "postgres", memory=128 * MIB, cpu=100000),
    cri("containerd CRI, best effort", "jobs", "batch-x1", "worker"),
    cri("CRI cgroupfs, burstable", "shop", "web-cgfs", "api", memory=64 * MIB, cpu=50000),
    cri("CRI cgroupfs, guaranteed", "shop", "db-cgfs", "postgres", memory=128 * MIB, cpu=100000),
    cri("CRI cgroupfs, best effort", "jobs", "batch-cgfs", "worker"),
    Runtime("containerd ctr", "task default plain1", "container", "containerd", {"name": "plain1"},
            stats="ctr plain1"),
    Runtime("containerd ctr, systemd", "task default plain2", "container", "containerd", {"name": "plain2"},
            stats="ctr plain2"),
    Runtime("crun", "crun state bundle-crun | jq .pid", "container", "crun", {"name": "bundle-crun"}),
    Runtime("runc", "runc state bundle-runc | jq .pid", "container", "runc", {"name": "bundle-runc"},
            stats="runc bundle-runc"),
    Runtime("systemd service", "systemctl show -P MainPID demo.service", "service", "", {},
            memory=64 * MIB, cpu=20000, pids=20, stats="systemd demo.service"),
    Runtime("systemd transient", "systemctl show -P MainPID tr2.service", "service", "", {},
            memory=50 * MIB, io={("/dev/vda", "Read"): 1000000}, stats="systemd tr2.service"),
    Runtime("nspawn, own scope", "machinectl show -p Leader m2 | cut -d= -f2", "machine", "systemd-nspawn",
            {"name": "m2"}, up=1, stats="systemd machine-m2.scope"),
    Runtime("nspawn, service", "machinectl show -p Leader m1 | cut -d= -f2", "machine", "systemd-nspawn",
            {"name": "m1"}, up=1, stats="systemd nsp.service"),
    Runtime("lxc", "lxc-info -n c1 -p -H", "container", "lxc", {"name": "c1"},
            memory=64 * MIB, cpu=50000, pids=50),
    Runtime("libvirt", "cat /run/libvirt/qemu/vm1.pid", "vm", "libvirt", {"name": "vm1"}, up=2,
            stats="virsh vm1"),
]


class Place(typing.NamedTuple):
    """Where a runtime's workload was found."""
    pid: int
    leaf: str  # the cgroup of its process
    id: str    # the cgroup that the exporter has to show
    limit: str  # the cgroup that the runtime limits


class Bed:
    """A machine in which the exporter runs as a service, reachable from here: restored, or, with steps of
    the provisioning, started anew."""

    def __init__(self, flags="", steps=None):
        self.flags = flags
        self.steps = steps
        self.rows = []

    def __enter__(self):
        self.port = vm.free_port()
        self.stack = contextlib.ExitStack()
        start = vm.booted if self.steps else vm.restored
        self.machine = self.stack.enter_context(start(KERNEL, [(self.port, PORT)]))
        try:
            if self.steps:
                vm.provision(self.machine, self.steps)
            self.machine.push({"tallyman": support.binary(), "work.py": HERE / "work.py",
                               "fault.py": HERE / "fault.py", "storm.py": HERE / "storm.py",
                               "talk.py": HERE / "talk.py"}, "/tallyman")
            self.start(self.flags)
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind or any(row["result"] == "FAIL" for row in self.rows):
            with contextlib.suppress(vm.VmError):
                print("# log of the exporter:\n" + "\n".join(
                    "#   " + line for line in self.guest("journalctl -u tallyman | tail -n 20").splitlines()))
        self.stack.close()

    def start(self, flags):
        """Starts the exporter in the guest, in place of one that may run."""
        self.guest(f"systemctl --quiet is-active tallyman && systemctl stop tallyman\n"
                   f"systemd-run --quiet --unit=tallyman /tallyman/tallyman --web.listen-address=0.0.0.0:{PORT} {flags}")
        support.wait_for(self.is_ready, "the exporter in the guest is ready", 60)

    def is_ready(self):
        try:
            return support.http_get("127.0.0.1", self.port, "/-/ready").status == 200
        except OSError:
            return False

    def guest(self, script, timeout=300):
        """Runs a script that must end with 0; its output."""
        code, output = self.machine.execute(PRELUDE + script, timeout)
        text = output.decode(errors="replace")
        if code:
            raise vm.VmError(f"exit code {code} from: {script[:500]}\n{text[-4000:]}")
        return text

    def get(self, path, headers=None, method="GET"):
        return support.http_get("127.0.0.1", self.port, path, headers, method, timeout=60)

    def metrics(self):
        response = self.get("/metrics")
        support.equal(response.status, 200, "/metrics")
        return support.parse_text(response.text)

    def sources(self):
        """What /api/v1/sources says of each source."""
        response = self.get("/api/v1/sources")
        support.equal(response.status, 200, "/api/v1/sources")
        return json.loads(response.text)["items"]

    def locate(self, runtimes=tuple(RUNTIMES)):
        """{title: Place} by what the runtimes' own tools and the kernel say."""
        lines = "".join(f'pid=$({r.pid})\necho "@@$pid@@$(cgroup_of "$pid")"\n' for r in runtimes)
        found = {}
        output = self.guest(lines)
        places = re.findall(r"^@@(\d+)@@(/.*)$", output, re.MULTILINE)
        if len(places) != len(runtimes):
            raise AssertionError(f"not all workloads were found:\n{output}")
        for runtime, (pid, leaf) in zip(runtimes, places):
            own = leaf
            for _ in range(runtime.up):
                own = own.rpartition("/")[0]
            # crun limits the inner one; what systemd delegates is limited from outside.
            limit = leaf if runtime.runtime == "podman" else own
            found[runtime.title] = Place(int(pid), leaf, own, limit)
        return found

    def files(self, names, more=()):
        """{path: text} of all cgroup files with these names and of further files, read in the guest."""
        match = " -o ".join(f"-name {name}" for name in names)
        output = self.guest(f"find /sys/fs/cgroup -type f '(' {match} ')' -exec tail -v -n +1 {{}} + 2> /dev/null\n"
                            f"tail -v -n +1 {' '.join(map(str, more))} /dev/null 2> /dev/null; true")
        found = {}
        for part in re.split(r"^==> ", output, flags=re.MULTILINE)[1:]:
            path, _, text = part.partition(" <==\n")
            found[path] = text.removesuffix("\n") if text.endswith("\n\n") else text
        return found

    def row(self, runtime, check, result, detail=""):
        self.rows.append({"kernel": KERNEL, "runtime": runtime, "check": check, "result": result,
                          "detail": detail})
        for line in detail.splitlines() if result == "FAIL" else []:
            print(f"#   {line}")
        word = {"pass": "ok", "FAIL": "not ok"}.get(result, "ok")
        reason = f" # SKIP {detail}" if result == "skip" else ""
        print(f"{word} {len(self.rows)} - {runtime}: {check}{reason}", flush=True)

    @contextlib.contextmanager
    def check(self, runtime, check):
        """One row of the table: passed unless the block raises."""
        try:
            yield
        except support.Skip as reason:
            self.row(runtime, check, "skip", str(reason))
        except (AssertionError, vm.VmError) as error:
            self.row(runtime, check, "FAIL", str(error))
        except Exception:  # pylint: disable=broad-except
            self.row(runtime, check, "FAIL", traceback.format_exc())
        else:
            self.row(runtime, check, "pass")


def series_of(samples, name, cgroup):
    """The samples of a metric that stand for one cgroup."""
    return [s for s in samples.get(name, ()) if s.labels.get("id") == cgroup]


def number(samples, name, cgroup, **labels):
    """The one value of a metric for a cgroup, or None; never two."""
    found = [s for s in series_of(samples, name, cgroup)
             if all(s.labels.get(key) == value for key, value in labels.items())]
    require(len(found) < 2, f"{len(found)} series of {name} for {cgroup} {labels}")
    return float(found[0].value) if found else None


def merge(script, rows):
    """Puts a script's rows for this kernel into the report, in place of those it left before."""
    REPORT.parent.mkdir(exist_ok=True)
    with open(REPORT.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = json.loads(REPORT.read_text()) if REPORT.exists() else []
        checks = {(row["runtime"], row["check"]) for row in rows} | {("the bed", script)}
        report = [row for row in report
                  if row["kernel"] != KERNEL or (row["runtime"], row["check"]) not in checks]
        fresh = REPORT.with_suffix(".new")
        fresh.write_text(json.dumps(report + rows, indent=1) + "\n")
        fresh.replace(REPORT)


def main(test, flags="", steps=None):
    """Runs test(bed) in a machine; its exit status says how it went."""
    start = time.monotonic()
    script = pathlib.Path(sys.argv[0]).stem
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bed = Bed(flags, steps)
    try:
        try:
            (vm.make_image if steps else vm.prepare)(KERNEL)
        except vm.NoKernel as reason:
            bed.row("all", "kernel", "skip", str(reason))
        else:
            with bed:
                print(f"# ready after {time.monotonic() - start:.0f} s", flush=True)
                test(bed)
    except Exception:  # pylint: disable=broad-except
        bed.row("the bed", script, "FAIL", traceback.format_exc())
    merge(script, bed.rows)
    print(f"1..{len(bed.rows)}\n# {time.monotonic() - start:.0f} s")
    sys.exit(any(row["result"] == "FAIL" for row in bed.rows))
