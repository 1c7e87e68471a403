#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900
"""Starts, stops, ends and OOM kills as the probe tells them, against the kernel's own tracing and log:
real containers that listen after a known sleep, ignore SIGTERM for a known time, start and lose a known
number of processes, and run out of their own limit, of an ancestor's, and of the machine's memory."""

import json
import re
import time

import bed as beds
from bed import number, require
import support

SLEEP_S, PATIENCE_S = 2, 3
# A tracepoint has the probe and the tracer called one after the other; in between a virtual processor
# may have to wait.
APART_S = 0.15
BEGIN = """mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
cd /sys/kernel/tracing
echo mono > trace_clock
echo 16384 > buffer_size_kb
echo > trace
echo 'newstate == 10' > events/sock/inet_sock_set_state/filter
for e in cgroup/cgroup_mkdir cgroup/cgroup_rmdir cgroup/cgroup_attach_task sched/sched_process_exec \\
	sched/sched_process_exit signal/signal_generate sock/inet_sock_set_state; do echo 1 > events/$e/enable; done
cd - > /dev/null
"""
END = """
echo 0 > /sys/kernel/tracing/events/enable
echo @@trace
cat /sys/kernel/tracing/trace
"""
SLOW = f"trap \\\"\\\" TERM; sleep {SLEEP_S}; exec httpd -f -p 80"
TOOLS = {"docker": ("docker", "demo/busybox:1.0", 0), "podman": ("podman", "localhost/demo/busybox:1.0", 1)}
HOG = "dd if=/dev/zero of=/dev/null bs={}M count=1"


class Trace:
    """Lines of the kernel's trace: (seconds, pid of who was running, event, text behind it)."""
    LINE = re.compile(r"^\s*.*-(\d+)\s+\[\d+\]\s+\S+\s+([\d.]+): (\w+): (.*)$", re.MULTILINE)

    def __init__(self, text):
        entries = re.search(r"entries-in-buffer/entries-written: (\d+)/(\d+)", text)
        require(entries and entries[1] == entries[2], f"the trace is not whole: {entries and entries[0]}")
        self.lines = [(float(time), int(pid), event, rest) for pid, time, event, rest in self.LINE.findall(text)]

    def first(self, event, pattern, after=0.0):
        """When it first happened; fails if it has not."""
        for when, pid, name, rest in self.lines:
            if name == event and when >= after and re.search(pattern, f"by={pid} {rest}"):
                return when
        raise AssertionError(f"the kernel's trace has no {event} {pattern}")


def events(bed, kind, path):
    page = json.loads(support.http_get("127.0.0.1", bed.port, f"/api/v1/events?type={kind}&limit=10000").text)
    return [event for event in page["items"] if event["path"] == path]


def the_event(bed, kind, path):
    support.wait_for(lambda: events(bed, kind, path), f"{kind} of {path} is told", 30)
    found = events(bed, kind, path)
    support.equal(len(found), 1, f"{kind} of {path}")
    return found[0]


def distribution(samples, which, image, stage):
    """(count, sum) of a histogram of all kinds of workloads."""
    wanted = {"image": image, "stage": stage}
    return tuple(sum(float(s.value) for s in samples.get(f"container_{which}_duration_seconds_{part}", ())
                     if {key: s.labels[key] for key in wanted} == wanted) for part in ("count", "sum"))


def near(got, wanted, what):
    require(got is not None and abs(got - wanted) <= APART_S, f"{what}: {got} s, the trace says {wanted:.3f} s")


