#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900 long-kernels=6.1,6.12,5.10,sid
"""Every runtime's workload is there within one scrape, is who its runtime says, and every value
equals what the kernel's own file, the runtime's own tool, or work of known size says."""

import collections
import json
import re

import bed as beds
from bed import RUNTIMES, number, require, series_of
import support

# What the files mean, said again here: (metric, further labels, file, key or None, units per base unit).
# A key of a nested file such as *.pressure is (line, field).
EXPECTED = [
    ("container_cpu_usage_seconds_total", {"cpu": "total"}, "cpu.stat", "usage_usec", 1e6),
    ("container_cpu_user_seconds_total", {}, "cpu.stat", "user_usec", 1e6),
    ("container_cpu_system_seconds_total", {}, "cpu.stat", "system_usec", 1e6),
    ("container_cpu_cfs_periods_total", {}, "cpu.stat", "nr_periods", 1),
    ("container_cpu_cfs_throttled_periods_total", {}, "cpu.stat", "nr_throttled", 1),
    ("container_cpu_cfs_throttled_seconds_total", {}, "cpu.stat", "throttled_usec", 1e6),
    ("container_memory_usage_bytes", {}, "memory.current", None, 1),
    ("container_memory_swap", {}, "memory.swap.current", None, 1),
    ("container_memory_cache", {}, "memory.stat", "file", 1),
    ("container_memory_rss", {}, "memory.stat", "anon", 1),
    ("container_memory_kernel_usage", {}, "memory.stat", "kernel", 1),
    ("container_memory_failures_total", {"failure_type": "pgfault", "scope": "hierarchy"},
     "memory.stat", "pgfault", 1),
    ("container_memory_events_high_total", {}, "memory.events", "high", 1),
    ("container_memory_events_max_total", {}, "memory.events", "max", 1),
    ("container_oom_events_total", {}, "memory.events", "oom_kill", 1),
    ("container_threads", {}, "pids.current", None, 1),
    ("container_pressure_cpu_waiting_seconds_total", {}, "cpu.pressure", ("some", "total"), 1e6),
    ("container_pressure_memory_waiting_seconds_total", {}, "memory.pressure", ("some", "total"), 1e6),
    ("container_pressure_memory_stalled_seconds_total", {}, "memory.pressure", ("full", "total"), 1e6),
    ("container_pressure_io_waiting_seconds_total", {}, "io.pressure", ("some", "total"), 1e6),
    ("container_pressure_io_stalled_seconds_total", {}, "io.pressure", ("full", "total"), 1e6),
    ("container_fs_reads_bytes_total", {"device": "/dev/vda"}, "io.stat", ("254:0", "rbytes"), 1),
    ("container_fs_writes_bytes_total", {"device": "/dev/vda"}, "io.stat", ("254:0", "wbytes"), 1),
    ("container_fs_reads_total", {"device": "/dev/vda"}, "io.stat", ("254:0", "rios"), 1),
    ("container_fs_writes_total", {"device": "/dev/vda"}, "io.stat", ("254:0", "wios"), 1),
]
NETWORK = {"container_network_receive_bytes_total": 0, "container_network_receive_packets_total": 1,
           "container_network_transmit_bytes_total": 8, "container_network_transmit_packets_total": 9}


def read_value(files, cgroup, file, key):
    """The raw integer of a file, or None where the kernel gives none."""
    lines = files.get(f"/sys/fs/cgroup{'' if cgroup == '/' else cgroup}/{file}", "").splitlines()
    if key is None:
        return int(lines[0]) if lines and lines[0].isdigit() else None
    for line in lines:
        words = line.split()
        if isinstance(key, tuple) and words[:1] == [key[0]]:
            # A device without requests stands alone in its line of io.stat.
            text = dict(word.split("=") for word in words[1:]).get(key[1])
            return int(text) if text else None
        if words[:1] == [key]:
            return int(words[1])
    return None