def check_times(bed, title):
    """One container from its making to its removal."""
    tool, image, up = TOOLS[title]
    before = bed.metrics()
    text = bed.guest(BEGIN + f"""
{tool} run -d --name slow {'--network none' if up else ''} {image} sh -c "{SLOW}" > /dev/null
pid=$({tool} inspect -f '{{{{.State.Pid}}}}' slow)
echo "@@place $pid $(cgroup_of "$pid")"
for _ in $(seq 300); do nsenter -t "$pid" -n cat /proc/net/tcp6 /proc/net/tcp | grep -q ' 0A ' && break; sleep 0.1; done
{tool} stop -t {PATIENCE_S} slow > /dev/null
{tool} rm -f slow > /dev/null""" + END)
    pid, path = re.search(r"^@@place (\d+) (/.*)$", text, re.MULTILINE).groups()
    for _ in range(up):
        path = path.rpartition("/")[0]
    trace, group = Trace(text.partition("@@trace")[2]), re.escape(path)
    made = trace.first("cgroup_mkdir", f" path={group}$")
    entered = trace.first("cgroup_attach_task", f" dst_path={group}(/.*)? pid=", made)
    executed = trace.first("sched_process_exec", f" pid={pid} ", entered)
    listens = trace.first("inet_sock_set_state", f"^by={pid} .*newstate=TCP_LISTEN", executed)
    stopped = trace.first("signal_generate", rf"sig=15 .* pid={pid} ", listens)
    ended = trace.first("sched_process_exit", f" pid={pid} ", stopped)
    removed = trace.first("cgroup_rmdir", f" path={group}$", ended)
    require(listens - executed >= SLEEP_S and ended - stopped >= PATIENCE_S, "it was not as slow as it should be")
    near(the_event(bed, "executed", path)["seconds"], executed - made, "made to first program")
    near(the_event(bed, "listening", path)["seconds"], listens - made, "made to first socket")
    exited = the_event(bed, "exited", path)
    near(exited["seconds"], ended - stopped, "stop signal to end")
    support.equal((exited["signal"], exited["exit_code"]), (9, 137), "how it ended")
    support.equal(the_event(bed, "gone", path)["exit_code"], 137, "exit code")
    after = bed.metrics()
    for which, stage, took in (("start", "exec", executed - made), ("start", "listen", listens - made),
                               ("stop", "exit", ended - stopped), ("stop", "removed", removed - stopped)):
        (count, total), (count_was, total_was) = (distribution(s, which, image, stage) for s in (after, before))
        support.equal(count - count_was, 1, f"{which}, {stage}: more")
        near(total - total_was, took, f"{which}, {stage}")
        print(f"# {title}: {which}, {stage}: {total - total_was:.3f} s, by the trace {took:.3f} s")


# (number, program, labels of its ends); /bin/NAME, or the shell would be it.
ENDS = ((20, "/bin/true", {"code": "0"}), (7, "/bin/false", {"code": "1"}),
        (3, "/bin/sh -c 'exit 42'", {"code": "other"}), (2, "/bin/sh -c 'exit 126'", {"code": "126"}),
        (5, "/bin/sh -c 'kill -SEGV $$'", {"signal": "SEGV"}), (4, "/bin/sh -c 'kill -TERM $$'", {"signal": "TERM"}))


def check_counts(bed):
    """Programs of a known number that end in known ways, and how often the kernel was seen to start one."""
    loops = "".join(f"i=0; while [ $i -lt {times} ]; do {program}; i=$((i + 1)); done\n" for times, program, _ in ENDS)
    text = bed.guest(f"""docker run -d --name ends --network none demo/busybox:1.0 sleep 1000000 > /dev/null
pid=$(docker inspect -f '{{{{.State.Pid}}}}' ends)
echo "@@place $(cgroup_of "$pid")" """)
    path = re.search(r"^@@place (/.*)$", text, re.MULTILINE)[1]
    before = bed.metrics()
    # In its cgroup and in nothing else, so that no helper of docker exec is counted.
    text = bed.guest(BEGIN + f"""cat > /run/ends.sh <<'T'
{loops}T
(echo $BASHPID > /sys/fs/cgroup{path}/cgroup.procs; exec /bin/busybox sh /run/ends.sh > /dev/null 2>&1)
""" + END)
    trace = Trace(text.partition("@@trace")[2])
    after = bed.metrics()

    def more(name, **labels):
        return (number(after, name, path, **labels) or 0) - (number(before, name, path, **labels) or 0)

    wanted = sum(times for times, _, _ in ENDS) + 1
    programs = ("/bin/true", "/bin/false", "/bin/sh", "/bin/busybox")
    traced = sum(event == "sched_process_exec" and any(f"filename={p} " in rest for p in programs)
                 for _, _, event, rest in trace.lines)
    require(traced >= wanted, f"the trace has {traced} starts of {wanted}")
    support.equal(more("container_execs_total"), wanted, "programs started")
    for times, program, labels in ENDS:
        extra = labels.get("code") == "0"  # the shell itself
        support.equal(more("container_exits_total", **{"code": "", "signal": "", **labels}), times + extra, program)
    bed.guest("docker rm -f ends > /dev/null")