def between(what, value, first, second):
    """A value that may have moved while it was read: between both readings, or 1 % beside."""
    low, high = min(first, second), max(first, second)
    if not low * 0.99 - 1e-6 <= value <= high * 1.01 + 1e-6:
        return [f"{what}: {value}, but {low} to {high}"]
    return []


def compare(samples, before, after, cgroup, files=None):
    """What differs between a workload's series and its files; and how many values were compared.
    `files` is the cgroup that has them: under systemd crun's containers are a child of their scope."""
    wrong, compared = [], 0
    for metric, labels, file, key, scale in EXPECTED:
        first, second = (read_value(texts, files or cgroup, file, key) for texts in (before, after))
        value = number(samples, metric, cgroup, **labels)
        if first is None or second is None:
            # A file may come into being between two readings. Without a limit there are no periods.
            if value is not None and first is None and second is None:
                wrong.append(f"{metric} of {cgroup}: {value} without a file")
            continue
        if value is None:
            if not metric.startswith("container_cpu_cfs_"):
                wrong.append(f"{metric} of {cgroup}: absent, but {first / scale}")
            continue
        compared += 1
        wrong += between(f"{metric} of {cgroup}", value, first / scale, second / scale)
    return wrong, compared


def check_scrape(bed, samples):
    """Nothing failed on the way."""
    with bed.check("the exporter", "no errors"):
        down = [s.labels["source"] for s in samples["tallyman_source_up"] if float(s.value) == 0]
        expected = beds.CANNOT.get(beds.KERNEL, ())
        support.equal([name for name in down if name not in expected], [], "sources that are down")
        wrong = [f"{name} {s.labels} {s.value}" for name in
                 ("tallyman_source_errors_total", "tallyman_metadata_errors_total", "tallyman_walk_errors_total")
                 for s in samples.get(name, ()) if float(s.value) != 0 and s.labels.get("source") not in expected]
        support.equal(wrong, [], "errors")


def check_identity(bed, samples, places, runtimes=tuple(RUNTIMES)):
    for runtime in runtimes:
        place = places[runtime.title]
        with bed.check(runtime.title, "identity"):
            info = series_of(samples, "container_info", place.id)
            support.equal(len(info), 1, f"series of container_info for {place.id}")
            labels = info[0].labels
            wanted = {"name": "", "image": "", "namespace": "", "pod": "", "container": "",
                      **runtime.labels, "kind": runtime.kind, "runtime": runtime.runtime}
            if "pod" in runtime.labels:
                wanted["name"] = labels["container_id"]
            support.equal({key: labels[key] for key in wanted}, wanted)


def check_digests(bed, samples, places):
    """The digest of the image, as the runtime's own tool has it."""
    for runtime in RUNTIMES:
        if runtime.runtime != "podman":
            continue
        with bed.check(runtime.title, "image digest"):
            podman = "as_dock podman" if runtime.title == "podman, rootless" else "podman"
            said = bed.guest(f"echo \"@@$({podman} image inspect -f '{{{{.Digest}}}}' {runtime.labels['image']})\"")
            digest = re.search("^@@(sha256:.*)$", said, re.MULTILINE)[1]
            found = series_of(samples, "container_image_info", places[runtime.title].id)
            support.equal([s.labels["digest"] for s in found], [digest])


def check_limits(bed, samples, places, runtimes=tuple(RUNTIMES)):
    for runtime in runtimes:
        cgroup = places[runtime.title].id
        with bed.check(runtime.title, "limits"):
            support.equal(number(samples, "container_spec_memory_limit_bytes", cgroup), runtime.memory, "memory")
            support.equal(number(samples, "container_spec_cpu_quota", cgroup), runtime.cpu, "quota")
            if runtime.cpu:
                support.equal(number(samples, "container_spec_cpu_period", cgroup), 100000, "period")
            if runtime.pids:
                support.equal(number(samples, "container_threads_max", cgroup), runtime.pids, "pids")
            for (device, operation), limit in runtime.io.items():
                support.equal(number(samples, "container_io_limit_bytes_per_second", cgroup, device=device,
                                     operation=operation), limit, f"{operation} {device}")