def check_ends(bed):
    """How containers ended, as Docker says; each waits until it has been found."""
    ends = {"code42": "exit 42", "killed": "sleep 1000000", "missing": "/no/such/program"}
    run = "docker run -d --name {0} --network none demo/busybox:1.0 sh -c 'until [ -e /go ]; do sleep 0.2; done; {1}' > /dev/null"
    text = bed.guest("\n".join(run.format(*end) for end in ends.items()) + f"""
for name in {' '.join(ends)}; do
	pid=$(docker inspect -f '{{{{.State.Pid}}}}' $name)
	echo "@@place $name $(cgroup_of "$pid")"
	touch "/proc/$pid/root/go"
done
docker kill -s KILL killed
for name in {' '.join(ends)}; do
	echo "@@code $name $(docker wait $name)"
done
docker rm {' '.join(ends)}""")
    places = dict(re.findall(r"^@@place (\S+) (/.*)$", text, re.MULTILINE))
    codes = dict(re.findall(r"^@@code (\S+) (\d+)$", text, re.MULTILINE))
    for name in ends:
        path, code = places[name], int(codes[name])
        exited = the_event(bed, "exited", path)
        support.equal((exited["exit_code"], exited["signal"]), (code, code - 128 if code > 128 else None), name)


KILLED = re.compile(r"oom-kill:constraint=(\w+),.*?(?:oom_memcg=(\S*?)|(global_oom)),task_memcg=(\S+),task=(\S+),pid=(\d+)")
MEMORY = re.compile(r"Killed process (\d+) \((\S+)\) .*anon-rss:(\d+)kB, file-rss:(\d+)kB, shmem-rss:(\d+)kB.*"
                    r"oom_score_adj:(-?\d+)")


def check_victim(bed, script, constraint):
    """An OOM kill: who, how big and for whose limit, by the kernel's log."""
    log = bed.guest("dmesg -C\n" + script + "\ndmesg")
    killed, memory = KILLED.search(log), MEMORY.search(log)
    require(killed and memory, f"the kernel says of no kill:\n{log[-2000:]}")
    which, limit, _, path, process, pid = killed.groups()
    support.equal(which, constraint, "the kernel's reason")
    event = the_event(bed, "oom_kill", path)
    victim = event["victim"]
    if victim is None or not victim["process"]:
        return None, event  # Linux before 6.10, and another process ran the OOM killer
    pages = {name: int(kb) * 1024 for name, kb in zip(("anon", "file", "shmem"), memory.groups()[2:5])}
    support.equal((victim["process"], victim["pid"], victim["oom_score_adj"]), (process, int(pid), int(memory[6])))
    for name, size in pages.items():
        # Each processor keeps some pages that it has not counted yet.
        require(abs(victim[f"{name}_bytes"] - size) <= max(size / 50, beds.MIB), f"{name}: {victim}, wanted {pages}")
    return limit, event


def check_ooms(bed):
    with bed.check("OOM kill", "for its own limit"):
        limit, event = check_victim(bed, f"docker run --name own -m 32m demo/busybox:1.0 {HOG.format(100)}", "CONSTRAINT_MEMCG")
        support.equal((event["victim"]["limit"], event["victim"]["limit_path"]), ("cgroup", limit))
        support.equal(limit, event["path"])
    with bed.check("OOM kill", "for an ancestor's limit"):
        limit, event = check_victim(bed, f"""systemd-run --quiet --unit=tight-keep --slice=tight.slice sleep 1000000
systemctl set-property --runtime tight.slice MemoryMax=48M MemorySwapMax=0
docker run --name above --cgroup-parent tight.slice demo/busybox:1.0 {HOG.format(100)}""", "CONSTRAINT_MEMCG")
        support.equal((event["victim"]["limit"], event["victim"]["limit_path"]), ("cgroup", limit))
        support.equal(limit, "/tight.slice")
    with bed.check("OOM kill", "for the machine's memory"):
        limit, event = check_victim(bed, "swapoff -a; echo 1 > /proc/sys/vm/overcommit_memory; docker run --name machine --oom-score-adj 1000 demo/busybox:1.0 " +
                                    HOG.format(beds.vm.MEMORY_MB + 100) + "; true", "CONSTRAINT_NONE")
        if limit is None and beds.KERNEL == "6.1":
            support.skip("this kernel tells of a victim only where it runs the OOM killer itself")
        support.equal((event["victim"]["limit"], event["victim"]["limit_path"]), ("machine", None))


def test(bed):
    bed.metrics()
    time.sleep(1)
    for title in TOOLS:
        with bed.check(title, "times of start and stop, as traced"):
            check_times(bed, title)
    with bed.check("docker", "programs started and their ends"):
        check_counts(bed)
    with bed.check("docker", "how containers ended"):
        check_ends(bed)
    check_ooms(bed)


if __name__ == "__main__":
    beds.main(test, beds.only("lifetime"))