def check_files(bed, samples, before, after, places, runtimes=tuple(RUNTIMES)):
    for runtime in runtimes:
        with bed.check(runtime.title, "files"):
            place = places[runtime.title]
            wrong, compared = compare(samples, before, after, place.id,
                                      place.leaf if runtime.runtime == "podman" else None)
            require(not wrong, "\n".join(wrong))
            require(compared >= 6, f"only {compared} values compared")
    with bed.check("all other cgroups", "files"):
        wrong = []
        known = {place.id for place in places.values()}
        # What takes the readings, and the exporter itself, are not the same before and after.
        busy = {"/", "/system.slice", "/system.slice/agent.service", "/system.slice/tallyman.service"}
        others = {s.labels["id"] for s in samples["container_info"]} - known - busy
        for cgroup in sorted(others):
            wrong += compare(samples, before, after, cgroup)[0]
        require(not wrong, "\n".join(wrong))
        require(len(others) > 20, f"only {len(others)} others")


def check_structure(bed, samples, places, files):
    """Nothing within a container, no sandbox, nothing twice."""
    ids = collections.Counter(s.labels["id"] for s in samples["container_info"])
    with bed.check("all cgroups", "nothing twice"):
        support.equal([i for i, n in ids.items() if n > 1], [])
        keys = collections.Counter((name, tuple(sorted(s.labels.items())))
                                   for name, group in samples.items() for s in group)
        support.equal([k for k, n in keys.items() if n > 1], [])
    with bed.check("all cgroups", "nothing missing"):
        exported = set(ids)
        workloads = {s.labels["id"] for s in samples["container_info"]
                     if s.labels["kind"] in ("container", "machine", "vm")}
        paths = {path.removeprefix("/sys/fs/cgroup").removesuffix("/cpu.stat") or "/"
                 for path in files if path.endswith("/cpu.stat")}
        sandboxes = set(bed.sandboxes)
        inside = {p for p in paths if any(p.startswith(w + "/") for w in workloads | sandboxes)}
        support.equal(sorted(exported & inside), [], "cgroups within containers that are exported")
        support.equal(sorted(paths - inside - sandboxes - exported), [], "cgroups that are not exported")
    for runtime in RUNTIMES:
        place = places[runtime.title]
        if runtime.up:
            with bed.check(runtime.title, "rolls up"):
                require(place.leaf not in ids, f"{place.leaf} is exported")


def check_sandboxes(bed, samples):
    ids = {s.labels["id"] for group in samples.values() for s in group if "id" in s.labels}
    for runtime, names in {"containerd CRI": ["web-7d4b9c", "db-0", "batch-x1"],
                           "CRI cgroupfs": ["web-cgfs", "db-cgfs", "batch-cgfs"], "podman pod": ["shop"]}.items():
        with bed.check(runtime, "no sandbox"):
            for name in names:
                path = next(p for p, n in bed.sandboxes.items() if n == name)
                require(path not in ids, f"the sandbox of {name} is exported: {path}")


def find_sandboxes(bed):
    """{cgroup: pod} of pause and infra containers."""
    output = bed.guest(r"""
for id in $(ctr -n k8s.io containers ls -q); do
	info=$(ctr -n k8s.io containers info "$id")
	[ "$(jq -r '.Labels["io.cri-containerd.kind"]' <<< "$info")" = sandbox ] || continue
	echo "@@$(cgroup_of "$(task k8s.io "$id")")@@$(jq -r '.Labels["io.kubernetes.pod.name"]' <<< "$info")"
done
infra=$(cgroup_of "$(podman inspect -f '{{.State.Pid}}' "$(podman pod inspect -f '{{.InfraContainerID}}' shop)")")
echo "@@${infra%/container}@@shop"
""")
    bed.sandboxes = dict(re.findall(r"^@@(/.*)@@(.*)$", output, re.MULTILINE))
    support.equal(len(bed.sandboxes), 7, "sandboxes")


def parse_duration(text):
    """Go's notation, in seconds."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+)(h|ms|us|µs|ns|m|s)", text))


CPU, MEMORY, PIDS = "container_cpu_usage_seconds_total", "container_memory_usage_bytes", "container_threads"
RSS, LIMIT = "container_memory_rss", "container_spec_memory_limit_bytes"


def docker_stats(text):
    data = json.loads(text)
    found = {CPU: data["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, PIDS: data["pids_stats"]["current"],
             MEMORY: data["memory_stats"]["usage"]}
    if data["name"] == "/web":
        found[LIMIT] = data["memory_stats"]["limit"]
        found["container_threads_max"] = data["pids_stats"]["limit"]
        found["container_network_receive_bytes_total"] = data["networks"]["eth0"]["rx_bytes"]
        found["container_network_transmit_bytes_total"] = data["networks"]["eth0"]["tx_bytes"]
        found["container_cpu_cfs_throttled_seconds_total"] = \
            data["cpu_stats"]["throttling_data"]["throttled_time"] / 1e9
    return found


def podman_stats(text):
    data = json.loads(text)[0]
    size = re.match(r"([\d.]+)(B|kB|MB|GB) / ([\d.]+)(B|kB|MB|GB)", data["mem_usage"])
    units = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
    found = {CPU: parse_duration(data["cpu_time"]), PIDS: int(data["pids"]),
             RSS: float(size[1]) * units[size[2]]}  # Podman 4 takes "anon" of memory.stat for it
    if data["name"] == "pweb":
        found[LIMIT] = float(size[3]) * units[size[4]]
    return found


def containerd_stats(text):
    data = json.loads(text)
    return {CPU: data["cpu"]["usage_usec"] / 1e6, PIDS: data["pids"]["current"],
            MEMORY: data["memory"]["usage"], RSS: data["memory"].get("anon", 0)}


def runc_stats(text):
    data = json.loads(text)["data"]
    return {CPU: data["cpu"]["usage"]["total"] / 1e9, PIDS: data["pids"]["current"],
            MEMORY: data["memory"]["usage"]["usage"]}


def systemd_stats(text):
    data = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    found = {CPU: int(data["CPUUsageNSec"]) / 1e9, PIDS: int(data["TasksCurrent"]),
             MEMORY: int(data["MemoryCurrent"])}
    if data["MemoryMax"] != "infinity":
        found[LIMIT] = int(data["MemoryMax"])
    if data["TasksMax"] != "infinity":
        found["container_threads_max"] = int(data["TasksMax"])
    return found


def virsh_stats(text):
    return {CPU: int(re.search(r"cpu\.time=(\d+)", text)[1]) / 1e9}


STATS = {
    "docker": ("curl -s --unix-socket /run/docker.sock 'http://d/containers/{0}/stats?stream=false&one-shot=true'",
               docker_stats),
    "podman": ("podman stats --no-stream --format json {0}", podman_stats),
    "cri": ('ctr -n k8s.io tasks metrics --format json "$(cri_id {0} {1})"', containerd_stats),
    "ctr": ("ctr tasks metrics --format json {0}", containerd_stats),
    "runc": ("runc events --stats {0}", runc_stats),
    "systemd": ("systemctl show -p CPUUsageNSec,TasksCurrent,TasksMax,MemoryCurrent,MemoryMax {0}",
                systemd_stats),
    "virsh": ("virsh domstats --cpu-total {0}", virsh_stats),
}


def ask_runtimes(bed, runtimes):
    """{title: what the runtime's own tool prints}."""
    script = ""
    for runtime in runtimes:
        tool, *words = runtime.stats.split()
        script += f"echo '@@{runtime.title}'\n{STATS[tool][0].format(*words)}\n"
    parts = re.split(r"^@@(.*)\n", bed.guest(script), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def check_stats(bed, places):
    asked = [runtime for runtime in RUNTIMES if runtime.stats]
    before = bed.metrics()
    answers = ask_runtimes(bed, asked)
    after = bed.metrics()
    for runtime in asked:
        cgroup = places[runtime.title].id
        with bed.check(runtime.title, "own stats"):
            wrong = []
            for metric, value in STATS[runtime.stats.split()[0]][1](answers[runtime.title]).items():
                ours = [number(samples, metric, cgroup) for samples in (before, after)]
                require(None not in ours, f"no {metric} of {cgroup}, but {value}")
                wrong += between(f"{metric}, the runtime says", value, *ours)
            require(not wrong, "\n".join(wrong))


def net_dev(text):
    """{interface: counters} of a net/dev."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        found[name.strip()] = [int(word) for word in numbers.split()]
    return found


def find_namespaces(bed):
    """{inode: one pid in it} of all network namespaces."""
    output = bed.guest("for p in /proc/[0-9]*; do echo \"$(readlink \"$p/ns/net\") ${p#/proc/}\"; done; true")
    found = {}
    for inode, pid in re.findall(r"net:\[(\d+)\] (\d+)", output):
        found.setdefault(inode, int(pid))
    return found


def check_network(bed, samples, before, after, namespaces, places):
    """Every network namespace once, on the row of whoever owns it, with the counters of its net/dev."""
    host = next(inode for inode, pid in namespaces.items() if pid == 1)
    owners = collections.defaultdict(set)
    for s in samples["container_network_namespace_info"]:
        owners[s.labels["netns"]].add(s.labels["owner"])
    wanted_ids = {"/"}
    with bed.check("all network namespaces", "counters"):
        wrong = []
        for inode, pid in namespaces.items():
            first, second = (net_dev(files[f"/proc/{pid}/net/dev"]) for files in (before, after))
            interfaces = [name for name in first if name != "lo"] if inode != host else ["eth0"]
            support.equal(len(owners[inode]), 1, f"owners of {inode} (pid {pid})")
            owner = next(iter(owners[inode]))
            if interfaces:
                wanted_ids.add(owner)
            for metric, column in NETWORK.items():
                for interface in interfaces:
                    value = number(samples, metric, owner, interface=interface)
                    require(value is not None, f"no {metric} of {owner} {interface}")
                    wrong += between(f"{metric} of {owner} {interface}", value, first[interface][column],
                                     second[interface][column])
        require(not wrong, "\n".join(wrong))
    with bed.check("all network namespaces", "each once"):
        for metric in NETWORK:
            rows = collections.Counter((s.labels["id"], s.labels["interface"]) for s in samples[metric])
            support.equal({cgroup for cgroup, _ in rows}, wanted_ids, metric)
            support.equal([row for row, n in rows.items() if n > 1], [], metric)
    metric = "container_network_receive_bytes_total"
    with bed.check("docker", "network"):
        support.equal(len(series_of(samples, metric, places["docker"].id)), 1, "series of web, which has a sidecar")
        support.equal(series_of(samples, metric, places["docker, host network"].id), [], "series of hostnet")
    with bed.check("podman, network", "network"):
        support.equal(len(series_of(samples, metric, places["podman, network"].id)), 1)
    for runtime in RUNTIMES:
        if "pod" not in runtime.labels:
            continue
        with bed.check(runtime.title, "network"):
            cgroup = places[runtime.title].id
            pod = series_of(samples, metric, cgroup.rpartition("/")[0])
            support.equal(len(pod), 1, "series of the pod")
            support.equal({key: pod[0].labels[key] for key in ("namespace", "pod", "container", "image")},
                          {"namespace": runtime.labels["namespace"], "pod": runtime.labels["pod"],
                           "container": "", "image": ""})
            support.equal(series_of(samples, metric, cgroup), [], "series of the container")


def check_work(bed, places):
    """Work of known size in every workload changes its values by that, and no other's."""
    workers = [r for r in RUNTIMES if r.kind != "vm"]  # a threaded cgroup takes no process
    before = bed.metrics()
    lines = "".join(f"python3 /tallyman/work.py {places[r.title].leaf!r} {i} > /run/work/{i}.log 2>&1 &\n"
                    for i, r in enumerate(workers))
    output = bed.guest(f"""
mkdir -p /run/work
{lines}
for _ in $(seq 600); do
	[ "$(find /run/work -name '*[0-9]' | wc -l)" -lt {len(workers)} ] || break
	sleep 0.1
done
sleep 1
for i in $(seq 0 {len(workers) - 1}); do
	read -r pid rest < "/run/work/$i"
	read -r run_time _ < "/proc/$pid/schedstat"
	echo "@@$i@@${{run_time:-}} ${{rest:-}}@@$(head -n 5 /run/work/$i.log | tr '\\n' ' ')"
done""")
    after = bed.metrics()
    done = {int(i): (text, log) for i, text, log in re.findall(r"^@@(\d+)@@(.*?)@@(.*)$", output, re.MULTILINE)}
    for i, runtime in enumerate(workers):
        cgroup = places[runtime.title].id
        with bed.check(runtime.title, "known work"):
            text, log = done[i]
            require(text.strip(), f"the work failed: {log}")
            until, outside, since, child, memory, written = map(float, text.split())
            least, most = ((until - n + child) / 1e9 for n in (since, outside))

            def grown(metric, cgroup=cgroup, **labels):
                return (number(after, metric, cgroup, **labels) or 0) - (number(before, metric, cgroup, **labels) or 0)
            got = grown(CPU)
            require(least * 0.99 - 0.003 <= got <= most * 1.01 + 0.003,
                    f"CPU: {got} s, but {least} to {most} s were used")
            for metric, wanted in ((RSS, memory), (PIDS, 1)):
                if number(after, metric, cgroup) is None:
                    continue  # the controller is not on there
                got = grown(metric)
                require(wanted * 0.99 <= got <= wanted * 1.01 + (256 << 10 if metric == RSS else 0),
                        f"{metric}: grew by {got}, but {wanted} were taken")
            if number(after, MEMORY, cgroup) is not None:
                require(grown(MEMORY) >= memory * 0.99, f"memory: grew by {grown(MEMORY)}")
            if number(after, "container_fs_writes_bytes_total", cgroup, device="/dev/vda") is not None:
                got = grown("container_fs_writes_bytes_total", device="/dev/vda")
                require(written * 0.99 <= got <= written * 1.01, f"written: {got}, but {written}")
            elif runtime.title in ("docker", "podman", "systemd transient", "containerd CRI, burstable"):
                require(False, "no I/O is shown")
    # Ended by their ids: what they were is in the files.
    bed.guest("for f in /run/work/*[0-9]; do kill \"$(cut -d' ' -f1 \"$f\")\"; done; rm -rf /run/work /var/tmp/work-*")


def test(bed):
    # The first scrape of all: nothing was learnt before it.
    samples = bed.metrics()
    places = bed.locate()
    check_identity(bed, samples, places)
    check_digests(bed, samples, places)
    check_limits(bed, samples, places)
    find_sandboxes(bed)
    namespaces = find_namespaces(bed)
    names = sorted({file for _, _, file, _, _ in EXPECTED})
    nets = [f"/proc/{pid}/net/dev" for pid in namespaces.values()]
    before = bed.files(names, nets)
    samples = bed.metrics()
    after = bed.files(names, nets)
    check_files(bed, samples, before, after, places)
    check_structure(bed, samples, places, before)
    check_scrape(bed, samples)
    check_sandboxes(bed, samples)
    check_network(bed, samples, before, after, namespaces, places)
    check_stats(bed, places)
    check_work(bed, places)


if __name__ == "__main__":
    beds.main(test)
